// Does it run at all? The first minute of a new GPU; scripts/gpu-check.sh runs it before anything else. Each line is a figure.
//   node --import tsx test/cuda/first.ts cuda
//   node --import tsx test/cuda/first.ts cpu    in a build that emulates a GPU, or in any other
import { native } from '../../lib/binding/index.js';
import torch, { clip, cuda, nn, optim, type Tensor } from '../../lib/index.js';

interface Emulation {
  emulationCapture?(on: boolean): void;
  emulationReplay?(): void;
}
const emulation = native as unknown as Emulation;
const device = process.argv[2] === 'cpu' ? 'cpu' : 'cuda';

/** Throws unless the two are as close as float32's rounding allows. */
function close(what: string, got: number, want: number): void {
  const distance = Math.abs(got - want) / Math.max(1, Math.abs(want));
  if (!(distance < 1e-4)) throw new Error(`${what}: ${got}, and ${want} on the CPU`);
  console.log(`${what}: ${got.toPrecision(6)}, ${distance.toExponential(1)} from the CPU's`);
}

/** Three steps of a small network on a device; a hook sees a gradient, and the losses are returned. */
function train(on: 'cpu' | 'cuda'): { losses: number[]; hooked: number; params: Tensor[] } {
  torch.manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(64, 300), new nn.Tanh(), new nn.Linear(300, 8)).to(on);
  const params = [...model.parameters()];
  const optimizer = new optim.AdamW(params, { lr: 1e-2, clip: clip.norm(1) });
  const x = torch.linspace(-1, 1, 32 * 64, { device: on }).view([32, 64]);
  const losses: number[] = [];
  let hooked = 0;
  for (let t = 0; t < 3; t++) {
    optimizer.zeroGrad();
    const y = model.forward(x) as Tensor;
    y.registerHook((g) => {
      hooked += g.abs().sum().item();
    });
    const loss = y.square().mean();
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  return { losses, hooked, params };
}

function check(name: string, body: () => void): void {
  const start = performance.now();
  try {
    body();
    console.log(`${name}: passed, ${(performance.now() - start).toFixed(0)} ms`);
  } catch (error) {
    console.log(`${name}: failed, ${(error as Error).stack}`);
    process.exitCode = 1;
  }
}

if (device === 'cuda') {
  if (!cuda.isAvailable()) {
    console.log('no GPU is there, or libtorch does not see it');
    process.exit(1);
  }
  console.log(JSON.stringify(cuda.getDeviceProperties()));
}
console.log(`torch-clip ${torch.version.torchClip}, libtorch ${torch.version.libtorch}`);

check('a network', () => {
  const [here, there] = [train('cpu'), train(device)];
  for (const [t, loss] of there.losses.entries()) close(`loss ${t + 1}`, loss, here.losses[t]!);
  close('gradients that a hook saw', there.hooked, here.hooked);
});

check('a captured step', () => {
  const [p, twin] = [0, 1].map(() => torch.linspace(-1, 1, 40_003, { device }).requiresGrad_()) as [Tensor, Tensor];
  const of = (t: Tensor) => {
    t.grad = t.detach().sin();
    return new optim.AdamW([t], { lr: 1e-2, clip: clip.norm(1) });
  };
  const [optimizer, plain] = [of(p), of(twin)];
  optimizer.step();
  let replay: () => void;
  if (device === 'cuda') {
    const graph = new cuda.Graph();
    graph.capture(() => optimizer.step());
    replay = () => graph.replay();
  } else if (emulation.emulationCapture !== undefined) {
    emulation.emulationCapture(true);
    optimizer.step();
    emulation.emulationCapture(false);
    replay = () => {
      optimizer.beforeReplay();
      emulation.emulationReplay!();
    };
  } else {
    replay = () => optimizer.step();
  }
  for (let t = 0; t < 4; t++) replay();
  for (let t = 0; t < 5; t++) plain.step();
  if (!p.equal(twin)) throw new Error('replays are not the steps');
});

check('the collector', () => {
  const before = torch.memoryStats().bytes;
  for (let i = 0; i < 2000; i++) torch.empty([1 << 18], { device });
  torch.collectGarbage();
  const grown = torch.memoryStats().bytes - before;
  if (grown > 64 << 20) throw new Error(`${grown} bytes are left of what was dropped`);
});
