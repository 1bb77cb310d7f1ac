// Runs in a page with one <svg>.

/** What is wrong with its texts: outside of the picture, hard to read, or over each other. */
globalThis.faultsOfTexts = () => {
  const svg = document.querySelector('svg');
  const paper = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter(({ textContent }) => textContent.trim());
  const boxes = texts.map((text) => ({ text, words: text.textContent.trim(), box: text.getBoundingClientRect() }));
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map((value) => {
      const x = Number(value) / 255;
      return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = luminance(getComputedStyle(svg.querySelector('rect')).fill);
  const faults = texts.length < 10 ? [`only ${texts.length} texts`] : [];
  boxes.forEach(({ text, words, box }, i) => {
    // Half a pixel is rounding.
    const inside =
      box.left > paper.left - 0.5 &&
      box.right < paper.right + 0.5 &&
      box.top > paper.top - 0.5 &&
      box.bottom < paper.bottom + 0.5;
    if (!inside) faults.push(`"${words}" leaves the picture`);
    const [dark, light] = [background, luminance(getComputedStyle(text).fill)].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faults.push(`"${words}" has a contrast of ${contrast.toFixed(2)}`);
    for (const other of boxes.slice(i + 1)) {
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      // The boxes of two lines may touch; their letters do not.
      if (across > 1 && down > 0.4 * Math.min(box.height, other.box.height)) {
        faults.push(`"${words}" and "${other.words}" lie over each other`);
      }
    }
  });
  return faults;
};
