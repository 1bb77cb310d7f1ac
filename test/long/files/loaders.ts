// A loader with two workers over many items, and the ways in which a loop over it can end.
import { spawnSync } from 'node:child_process';
import { here, type Run } from './check.js';

interface Epoch {
  items: number;
  wrong: number;
  seconds: number;
  early: number;
  late: number;
}

function epoch(workers: number, items: number, rounds: number): Epoch {
  const args = [here('epoch.mjs'), String(workers), String(items), String(rounds)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Epoch;
}

/** The ways of ending: what is printed, and the exit code or the signal. */
const ways: Record<string, [printed: string, code: number | string]> = {
  'the end': ['100\n', 0],
  break: ['5\n', 0],
  return: ['5\n', 0],
  'a throw in the loop': ['SyntaxError: mine\n', 0],
  'a throw in a worker': ['RangeError: no item 500\n', 0],
  'process.exit': ['', 7],
  'a rejection that nobody handles': ['', 1],
  'a signal': ['', 'SIGTERM'],
  'kept workers': ['done\n100\n', 0],
};

/** Reads so many items with two workers and with none. */
export function loaders(run: Run, items: number): void {
  const before = run.failures;
  if (items > 0) {
    const rounds = 20_000;
    const [parallel, single] = [epoch(2, items, rounds), epoch(0, items, rounds)];
    for (const { items: got, wrong } of [parallel, single]) {
      if (got !== items || wrong > 0)
        run.fail(`the loader gave ${got} items, ${wrong} of them wrong or in another order`);
    }
    if (parallel.late > parallel.early + 32)
      run.fail(`the loader's memory went from ${parallel.early} to ${parallel.late} MB`);
    const ratio = (single.seconds / parallel.seconds).toFixed(2);
    console.log(
      `a loader with 2 workers over ${items} items: all right and in order, ${parallel.early} MB early and ${parallel.late} MB late, ` +
        `${parallel.seconds.toFixed(1)} s against ${single.seconds.toFixed(1)} s in one process: ${ratio} times as fast`,
    );
  }
  for (const [way, [printed, code]] of Object.entries(ways)) {
    const { stdout, status, signal, error } = spawnSync(process.execPath, [here('ending.mjs'), way], {
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (error !== undefined || stdout !== printed || (status ?? signal) !== code) {
      run.fail(`${way}: printed ${JSON.stringify(stdout)}, ended with ${error?.message ?? status ?? signal}`);
    }
  }
  if (run.failures === before) console.log(`a loop over it ended as it should in ${Object.keys(ways).length} ways`);
}
