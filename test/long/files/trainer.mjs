// A run with everything that draws numbers or remembers: trainer.mjs FOLDER STEPS [KILLED AT]
// It goes on from the newest checkpoint of its folder, which it writes every third step, appends each loss to losses.txt, and kills
// itself where it is told to.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import torch, { amp, clip, data, io, nn, optim } from '../../../dist/index.js';

const [folder, steps, killedAt = '-1'] = process.argv.slice(2);
torch.setNumThreads(1);
torch.manualSeed(11);
const model = new nn.Sequential(
  new nn.Linear(8, 32),
  new nn.BatchNorm1d(32),
  new nn.ReLU(),
  new nn.Dropout(0.3),
  new nn.Linear(32, 1),
);
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01, clip: clip.auto() });
const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, { TMax: Number(steps) });
const scaler = new amp.GradScaler({ device: 'cpu', initScale: 128, growthInterval: 7 });
const loader = new data.DataLoader(new URL('./dataset.mjs', import.meta.url), {
  batchSize: 8,
  shuffle: true,
  numWorkers: 2,
  workerData: { size: 100, rounds: 10, noisy: true },
});
const parts = { model, optimizer, scheduler, scaler, loader };

let step = 0;
const newest = io.latest(folder);
if (newest !== undefined) {
  const saved = io.loadCheckpoint(newest);
  for (const [name, part] of Object.entries(parts)) part.loadStateDict(saved[name]);
  torch.setRngState(saved.rng);
  step = saved.step;
}

// What came after the checkpoint comes again.
const losses = join(folder, 'losses.txt');
const lines = existsSync(losses) ? readFileSync(losses, 'utf8').split('\n') : [];
writeFileSync(
  losses,
  lines
    .slice(0, step)
    .map((line) => `${line}\n`)
    .join(''),
);

const bits = new DataView(new ArrayBuffer(8));
while (step < Number(steps)) {
  for await (const { x, value } of loader) {
    optimizer.zeroGrad();
    const loss = torch.autocast({ deviceType: 'cpu', dtype: torch.bfloat16 }, () => {
      const target = value.mul(3).add(torch.randn(value.shape).mul(0.1));
      return nn.functional.mseLoss(model.forward(x).squeeze(1).float(), target);
    });
    scaler.scale(loss).backward();
    scaler.step(optimizer);
    scaler.update();
    scheduler.step();
    step++;
    bits.setFloat64(0, loss.item());
    appendFileSync(losses, `${step} ${bits.getBigUint64(0).toString(16)}\n`);
    if (step % 3 === 0 || step === Number(steps)) {
      const state = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.stateDict()]));
      io.saveCheckpoint(folder, { ...state, rng: torch.getRngState(), step }, { step, keepLast: 2 });
    }
    if (step === Number(killedAt)) process.kill(process.pid, 'SIGKILL');
    if (step === Number(steps)) break;
  }
}
