// npm run bench:collections: what the garbage collector takes of training steps that dispose nothing, by V8's own trace.
//   npm run bench:collections -- --device cuda --steps 20 --most 0.03    exit code 1 where it takes a larger share
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { nn as modules } from '../lib/index.js';

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cpu' },
    steps: { type: 'string', default: '20' },
    threads: { type: 'string' },
    most: { type: 'string' },
    measured: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
const device = values.device === 'cuda' ? 'cuda' : 'cpu';

if (values.measured) await train();
else process.exitCode = report();

/** Steps of a transformer of six layers; prints when they began and ended, in milliseconds of the process. */
async function train(): Promise<void> {
  const { default: torch, cuda, nn, optim } = await import('../lib/index.js');
  if (values.threads !== undefined) torch.setNumThreads(Number(values.threads));
  torch.manualSeed(0);
  const [width, heads, batch, length] = device === 'cuda' ? [768, 12, 16, 512] : [256, 4, 8, 128];
  const layer = () =>
    new nn.TransformerEncoderLayer(width, heads, { dimFeedforward: 4 * width, dropout: 0, batchFirst: true });
  const model = new nn.Sequential(...Array.from({ length: 6 }, layer)).to(device);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
  const x = torch.randn([batch, length, width], { device });
  const y = torch.randn([batch, length, width], { device });
  const step = () => {
    optimizer.zeroGrad();
    // What a user's code may well hold on to for the time of a step.
    const seen = [x];
    for (const each of model.children()) seen.push((each as modules.TensorModule).forward(seen.at(-1)!));
    nn.functional.mseLoss(seen.at(-1)!, y).backward();
    optimizer.step();
  };
  const wait = () => device === 'cuda' && cuda.synchronize();
  for (let t = 0; t < 3; t++) step();
  wait();
  const start = performance.now();
  for (let t = 0; t < steps; t++) step();
  wait();
  console.log(JSON.stringify({ start, end: performance.now(), memory: process.memoryUsage.rss() }));
}

function report(): number {
  const file = fileURLToPath(import.meta.url);
  const args = ['--trace-gc', '--import', 'tsx', file, '--measured', ...process.argv.slice(2)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const said = /^\{"start".*\}$/m.exec(stdout)?.[0];
  if (status !== 0 || said === undefined) {
    console.error(stderr || stdout);
    return 1;
  }
  const { start, end, memory } = JSON.parse(said) as { start: number; end: number; memory: number };
  let [full, young, taken] = [0, 0, 0];
  // "[12:0x1] 345 ms: Scavenge 23.4 (25.0) -> 22.1 (26.0) MB, 0.8 / 0.0 ms", "Mark-Compact ... (+ 5.0 ms in 10 steps since ..."
  for (const [, at, kind, pause, marking] of stdout.matchAll(
    /\]\s+(\d+) ms: (Scavenge|Minor|Mark-?\w*).*? MB, ([\d.]+) \/ [\d.]+ ms(?:\s+\(\+ ([\d.]+) ms in)?/gi,
  )) {
    if (Number(at) < start || Number(at) > end) continue;
    if (/^mark/i.test(kind!)) full++;
    else young++;
    taken += Number(pause) + Number(marking ?? 0);
  }
  const share = taken / (end - start);
  console.log(
    `${steps} steps on ${device}, ${((end - start) / steps).toFixed(1)} ms each: ${full} full and ${young} young collections took ` +
      `${taken.toFixed(0)} ms, ${(100 * share).toFixed(1)}% of the time; ${(memory / 2 ** 20).toFixed(0)} MB resident`,
  );
  return values.most !== undefined && share > Number(values.most) ? 1 : 0;
}
