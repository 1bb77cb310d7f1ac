// npm run bench:report: the latest results as docs/benchmarks.md, its pictures and the README's, and those of each GPU as
// docs/gpu-benchmarks.md.
//   npm run bench:report -- FILE FOLDER     FOLDER instead of docs/
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { themes } from '../../scripts/lib/themes.js';
import type { GpuResults } from '../gpu/results.js';
import { folder, type Results } from '../lib/results.js';
import { ratioChart, scalingChart } from './charts.js';
import { gpuPage } from './gpu.js';
import { page } from './page.js';
import { barChart, barsOf } from './readme.js';

const docs = process.argv[3] ?? fileURLToPath(new URL('../../docs', import.meta.url));

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Results | GpuResults;
const isGpu = (results: Results | GpuResults): results is GpuResults => 'kind' in results;
// Their names begin with the date.
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => join(folder, name));

const cards = new Map<string, { file: string; results: GpuResults }>();
for (const file of files) {
  const results = read(file);
  if (isGpu(results)) cards.set(results.device.name, { file: basename(file), results });
}
if (cards.size > 0) {
  writeFileSync(join(docs, 'gpu-benchmarks.md'), gpuPage([...cards.values()]));
  console.log(`${docs}/gpu-benchmarks.md from ${[...cards.values()].map(({ file }) => file).join(', ')}`);
}

const processors = files.flatMap((path) => {
  const results = read(path);
  return isGpu(results) ? [] : [{ path, results }];
});
// Ranks are measured by themselves where the rest stands.
const file = process.argv[2] ?? processors.filter(({ results }) => results.step.length > 0).at(-1)?.path;
const withRanks = processors.filter(({ results }) => results.small.some((row) => row.section === 'distributed')).at(-1);
const ranks = withRanks && { file: basename(withRanks.path), results: withRanks.results };
if (file === undefined) {
  console.error(`nothing of a processor in ${folder}: npm run bench writes it`);
  process.exit(1);
}
const results = read(file) as Results;
const notes = readFileSync(new URL('../notes.md', import.meta.url), 'utf8');
writeFileSync(join(docs, 'benchmarks.svg'), await ratioChart(results.step));
writeFileSync(join(docs, 'benchmarks-growth.svg'), await scalingChart(results.scaling, results.machine.cachesKB));
mkdirSync(join(docs, 'pictures'), { recursive: true });
for (const [name, theme] of Object.entries(themes)) {
  writeFileSync(join(docs, `pictures/ratios-${name}.svg`), barChart(barsOf(results.step), theme));
}
writeFileSync(join(docs, 'benchmarks.md'), page(results, basename(file), notes, ranks));
console.log(`${docs}/benchmarks.md from ${basename(file)}`);
