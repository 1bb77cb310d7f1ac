// Runs that are killed at random batches and resumed give the losses of the run that was not, bit for bit.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { here, type Run } from './check.js';

const steps = 40;

function trained(folder: string, killedAt?: number): NodeJS.Signals | null {
  const args = [here('trainer.mjs'), folder, String(steps), ...(killedAt === undefined ? [] : [String(killedAt)])];
  const { status, signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 600_000 });
  if (status !== 0 && signal !== 'SIGKILL') throw new Error(`the trainer ended with ${status ?? signal}: ${stderr}`);
  return signal;
}

const lossesOf = (folder: string): string[] => readFileSync(join(folder, 'losses.txt'), 'utf8').trim().split('\n');

/** Interrupts so many runs, each three times. */
export function resumed(run: Run, runs: number): void {
  if (runs === 0) return;
  const whole = run.path('whole');
  mkdirSync(whole);
  trained(whole);
  const expected = lossesOf(whole);
  if (expected.length !== steps) run.fail(`the whole run has ${expected.length} losses`);
  const before = run.failures;
  const places: string[] = [];
  for (let i = 0; i < runs; i++) {
    const folder = run.path(`resumed ${i}`);
    mkdirSync(folder);
    const kills = Array.from({ length: 3 }, () => 1 + Math.floor(Math.random() * (steps - 1))).sort((a, b) => a - b);
    for (const at of new Set(kills)) {
      if (trained(folder, at) !== 'SIGKILL') run.fail(`the run was not killed at batch ${at}`);
    }
    trained(folder);
    const got = lossesOf(folder);
    const first = expected.findIndex((loss, step) => loss !== got[step]);
    if (first >= 0 || got.length !== expected.length) {
      run.fail(`killed at ${kills}: the loss of step ${first + 1} is ${got[first]}, not ${expected[first]}`);
    }
    places.push([...new Set(kills)].join(', '));
  }
  if (run.failures > before) return;
  console.log(
    `${runs} runs of ${steps} steps killed at batches ${places.join('; ')} and resumed: the same losses, bit for bit`,
  );
}
