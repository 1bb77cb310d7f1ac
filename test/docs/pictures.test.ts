import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { folder, type Results } from '../../bench/lib/results.js';
import { barChart, barsOf } from '../../bench/report/readme.js';
import { themes } from '../../scripts/lib/themes.js';
import { root, textOf } from './pages.js';

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** What is wrong with the nesting of an XML text's elements, or with its `&`s and `<`s. */
function faultOf(xml: string): string | undefined {
  if (/&(?!(?:amp|lt|gt|quot|apos|#\d+);)/.test(xml)) return 'a bare &';
  const open: string[] = [];
  for (const [tag, closing, name, attributes, single] of xml.matchAll(
    /<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
  )) {
    if (closing === '/') {
      const last = open.pop();
      if (last !== name || attributes !== '') return `${tag} closes <${last}>`;
    } else if (single === '') open.push(name!);
  }
  const rest = xml.replace(/<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g, '');
  if (rest.includes('<')) return `no element: ${rest.slice(rest.indexOf('<'), rest.indexOf('<') + 40)}`;
  return open.length === 0 ? undefined : `<${open.at(-1)}> is not closed`;
}

describe("the documentation's pictures", () => {
  const pictures = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.svg'))
    .map((name) => `docs/${name}`);

  for (const picture of pictures) {
    it(`${picture} is well-formed, scales, and brings its own paper`, () => {
      const svg = read(picture);
      expect(faultOf(svg)).equal(undefined);
      expect(svg).match(/^<svg [^>]*viewBox="/);
      expect(svg).match(/<rect [^>]*fill="#/);
      expect(svg).not.include('var(--');
    });
  }

  it('come for light and for dark pages on the README', () => {
    const found = [...textOf('README.md').matchAll(/<picture>([\s\S]*?)<\/picture>/g)].map(([, inside]) => inside!);
    expect(found).not.empty;
    expect(textOf('README.md').match(/<img /g)).length(found.length);
    for (const inside of found) {
      const dark = inside.match(/<source media="\(prefers-color-scheme: dark\)" srcset="([^"]*)-dark\.svg">/)?.[1];
      const light = inside.match(/<img alt="[^"]+" src="([^"]*)-light\.svg"/)?.[1];
      expect(light).a('string').equal(dark);
      for (const [name, { paper, ink }] of Object.entries(themes)) {
        expect(existsSync(join(root, `${light}-${name}.svg`))).equal(true);
        expect(read(`${light}-${name}.svg`))
          .include(paper)
          .include(ink);
      }
    }
  });

  it('show the latest ratios, which the README names', () => {
    const latest = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Results)
      .filter((results) => !('kind' in results) && results.step.length > 0)
      .at(-1)!;
    const bars = barsOf(latest.step);
    for (const [name, theme] of Object.entries(themes)) {
      expect(read(`docs/pictures/ratios-${name}.svg`), 'npm run bench:report').equal(barChart(bars, theme));
    }
    const ratios = bars.map(({ ratio }) => ratio);
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(1));
    expect(textOf('README.md')).match(new RegExp(`alt="[^"]*from ${least} .* to ${most} `));
  });
});
