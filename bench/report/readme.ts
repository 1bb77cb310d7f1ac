// The README's picture: six of the ratios of docs/benchmarks.md, once for light pages and once for dark ones.

import type { Theme } from '../../scripts/lib/themes.js';
import { type CaseName, cases } from '../lib/cases.js';
import type { StepRow } from '../lib/results.js';
import { type DtypeName, type ShapeName, shapes } from '../lib/shapes.js';
import { headline } from './groups.js';

const chosen: readonly [CaseName, ShapeName, DtypeName][] = [
  ['adamw', 'gpt2', 'float32'],
  ['adamw', 'resnet50', 'float32'],
  ['layerwise', 'resnet50', 'float32'],
  ['value', 'gpt2', 'float32'],
  ['agc', 'gpt2', 'float32'],
  ['adamw', 'small', 'float32'],
];

const names: Partial<Record<ShapeName, string>> = { small: '2,000 tensors of 1,000' };

export interface Bar {
  label: string;
  shape: string;
  ratio: number;
}

/** What the bars say: each case beside the fastest of its rivals in PyTorch. */
export function barsOf(rows: readonly StepRow[]): Bar[] {
  return chosen.map(([name, shape, dtype]) => {
    const row = rows.find((row) => row.case === name && row.shape === shape && row.dtype === dtype);
    if (row === undefined) throw new Error(`the results have no row of ${name}, ${shape}, ${dtype}`);
    return {
      label: cases[name].title,
      shape: names[shape] ?? shapes[shape].title,
      ratio: row.rivals[headline(row)]!.ratio,
    };
  });
}

const [width, top, step, left, right] = [760, 64, 34, 300, 690];

/** How many times as fast a step is, as bars that begin at 1 on a logarithmic axis. */
export function barChart(bars: readonly Bar[], { paper, ink, muted, line, accent }: Theme): string {
  const most = Math.max(...bars.map(({ ratio }) => ratio));
  const x = (ratio: number) => Math.round(left + ((right - left) * Math.log(Math.max(ratio, 1))) / Math.log(most));
  const bottom = top + step * bars.length;
  const ticks = [1, 1.5, 2, 3, 5, 10, 20, 50].filter((tick) => tick <= most);
  // Grid lines end before the letters that they would cross.
  const halo = `stroke="${paper}" stroke-width="6" paint-order="stroke"`;
  const text = (x: number, y: number, words: string, color: string, more = '') =>
    `<text x="${x}" y="${y}" fill="${color}" ${more}>${words}</text>`;
  const rows = bars.map(({ label, shape, ratio }, i) => {
    const y = top + step * i;
    return [
      text(left - 14, y + 14, label, ink, 'text-anchor="end" font-weight="600"'),
      text(left - 14, y + 28, shape, muted, 'text-anchor="end" font-size="12"'),
      `<rect x="${left}" y="${y + 6}" width="${x(ratio) - left}" height="20" rx="2" fill="${accent}"/>`,
      text(x(ratio) + 8, y + 21, `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`, ink, `font-weight="600" ${halo}`),
    ].join('\n');
  });
  const grid = ticks.map((tick) =>
    [
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="${top}" y2="${bottom + 4}" stroke="${tick === 1 ? muted : line}"/>`,
      text(x(tick), bottom + 20, String(tick), muted, 'text-anchor="middle" font-size="12"'),
    ].join('\n'),
  );
  const title = 'Clip and step: PyTorch&#39;s time over torch-clip&#39;s';
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${width} ${bottom + 34}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="14">
<title id="title">${title}: ${bars.map(({ label, shape, ratio }) => `${label} on ${shape} ${ratio.toFixed(2)}`).join('; ')}</title>
<rect width="${width}" height="${bottom + 34}" rx="8" fill="${paper}"/>
${text(24, 30, title, ink, 'font-size="16" font-weight="600"')}
${text(24, 50, 'against the fastest way in PyTorch, two cores of a CPU, float32', muted, 'font-size="13"')}
${[...grid, ...rows].join('\n')}
</svg>
`;
}
