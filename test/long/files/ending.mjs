// A loop over a loader with workers that ends in one of several ways: ending.mjs WAY
import { data } from '../../../dist/index.js';

const way = process.argv[2];
const loader = new data.DataLoader(new URL('./dataset.mjs', import.meta.url), {
  batchSize: 10,
  numWorkers: 2,
  persistentWorkers: way === 'kept workers',
  workerData: { size: 1000, throwsAt: way === 'a throw in a worker' ? 500 : -1 },
});

async function loop() {
  let batches = 0;
  for await (const _ of loader) {
    batches++;
    if (way === 'kept workers' && batches === 100) console.log('done');
    if (batches < 5) continue;
    if (way === 'break') break;
    if (way === 'return') return batches;
    if (way === 'a throw in the loop') throw new SyntaxError('mine');
    if (way === 'process.exit') process.exit(7);
    if (way === 'a rejection that nobody handles') Promise.reject(new SyntaxError('mine'));
    if (way === 'a signal') process.kill(process.pid, 'SIGTERM');
  }
  return batches;
}

try {
  console.log(await loop());
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
}
