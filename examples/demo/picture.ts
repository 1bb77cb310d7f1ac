// The demo's loss curves as images of their own, for the README: once for light pages and once for dark ones.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Theme, themes } from '../../scripts/lib/themes.js';
import { lossChart, type Series } from './charts.js';

const title = 'Training loss by step, without clipping and with it';

/** Writes `demo-light.svg` and `demo-dark.svg` into `folder`. */
export async function writePictures(runs: Series[], folder: string): Promise<void> {
  const chart = await lossChart(runs);
  for (const [name, theme] of Object.entries(themes))
    writeFileSync(join(folder, `demo-${name}.svg`), image(chart, theme));
}

/** The chart with the colours of a theme in place of the page's variables, and a background of its own. */
function image(chart: string, theme: Theme): string {
  const colors: Record<string, string> = { ink: theme.ink, muted: theme.muted, line: theme.line };
  theme.runs.forEach((color, i) => {
    colors[`run-${i}`] = color;
  });
  const [, width, height] = chart.match(/viewBox="0 0 ([\d.]+) ([\d.]+)"/)!.map(Number);
  const margin = 16;
  const box = `${-margin} ${-margin} ${width! + 2 * margin} ${height! + 2 * margin}`;
  const paper = `<rect x="${-margin}" y="${-margin}" width="${width! + 2 * margin}" height="${height! + 2 * margin}" rx="8" fill="${theme.paper}"/>`;
  return `${chart
    .replace(/var\(--([\w-]+)\)/g, (_, name: string) => colors[name]!)
    // A tenth of a pixel cannot be seen, and the file is half as large.
    .replace(/ (?:d|transform)="[^"]*"/g, (places) =>
      places.replace(/\d+\.\d{2,}/g, (number) => String(Math.round(Number(number) * 10) / 10)),
    )
    .replace(/viewBox="[^"]*">/, `viewBox="${box}" role="img"><title>${title}</title>${paper}`)}\n`;
}
