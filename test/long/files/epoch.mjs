// An epoch of a loader, for its speed and its memory: epoch.mjs WORKERS SIZE ROUNDS   prints a line of JSON
import torch, { data } from '../../../dist/index.js';
import { mixed } from './dataset.mjs';

const [numWorkers, size, rounds] = process.argv.slice(2).map(Number);
torch.setNumThreads(1);
const batchSize = 100;
const loader = new data.DataLoader(new URL('./dataset.mjs', import.meta.url), {
  batchSize,
  numWorkers,
  workerData: { size, rounds },
});
let next = 0;
let wrong = 0;
const got = new Float32Array(size);
const memory = [];
const started = performance.now();
for await (const { index, value, x } of loader) {
  const [indices, values] = [index.toTypedArray(), value.toTypedArray()];
  for (let i = 0; i < indices.length; i++, next++) {
    if (Number(indices[i]) !== next) wrong++;
    got[next] = values[i];
  }
  if (x.shape[0] !== indices.length || x.shape[1] !== 8) wrong++;
  if ((next / batchSize) % 50 === 0) memory.push(process.memoryUsage.rss());
}
const seconds = (performance.now() - started) / 1000;
// Only now: it takes as long as the items themselves.
for (let i = 0; i < size; i++) if (got[i] !== Math.fround(mixed(i, rounds))) wrong++;
const quarter = Math.floor(memory.length / 4);
const megabytes = (list) => Math.round(Math.max(...list) / 2 ** 20);
console.log(
  JSON.stringify({
    items: next,
    wrong,
    seconds,
    early: megabytes(memory.slice(quarter, 2 * quarter)),
    late: megabytes(memory.slice(-quarter)),
  }),
);
