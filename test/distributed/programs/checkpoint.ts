// Writes a checkpoint with all ranks, or goes on from one that other ranks have written; sends the parameters after some steps.
import torch, { clip, io, nn, optim } from '../../../lib/index.js';
import { distributed as d, init, leave, send, settings } from './_rank.js';

await init();
const rank = d.getRank();
const folder = settings.folder as string;
torch.manualSeed(1);
const model = new nn.Sequential(new nn.Conv2d(3, 20, 3), new nn.Flatten(), new nn.Linear(20, 4000));
model.to({ memoryFormat: torch.channelsLast });
const clipper = clip.chain(clip.auto({ percentile: 70 }), clip.spam({ threshold: 5 }));
const optimizer = optim.shard(new optim.AdamW(model.parameters(), { lr: 0.01, clip: clipper }), {
  averageGradients: false,
});

const step = (t: number) => {
  optimizer.zeroGrad();
  const x = torch.randn([2, 3, 3, 3], { generator: new torch.Generator().manualSeed(t) });
  model.forward(x).pow(2).mean().backward();
  optimizer.step();
};
const sum = () => model.parameters().map((p) => p.detach().reshape([-1]).to(torch.float64).sum().item<number>());

let refused: unknown = null;
if (settings.write === true) {
  for (let t = 0; t < 3; t++) step(t);
  const state = () => ({ model: model.stateDict(), optimizer: optimizer.shardedStateDict(), step: 3 });
  const paths: (string | null)[] = [];
  for (let n = 0; n < 3; n++) paths.push(await d.saveCheckpoint(folder, state(), { keepLast: 2 }));
  // One rank's failure is one of all, and leaves no trace.
  const bad = { ...state(), ...(rank === 1 && { f: () => 1 }) };
  const failed = await d.saveCheckpoint(folder, bad).catch((error: unknown) => String(error));
  const differing: object[] = [
    { ...state(), rank },
    { ...state(), list: [{ rng: torch.zeros([4 + rank]) }] },
    { rng: torch.zeros([2], { dtype: rank === 0 ? torch.float32 : torch.float64 }) },
    rank === 0 ? { a: 1 } : { a: 1, b: {} },
    rank === 0 ? { a: 1, b: 2 } : { b: 2, a: 1 },
  ];
  const messages: string[] = [];
  for (const object of differing) {
    messages.push((await d.saveCheckpoint(folder, object).catch((error: unknown) => String(error))) as string);
  }
  refused = [paths.at(-1), failed, messages];
} else {
  const saved = io.loadCheckpoint<{ model: never; optimizer: never; step: number }>(io.latest(folder)!);
  model.loadStateDict(saved.model);
  optimizer.loadStateDict(saved.optimizer);
  if (saved.step !== 3) throw new Error('not the step that was saved');
}
for (let t = 3; t < 6; t++) step(t);
await send({ parameters: sum(), refused });
await leave();
