// Processes that are killed while they save: what they leave is a whole file, and nothing else after the next save.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import * as torch from '../../../lib/index.js';
import { here, type Run } from './check.js';
import { faultOf, formatsOf, pathOf, rowsOf } from './formats.mjs';

/** Kills so many savers of each format. */
export async function killed(run: Run, kills: number): Promise<void> {
  const folder = run.path('kills');
  mkdirSync(folder);
  const before = run.failures;
  const formats = Object.entries(formatsOf(torch));
  for (const [name, format] of formats) {
    for (let i = 0; i < kills; i++) {
      const child = spawn(process.execPath, [here('saver.mjs'), folder, name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      try {
        const fault = faultOf(format.load(pathOf(folder, format)));
        if (fault !== undefined) run.fail(`kill ${i}: ${name}: ${fault}`);
      } catch (error) {
        run.fail(`kill ${i}: ${name}: ${error}`);
      }
    }
    if (kills === 0) continue;
    // The next save sweeps.
    const path = pathOf(folder, format);
    format.save(rowsOf(torch, 1), path);
    const left = readdirSync('folder' in format ? path : dirname(path)).filter((file) => file.endsWith('.tmp'));
    if (left.length > 0) run.fail(`${name}: ${left.length} temporary files stay`);
  }
  if (run.failures === before) {
    console.log(
      `${kills} killed savers of each of ${formats.map(([name]) => name).join(', ')}: whole files, and no others`,
    );
  }
}
