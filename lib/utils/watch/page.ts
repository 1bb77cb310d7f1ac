// The report: one HTML page that needs neither a network nor a script. A page that is watched gets its content anew by the same code.
import { escaped, extent, heatMap, histogramChart, type Line, lineChart, type Mark } from './chart.js';
import { type Curve, finiteOf, type Run } from './run.js';
import { logBins, quantile, rollingMean } from './statistics.js';
import { color, style } from './style.js';
import { header, rowOf, short, verdict } from './verdict.js';

/** What the page says beside the runs. */
export interface PageText {
  title: string;
  /** Below the verdict: how the runs were made, for example. */
  about?: string | undefined;
}

const window = 20;
/** The most layers of a heat map, and the most columns of it. */
const mostLayers = 60;
const columns = 60;

/** A picture for wide pages and one for narrow ones, of which the page shows the one that fits. */
const both = (draw: (width: number) => string): string =>
  `<div class="wide">${draw(820)}</div><div class="narrow">${draw(370)}</div>`;

const key = (index: number): string => `<span class="key" style="background: ${color(index)}"></span>`;

/** A whole page around a content. */
export const page = (title: string, content: string, script = ''): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${style}
</style>
</head>
<body>
<main id="content">
${content}
</main>
${script}</body>
</html>
`;

/** What stands in the page. */
export function contentOf(runs: readonly Run[], { title, about }: PageText): string {
  const parts = [`<h1>${escaped(title)}</h1>`, `<p class="verdict">${escaped(verdict(runs))}</p>`];
  if (about !== undefined) parts.push(`<p class="note">${escaped(about)}</p>`);
  if (runs.length > 0)
    parts.push(tableOf(runs), ...[lossOf, normsOf, ratesOf, tailsOf, layersOf].map((part) => part(runs)));
  return parts.filter((part) => part !== '').join('\n');
}

function tableOf(runs: readonly Run[]): string {
  const more = [...new Set(runs.flatMap(({ results }) => [...results.keys()]))];
  const head = [...header, ...more].map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const rows = runs.map((run, i) => {
    const results = more.map((column) => run.results.get(column) ?? '-');
    const [name, ...rest] = [...rowOf(run), ...results].map(escaped);
    return `<tr><th scope="row">${key(i)}${name}</th>${rest.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<div class="scroll" role="region" aria-label="The runs in numbers" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>
<p class="note">Loss at the end: the mean of the last ${window} steps. Norms: of the whole gradient, before clipping. Tail: steps whose norm lies
above Q3 + 1.5 IQR; it would be 0.35% of normal ones.</p>`;
}

const legend = (runs: readonly Run[]) =>
  `<ul class="legend">${runs.map((run, i) => `<li>${key(i)}${escaped(run.name)}</li>`).join('')}</ul>`;

/** Whether values are better seen on a logarithmic scale: positive, and some far from others. */
function spansDecades(lists: readonly (readonly number[])[]): boolean {
  const whole = extent(lists);
  return whole !== undefined && whole[0] > 0 && whole[1] / whole[0] > 20;
}

function lossOf(runs: readonly Run[]): string {
  const isLog = spansDecades(runs.map(({ loss }) => loss.values));
  const lines = runs.flatMap(({ loss }, i): Line[] => [
    { ...loss, color: color(i), isFaint: true },
    { steps: loss.steps, values: rollingMean(loss.values, window), color: color(i) },
  ]);
  // Those behind first.
  lines.sort((a, b) => Number(b.isFaint ?? false) - Number(a.isFaint ?? false));
  const label = `Training loss by step. ${verdict(runs)}`;
  return `<h2>Training loss</h2>
${legend(runs)}
<p class="note">Faint: each step. Strong: the mean of the last ${window}.${isLog ? ' The scale is logarithmic.' : ''}</p>
${both((width) => lineChart(lines, { width, label, isLog }))}`;
}

function normsOf(runs: readonly Run[]): string {
  const drawn = runs.filter(({ norm }) => norm !== undefined);
  if (drawn.length === 0) return '';
  const isLog = spansDecades(drawn.map(({ norm }) => norm!.values));
  const domain = extent(
    drawn.flatMap(({ norm, threshold }) => [norm!.values, threshold?.values ?? []]),
    isLog,
  );
  const panels = runs.map(({ name, norm, threshold }, i) => {
    if (norm === undefined || domain === undefined) return '';
    const lines: Line[] = [{ ...norm, color: color(i), isFaint: true }];
    lines.push({ steps: norm.steps, values: rollingMean(norm.values, window), color: color(i) });
    if (threshold !== undefined) lines.push({ ...threshold, color: 'var(--ink)', isDashed: true });
    const finite = finiteOf(norm);
    const level = threshold === undefined ? '' : `, the level ends at ${short(threshold.values.at(-1)!)}`;
    const label = `Gradient norms of ${name}: median ${short(quantile(finite, 0.5))}, largest ${short(quantile(finite, 1))}${level}`;
    return `<h3>${key(i)}${escaped(name)}</h3>
${both((width) => lineChart(lines, { width, label, isLog, domain }))}`;
  });
  return `<h2>Gradient norms</h2>
<p class="note">Of the whole gradient, before clipping. Dashed: the level above which it is clipped.${isLog ? ' The scale is logarithmic.' : ''}</p>
${panels.filter((panel) => panel !== '').join('\n')}`;
}

function ratesOf(runs: readonly Run[]): string {
  if (!runs.some(({ clipped }) => clipped !== undefined)) return '';
  const lines = runs.flatMap(({ clipped }, i): Line[] =>
    clipped === undefined ? [] : [{ steps: clipped.steps, values: rollingMean(clipped.values, 50), color: color(i) }],
  );
  const show = (value: number) => `${Math.round(100 * value)}%`;
  const rates = runs.flatMap((run) => (run.clipped === undefined ? [] : [`${run.name} ${rowOf(run)[4]}`]));
  const label = `Share of clipped steps: ${rates.join(', ')}`;
  return `<h2>Clip rate</h2>
${runs.length > 1 ? legend(runs) : ''}
<p class="note">The share of the last 50 steps that were clipped.</p>
${both((width) => lineChart(lines, { width, label, domain: [0, 1], show }))}`;
}

function tailsOf(runs: readonly Run[]): string {
  const all = runs.map(({ norm }) => finiteOf(norm).filter((value) => value > 0));
  const whole = extent(all, true);
  if (whole === undefined) return '';
  const domain = [whole[0] / 1.2, whole[1] * 1.2] as const;
  const bins = all.map((norms) => logBins(norms, 12));
  const most = Math.max(...bins.flat().map(({ count }) => count));
  const panels = runs.map(({ name, threshold }, i) => {
    const norms = all[i]!;
    if (norms.length === 0) return '';
    const median = quantile(norms, 0.5);
    const marks: Mark[] = [{ at: median, label: `median ${short(median)}` }];
    const level = threshold?.values.at(-1);
    if (level !== undefined && Number.isFinite(level))
      marks.push({ at: level, label: `clipped above ${short(level)}` });
    const label = `Distribution of the gradient norms of ${name}: ${norms.length} steps, median ${short(median)}, largest ${short(quantile(norms, 1))}`;
    return `<h3>${key(i)}${escaped(name)}</h3>
${both((width) => histogramChart(bins[i]!, marks, { width, label, domain, most, color: color(i) }))}`;
  });
  return `<h2>Tail of the norms</h2>
<p class="note">How often each norm came. The counts are on a root scale, so that the few large norms of the tail can be seen.</p>
${panels.filter((panel) => panel !== '').join('\n')}`;
}

function layersOf(runs: readonly Run[]): string {
  const panels = runs.map(({ name, layers }, i) => {
    if (layers.size === 0) return '';
    const named = [...layers].map(([layer, curve]) => ({ name: layer, curve, cells: cellsOf(curve) }));
    // Where there are too many, those with the largest norms are shown.
    const medians = new Map(named.map(({ name: layer, curve }) => [layer, quantile(finiteOf(curve), 0.5)]));
    const largest = [...named]
      .sort((a, b) => (medians.get(b.name) || 0) - (medians.get(a.name) || 0))
      .slice(0, mostLayers);
    const shown = named.filter((layer) => largest.includes(layer));
    const all = named.flatMap(({ curve }) => [curve.steps[0]!, curve.steps.at(-1)!]);
    const steps = [Math.min(...all), Math.max(...all)] as const;
    const label = `Gradient norms of the layers of ${name}; the table below has them in numbers`;
    const left = named.length - shown.length;
    const rows = named.map(
      ({ name: layer, curve }) =>
        `<tr><th scope="row">${escaped(layer)}</th><td>${short(medians.get(layer)!)}</td><td>${short(curve.values.at(-1)!)}</td></tr>`,
    );
    return `<h3>${key(i)}${escaped(name)}</h3>
${both((width) => heatMap(shown, { width, label, steps }))}
${left > 0 ? `<p class="note">${left} layers with smaller norms are in the table only.</p>\n` : ''}<details><summary>Layers of ${escaped(name)} in numbers</summary>
<div class="scroll" role="region" aria-label="Layers of ${escaped(name)} in numbers" tabindex="0"><table>
<thead><tr><th scope="col">layer</th><th scope="col">median norm</th><th scope="col">last norm</th></tr></thead>
<tbody>${rows.join('')}</tbody></table></div></details>`;
  });
  const drawn = panels.filter((panel) => panel !== '');
  if (drawn.length === 0) return '';
  return `<h2>Layers</h2>
<p class="note">The norm of each parameter's gradient over the steps, on a logarithmic scale: the stronger the colour, the larger.</p>
${drawn.join('\n')}`;
}

/** The mean of each part of a curve. */
function cellsOf({ values }: Curve): number[] {
  const count = Math.min(columns, values.length);
  return Array.from({ length: count }, (_, i) => {
    const part = values.slice(Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
