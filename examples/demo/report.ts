// The report: one self-contained HTML file, without network access or scripts.
import { lossChart, normChart, type Series } from './charts.js';
import { header, row } from './table.js';

const style = `
  :root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --muted: #59636e; --line: #d8dee4;
    --run-0: #d1571b; --run-1: #1668c1; --run-2: #12805c; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #14171c; --ink: #e8ebef; --muted: #9aa4b0; --line: #323942;
      --run-0: #ff9457; --run-1: #6cb2ff; --run-2: #4fd1a1; }
  }
  body { margin: 0; background: var(--paper); color: var(--ink);
    font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
  main { max-width: 860px; margin: 0 auto; padding: 48px 24px 64px; }
  h1 { font-size: 28px; line-height: 1.25; margin: 0 0 12px; }
  h2 { font-size: 19px; margin: 44px 0 4px; }
  p { margin: 0 0 12px; }
  .note { color: var(--muted); font-size: 14px; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; margin: 20px 0 8px; font-variant-numeric: tabular-nums; }
  th, td { padding: 8px 0 8px 16px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
  th { color: var(--muted); font-size: 13px; font-weight: 500; white-space: normal; vertical-align: bottom; }
  th:first-child, td:first-child { padding-left: 0; text-align: left; }
  td:first-child { font-weight: 600; }
  .key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 8px; }
  svg { display: block; width: 100%; height: auto; margin-top: 16px; }`;

/** The colour of the run at `index`, as the page defines it. */
export const color = (index: number): string => `var(--run-${index})`;

export async function report(runs: Series[], setting: string): Promise<string> {
  const cells = (list: string[], tag: string) => list.map((cell) => `<${tag}>${cell}</${tag}>`).join('');
  const rows = runs.map((run) => {
    const [name, ...rest] = row(run).map(escapeHtml);
    return `<tr>${cells([`${key(run)}${name}`, ...rest], 'td')}</tr>`;
  });
  const legend = runs.map((run) => `${key(run)}${escapeHtml(run.name)}`).join(' &ensp; ');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>torch-clip demo</title>
<style>${style}
</style>
<main>
<h1>The same training, with and without clipping</h1>
<p>${escapeHtml(setting)}</p>
<div class="scroll"><table>
<thead><tr>${cells(header, 'th')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>
<p class="note">Training loss: mean of the last 20 steps. Norms: of the whole gradient, before clipping.
Tail: steps whose norm lies above Q3 + 1.5 IQR; it would be 0.35% for a normal distribution.</p>
<h2>Training loss</h2>
<p class="note">${legend} &ensp; Faint: each step. Strong: the mean of the last 20.</p>
${await lossChart(runs)}
<h2>Gradient norms</h2>
<p class="note">Distribution of gradient norms. The counts are on a root scale, so that the few large norms of the tail can be seen.</p>
${await normChart(runs)}
</main>
</html>
`;
}

function key({ color }: Series): string {
  return `<span class="key" style="background: ${color}"></span>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
