// npm run examples [-- NAME ... --quick]: outcomes that the documentation claims, computed and checked. The exit status is 1 if a claim does not hold.
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import torch from 'torch-clip';
import { textTable } from '../text-table.js';
import { heavyTails } from './heavy-tails.js';
import { cells, type Example, failures } from './outcome.js';
import { recall } from './recall.js';
import { reddi } from './reddi.js';

const examples = { 'heavy-tails': heavyTails, recall, reddi };
const names = Object.keys(examples) as (keyof typeof examples)[];

function main(): number {
  const { values, positionals } = parseArgs({ options: { quick: { type: 'boolean' } }, allowPositionals: true });
  const chosen = names.filter((name) => positionals.length === 0 || positionals.includes(name));
  const unknown = positionals.find((name) => !names.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`there is no example ${unknown}; there are ${names.join(', ')}`);

  // The tensors are small: threads would wait for each other longer than they compute.
  torch.setNumThreads(1);
  const size = values.quick ? 'quick' : 'full';
  const failed = chosen.map((name) => show(name, examples[name] as Example<unknown>, size));
  return failed.includes(true) ? 1 : 0;
}

/** Runs an example and prints its results; returns whether a claim failed. */
function show<Size>(name: string, example: Example<Size>, which: 'full' | 'quick'): boolean {
  const size = example.sizes[which];
  const started = performance.now();
  const bar = new SingleBar({
    format: `${name} {bar} {value}/{total}  {duration_formatted}`,
    clearOnComplete: true,
  });
  bar.start(example.steps(size), 0);
  try {
    const rows = example.run(size, () => bar.increment());
    bar.stop();
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    const failed = failures(example.claims, rows);
    const verdict = failed.length === 0 ? `All ${example.claims.length} claims hold` : 'NOT AS CLAIMED';
    console.log(`${name}: ${example.title}\n\n${textTable(cells(rows))}\n\n${example.lesson}`);
    console.log(`${[verdict, ...failed].join('\n  ')} (${seconds} s).\n`);
    return failed.length > 0;
  } finally {
    bar.stop();
  }
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
