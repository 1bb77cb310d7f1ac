// npm run cost:report: the table and the picture of docs/distributed.md, of a modelled network.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { measureCosts } from './build.js';
import type { Costs } from './measure.js';

const path = (name: string) => fileURLToPath(new URL(`../../../../docs/${name}`, import.meta.url));
const ranks = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Megabytes that one rank sends, and the milliseconds of the faster algorithm for each collective. */
function total(costs: Costs): { megabytes: number; ring: number; best: number } {
  const all = Object.values(costs);
  const sum = (of: (cost: (typeof all)[number]) => number) => all.reduce((a, cost) => a + of(cost), 0);
  return {
    megabytes: sum(([, , bytes]) => bytes) / 1e6,
    ring: sum(([, , , ring]) => ring) * 1e3,
    best: sum(([, , , ring, tree]) => Math.min(ring, tree)) * 1e3,
  };
}

const rows = measureCosts(25e6, ranks).map(({ ranks, ddp, sharded, fully }) => ({
  ranks,
  ddp: total(ddp),
  sharded: total(sharded),
  fully: total(fully),
}));

const show = (x: number) => (x < 10 ? x.toFixed(2) : x.toFixed(0));
const lines = rows.map(
  ({ ranks, ddp, sharded, fully }) =>
    `| ${ranks} | ${[ddp, sharded, fully].map((one) => `${show(one.megabytes)} | ${show(one.ring)} | ${show(one.best)}`).join(' | ')} |`,
);
const table = [
  '| ranks | DDP: MB | ms, ring | ms, best | sharded: MB | ms, ring | ms, best | fully: MB | ms, ring | ms, best |',
  '|---|---|---|---|---|---|---|---|---|---|',
  ...lines,
].join('\n');
const page = readFileSync(path('distributed.md'), 'utf8');
const marked = /(<!-- cost -->\n)[\s\S]*?(<!-- \/cost -->)/;
if (!marked.test(page)) throw new Error('docs/distributed.md has no place for the table');
writeFileSync(
  path('distributed.md'),
  page.replace(marked, (_, begin, end) => `${begin}\n${table}\n\n${end}`),
);

const values = rows.flatMap(({ ranks, ddp, sharded, fully }) =>
  (
    [
      ['DistributedDataParallel', ddp],
      ['sharded step', sharded],
      ['fully sharded layers', fully],
    ] as const
  ).flatMap(([who, { ring, best }]) => [
    { ranks, milliseconds: ring, line: `${who}, rings` },
    { ranks, milliseconds: best, line: `${who}, ring or tree` },
  ]),
);
const axis = { labelColor: '#59636e', titleColor: '#59636e', gridColor: '#e4e8ec', domainColor: '#d8dee4' };
const spec: TopLevelSpec = {
  padding: 16,
  width: 520,
  height: 260,
  background: '#ffffff',
  config: { font: 'system-ui, -apple-system, "Segoe UI", sans-serif', view: { stroke: null }, axis },
  data: { values },
  mark: { type: 'line', point: true },
  encoding: {
    x: {
      field: 'ranks',
      type: 'quantitative',
      scale: { type: 'log', base: 2 },
      axis: { values: ranks, format: 'd' },
      title: 'ranks',
    },
    y: {
      field: 'milliseconds',
      type: 'quantitative',
      scale: { type: 'log' },
      title: 'modelled milliseconds per step (logarithmic)',
    },
    color: { field: 'line', type: 'nominal', sort: null, title: null },
  },
};
const svg = await new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG();
writeFileSync(path('distributed-cost.svg'), svg);
console.log(table);
