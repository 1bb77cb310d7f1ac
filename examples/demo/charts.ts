// The loss curves of the README: Vega-Lite descriptions, drawn to SVG text.
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { quantile } from './statistics.js';
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

/** The colour of the run at `index`, for which each picture has its own. */
export const color = (index: number): string => `var(--run-${index})`;

/** Training loss by step: each step faintly, and the mean of the last 20 steps. */
export function lossChart(runs: Series[]): Promise<string> {
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
    legend: {
      title: null,
      orient: 'top',
      labelFontSize: 14,
      labelLimit: 300,
      symbolOpacity: 1,
      labelColor: 'var(--ink)',
      symbolType: 'stroke',
      symbolStrokeWidth: 3,
    },
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
