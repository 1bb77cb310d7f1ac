// The report's pictures: Vega-Lite descriptions, drawn to SVG text here, so that the page needs no script.
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { type Bin, logBins, quantile } from './statistics.js';
import type { Run } from './train.js';

/** What a chart must know about a run besides its numbers. */
export interface Series extends Run {
  /** A CSS colour; the page defines it for light and dark. */
  color: string;
  /** The gradient norm that the run clips at, where it clips by norm. */
  clipLevel?: number | undefined;
}

// The colours are the page's CSS variables: the same SVG serves light and dark.
const config: TopLevelSpec['config'] = {
  background: 'transparent',
  font: 'system-ui, -apple-system, "Segoe UI", sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: 'var(--muted)',
    titleColor: 'var(--muted)',
    gridColor: 'var(--line)',
    domainColor: 'var(--line)',
    tickColor: 'var(--line)',
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 10,
  },
  title: { color: 'var(--ink)', fontSize: 13, fontWeight: 600, anchor: 'start', offset: 8 },
};

async function draw(spec: TopLevelSpec): Promise<string> {
  const svg = await new vega.View(vega.parse(compile({ ...spec, config }).spec), { renderer: 'none' }).toSVG();
  // The page scales the picture with its column: a size in the viewBox is enough.
  return svg.replace(/ width="[\d.]+" height="[\d.]+"/, '');
}

/** Training loss by step: each step faintly, and the mean of the last 20 steps; with the names of the runs where no page has them. */
export function lossChart(runs: Series[], { legend = false } = {}): Promise<string> {
  const values = runs
    .flatMap(({ name, losses }) => losses.map((loss, i) => ({ run: name, step: i + 1, loss })))
    .filter(({ loss }) => Number.isFinite(loss));
  const extent = [0, 1].map((q) =>
    quantile(
      values.map(({ loss }) => loss),
      q,
    ),
  );
  const ticks = [-3, -2, -1, 0, 1, 2, 3]
    .flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)))
    .filter((tick) => tick >= extent[0]! && tick <= extent[1]!);
  const color = {
    field: 'run',
    type: 'nominal',
    scale: { domain: runs.map((r) => r.name), range: runs.map((r) => r.color) },
    legend: legend
      ? {
          title: null,
          orient: 'top',
          labelFontSize: 14,
          labelLimit: 300,
          symbolOpacity: 1,
          labelColor: 'var(--ink)',
          symbolType: 'stroke',
          symbolStrokeWidth: 3,
        }
      : null,
  } as const;
  const x = { field: 'step', type: 'quantitative', title: 'step', axis: { grid: false, tickCount: 8 } } as const;
  const loss = (field: string) =>
    ({
      field,
      type: 'quantitative',
      title: 'training loss (cross-entropy)',
      // Logarithmic: a run that diverges must not flatten those that learn.
      scale: { type: 'log', nice: false },
      axis: { values: ticks, format: '~g' },
    }) as const;
  return draw({
    data: { values },
    width: 760,
    height: 300,
    layer: [
      {
        mark: { type: 'line', strokeWidth: 1, opacity: 0.25 },
        encoding: { x, y: loss('loss'), color },
      },
      {
        transform: [{ window: [{ op: 'mean', field: 'loss', as: 'smooth' }], frame: [-19, 0], groupby: ['run'] }],
        mark: { type: 'line', strokeWidth: 2.5 },
        encoding: { x, y: loss('smooth'), color },
      },
    ],
  });
}

/** The distribution of gradient norms, one panel per run, on a common logarithmic axis. */
export function normChart(runs: Series[]): Promise<string> {
  const all = runs.flatMap(({ norms, clipLevel }) => [...norms, ...(clipLevel === undefined ? [] : [clipLevel])]);
  const seen = all.filter((norm) => Number.isFinite(norm) && norm > 0);
  const domain = [quantile(seen, 0) / 1.5, quantile(seen, 1) * 1.5];
  const bins = runs.map((run) => logBins(run.norms, 12));
  const most = Math.max(...bins.flat().map(({ count }) => count));
  return draw({
    vconcat: runs.map((run, i) => panel(run, bins[i]!, { domain, most, last: i === runs.length - 1 })),
    spacing: 14,
  });
}

type Panel = Extract<TopLevelSpec, { vconcat: unknown }>['vconcat'][number];
type Frame = { domain: number[]; most: number; last: boolean };

function panel({ name, norms, color, clipLevel }: Series, bins: Bin[], { domain, most, last }: Frame): Panel {
  const x = (field: string) =>
    ({
      field,
      type: 'quantitative',
      scale: { type: 'log', domain, nice: false },
      title: last ? 'norm of the whole gradient before clipping (logarithmic)' : null,
      axis: { grid: false, labels: last, ticks: last, format: '~g' },
    }) as const;
  const y = {
    field: 'count',
    type: 'quantitative',
    title: 'steps',
    // The tail is a handful of steps: a square-root scale keeps it visible beside the bulk. The space above is for the labels.
    scale: { type: 'sqrt', domainMin: 0, domainMax: 1.8 * most, nice: false },
    axis: { values: [1, 10, 40, 100, 400].filter((count) => count <= most) },
  } as const;
  const marks = [
    { at: quantile(norms.filter(Number.isFinite), 0.5), label: 'median', strokeDash: [2, 3] },
    ...(clipLevel === undefined ? [] : [{ at: clipLevel, label: `clipped above ${clipLevel}`, strokeDash: [1, 0] }]),
  ];
  return {
    title: name,
    width: 760,
    height: 100,
    layer: [
      {
        data: { values: bins },
        mark: { type: 'bar', color, binSpacing: 1 },
        encoding: { x: x('from'), x2: { field: 'to' }, y, y2: { datum: 0 } },
      },
      ...marks.map(({ at, label, strokeDash }) => ({
        data: { values: [{ at, label }] },
        encoding: { x: x('at') },
        layer: [
          { mark: { type: 'rule', color: 'var(--ink)', strokeDash } } as const,
          {
            mark: { type: 'text', align: 'left', dx: 5, y: 7, color: 'var(--ink)', fontSize: 12 },
            encoding: { text: { field: 'label' } },
          } as const,
        ],
      })),
    ],
  };
}
