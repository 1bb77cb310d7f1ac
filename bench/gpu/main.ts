// npm run bench:gpu: clip and step beside PyTorch on the same GPU, in turn.
//   npm run bench:gpu -- --shapes gpt2 --cases adamw,agc --rivals fused,gradScale,graph --rounds 15 --minutes 4 --out FILE
//   npm run bench:gpu -- --device cpu     a dry run of the harness, without a GPU; nothing is kept
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import torch, { cuda } from '../../lib/index.js';
import type { CaseName } from '../lib/cases.js';
import { type Child, python } from '../lib/child.js';
import { write } from '../lib/results.js';
import { sizeOf } from '../lib/shapes.js';
import { median } from '../lib/statistics.js';
import { Tensors } from '../lib/tensors.js';
import { type DeviceName, release } from './device.js';
import { begin, fileOf, type GpuRow } from './results.js';
import { copiesOf } from './room.js';
import { rowOf } from './row.js';
import { dry, runs } from './runs.js';
import { lineOf, summaryOf, titleOf } from './text.js';

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda' },
    shapes: { type: 'string' },
    cases: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    minutes: { type: 'string', default: '4' },
    rivals: { type: 'string' },
    out: { type: 'string' },
  },
});
const device: DeviceName = values.device === 'cpu' ? 'cpu' : 'cuda';
if (device === 'cuda' && !cuda.isAvailable()) {
  console.log('skipped: no GPU (--device cpu is a dry run without one)');
  process.exit(0);
}
const deadline = Date.now() + Number(values.minutes) * 60_000;
const chosen = (list: string | undefined, name: string) => list === undefined || list.split(',').includes(name);

// Larger than any cache; a dry run only exercises the harness.
const copyElements = device === 'cuda' ? 1 << 28 : 1 << 20;
const files = mkdtempSync(join(tmpdir(), 'torch-clip-bench-'));
const controls: number[] = [];
const counted = new Set<string>();
let failures = 0;
let side: Child = python(device);
const { torch: pytorch } = await side.call<{ torch: string }>('versions');
const results = begin(device, pytorch);
const file = values.out ?? (device === 'cuda' ? fileOf(results) : undefined);
console.log(titleOf(results));

const source = torch.ones([copyElements], { device });
const target = torch.ones([copyElements], { device });
for (const run of device === 'cuda' ? runs : dry) {
  const { shape, dtype } = run;
  const names = run.cases.filter((name) => chosen(values.cases, name));
  if (!chosen(values.shapes, shape) || names.length === 0) continue;
  const leave = (name: CaseName, reason: string) => {
    results.leftOut.push({ shape, dtype, case: name, reason });
    console.log(`${name}: left out, ${reason}`);
  };
  release(device);
  const copies = copiesOf(run, device);
  console.log(`\n${sizeOf(shape, copies).title}, ${dtype}`);
  if (copies === 0 || Date.now() > deadline) {
    for (const name of names) leave(name, copies === 0 ? 'no room' : 'no time');
    continue;
  }
  const tensors = new Tensors(shape, dtype, device, copies);
  const context = {
    ...{ device, files, tensors, copies, counted, copyBytes: 8 * copyElements, rounds: Number(values.rounds) },
    only: values.rivals?.split(','),
    copy: () => target.copy_(source),
    onControl: (gbPerSecond: number) => controls.push(gbPerSecond),
  };
  const open = () => side.call('open', { shape, dtype, copies });
  await open();
  for (const name of names) {
    if (Date.now() > deadline) {
      leave(name, 'no time');
      continue;
    }
    try {
      const row: GpuRow = await rowOf(name, run, { ...context, side });
      results.rows.push(row);
      results.control = median(controls);
      console.log(lineOf(row));
    } catch (error) {
      // The other cases are still worth measuring, with a new process on the other side.
      failures++;
      leave(name, `failed: ${(error as Error).message}`);
      await side.close();
      side = python(device);
      await open();
    }
    if (file !== undefined) write(file, results);
    release(device);
  }
  tensors.dispose();
  await side.call('close');
}
await side.close();
rmSync(files, { recursive: true });
if (file !== undefined) write(file, results);
console.log(`\n${summaryOf(results)}`);
console.log(file === undefined ? '\nnot kept' : `\nwritten to ${file}`);
console.log(`${results.rows.length} cases, ${failures} failed, ${results.leftOut.length - failures} left out`);
process.exit(failures > 0 || results.rows.length === 0 ? 1 : 0);
