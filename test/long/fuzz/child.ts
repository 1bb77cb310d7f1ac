// Runs cases [from, to) of a seed, and keeps the number of the one that runs in the progress file, for when the process dies.
import { openSync, writeSync } from 'node:fs';
import torch from '../../../lib/index.js';
import { runCase } from './case.js';
import type { Kind } from './kinds.js';

const [seed, from, to, progress, only, kind] = process.argv.slice(2);
const file = progress ? openSync(progress, 'r+') : undefined;
const say = file === undefined ? (text: string) => console.log(text) : undefined;
const half = Math.floor((Number(from) + Number(to)) / 2);

/** What is alive when all that could be collected has been. */
async function report(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    torch.collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(`memory ${JSON.stringify({ ...torch.memoryStats(), rss: process.memoryUsage.rss() })}`);
}

let failures = 0;
for (let i = Number(from); i < Number(to); i++) {
  if (i === half) await report();
  if (file !== undefined) writeSync(file, String(i).padEnd(12), 0);
  const wrong = runCase(Number(seed), i, only || undefined, say, kind as Kind);
  if (wrong !== undefined) {
    failures++;
    console.log(`case ${i}: ${wrong}`);
  }
  // Promises and posted finalizers get their turn.
  if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
}
await report();
process.exit(failures === 0 ? 0 : 3);
