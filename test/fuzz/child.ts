// Runs cases [from, to) of a seed, and keeps the number of the one that runs in the progress file, for when the process dies.
import { execFileSync } from 'node:child_process';
import { openSync, readFileSync, writeSync } from 'node:fs';
import { runCase } from './case.js';

const [seed, from, to, progress, only] = process.argv.slice(2);
const file = progress ? openSync(progress, 'r+') : undefined;
const say = file === undefined ? (text: string) => console.log(text) : undefined;

/** Caps the address space above what is mapped already: an endless allocation is refused and not served. */
function limitMemory(extra: number): void {
  if (process.platform !== 'linux') return;
  const mapped = Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
  try {
    execFileSync('prlimit', ['--pid', String(process.pid), `--as=${mapped + extra}`], { stdio: 'ignore' });
  } catch {
    // No such tool: the machine's own memory is the limit.
  }
}

limitMemory(3 * 2 ** 30);
let failures = 0;
for (let i = Number(from); i < Number(to); i++) {
  if (file !== undefined) writeSync(file, String(i).padEnd(12), 0);
  const wrong = runCase(Number(seed), i, only || undefined, say);
  if (wrong !== undefined) {
    failures++;
    console.log(`case ${i}: ${wrong}`);
  }
  // Promises and posted finalizers get their turn.
  if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
}
process.exit(failures === 0 ? 0 : 3);
