// The pictures of docs/benchmarks.md: Vega-Lite descriptions, drawn to SVG here.
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

import { cases } from '../lib/cases.js';
import type { Results, ScalingRow, StepRow } from '../lib/results.js';
import { shapes } from '../lib/shapes.js';
import { groupsOf, headline } from './groups.js';

type UnitSpec = Extract<TopLevelSpec, { hconcat: unknown }>['hconcat'][number];
type Layer = Extract<UnitSpec, { layer: unknown }>['layer'][number];

// An image in a page does not see the page's colours, so it needs a background of its own.
const config: TopLevelSpec['config'] = {
  background: '#ffffff',
  font: 'system-ui, -apple-system, "Segoe UI", sans-serif',
  view: { stroke: null },
  axis: { labelColor: '#59636e', titleColor: '#59636e', gridColor: '#e4e8ec', domainColor: '#d8dee4', labelLimit: 260 },
  title: { fontSize: 13, fontWeight: 600, anchor: 'start', frame: 'group', offset: 6, color: '#1b1f24' },
};

async function draw(spec: TopLevelSpec): Promise<string> {
  return new vega.View(vega.parse(compile({ padding: 16, ...spec, config }).spec), { renderer: 'none' }).toSVG();
}

/** The time of the fastest rival over ours, for every shape and case. */
export function ratioChart(rows: readonly StepRow[]): Promise<string> {
  const intervals = rows.flatMap((row) => row.rivals[headline(row)]!.interval);
  const domain = [Math.min(0.9, ...intervals), 1.1 * Math.max(2, ...intervals)];
  const scale = { type: 'log', domain } as const;
  const y = { field: 'case', type: 'nominal', sort: null, title: null } as const;
  const axis = { values: [0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200], format: '~g' };
  const charts = groupsOf(rows).map((group, i, all): UnitSpec => {
    const title =
      i === all.length - 1
        ? 'time of the fastest rival, named beside it / ours: right of 1 ours is faster (logarithmic)'
        : null;
    const values = group.map((row) => {
      const rival = headline(row);
      const { ratio, interval } = row.rivals[rival]!;
      const label = `${ratio.toFixed(2)} ${rival}`;
      return { case: cases[row.case].title, ratio, label, low: interval[0], high: interval[1] };
    });
    const at = (field: string) => ({ field, type: 'quantitative' as const, scale, title, axis });
    const color = '#1668c1';
    return {
      title: `${shapes[group[0]!.shape].title}, ${group[0]!.dtype}`,
      data: { values },
      width: 560,
      height: { step: 19 },
      layer: [
        { mark: { type: 'rule', color: '#1b1f24' }, encoding: { x: { datum: 1, type: 'quantitative', scale } } },
        {
          mark: { type: 'rule', strokeWidth: 5, opacity: 0.35, color },
          encoding: { y, x: at('low'), x2: { field: 'high' } },
        },
        { mark: { type: 'point', filled: true, size: 60, color, opacity: 1 }, encoding: { y, x: at('ratio') } },
        {
          mark: { type: 'text', align: 'left', dx: 8, fontSize: 11, color: '#1b1f24' },
          encoding: { y, x: at('high'), text: { field: 'label' } },
        },
      ],
    };
  });
  return draw({ vconcat: charts });
}

// Parameter, gradient and AdamW's two states.
const bytesAnElement = 16;

/** Time per step against the number of parameters, with the sizes of the caches marked, and against the number of tensors. */
export function scalingChart(rows: readonly ScalingRow[], caches: Results['machine']['cachesKB']): Promise<string> {
  const values = rows.flatMap(({ by, count, seconds, fused }) =>
    [
      { who: 'torch-clip', seconds },
      { who: 'PyTorch, clip + fused', seconds: fused.seconds },
    ].map(({ who, seconds }) => ({ by, count, who, microseconds: seconds * 1e6 })),
  );
  const powers = Array.from({ length: 9 }, (_, power) => 10 ** power);
  const marks = Object.entries(caches ?? {}).map(([level, kB]) => ({
    count: (kB * 1024) / bytesAnElement,
    label: `${level.toUpperCase()}, ${kB / 1024} MB`,
  }));
  const chart = (by: ScalingRow['by'], title: string): UnitSpec => {
    const x = {
      field: 'count',
      type: 'quantitative',
      scale: { type: 'log' },
      title,
      axis: { format: '~s', values: powers },
    } as const;
    const line: Layer = {
      transform: [{ filter: `datum.by === '${by}'` }],
      mark: { type: 'line', point: true },
      encoding: {
        x,
        y: {
          field: 'microseconds',
          type: 'quantitative',
          scale: { type: 'log' },
          title: 'microseconds per step',
          axis: { format: '~s', values: powers },
        },
        color: {
          field: 'who',
          type: 'nominal',
          sort: null,
          scale: { range: ['#1668c1', '#d1571b'] },
          legend: { title: null, orient: 'top', labelLimit: 300 },
        },
      },
    };
    const filled: Layer = {
      data: { values: by === 'parameters' ? marks : [] },
      encoding: { x },
      layer: [
        { mark: { type: 'rule', strokeDash: [3, 3], color: '#59636e' } },
        {
          mark: { type: 'text', align: 'right', dx: -4, y: 8, fontSize: 11, color: '#59636e' },
          encoding: { text: { field: 'label' } },
        },
      ],
    };
    return { width: 300, height: 240, layer: [line, filled] };
  };
  return draw({
    data: { values },
    hconcat: [chart('parameters', 'elements of one tensor'), chart('tensors', 'tensors of ten elements')],
  });
}
