// Our counterpart of python/small.py: operators, small networks and numbers of tensors.
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import torch, { clip, nn, optim, type Tensor } from 'torch-clip';
import { begin, epoch, RowReader } from '../../examples/demo/train.js';
import { words } from '../../examples/ports/data.js';
import { GPT, optimizerOf } from '../../examples/ports/gpt.js';
import { Net } from '../../examples/ports/mnist.js';
import { WordModel } from '../../examples/ports/word-lstm.js';
import { type Calls, serve, timeCalls } from './serve.js';

torch.setNumThreads(Number(process.env.BENCH_THREADS));

/** The results of each case's first calls, to be compared with PyTorch's: generator and initial weights are the same. */
type First = Record<string, number[]>;
type Model = nn.Module & { forward(x: Tensor): Tensor };

const cases: Record<string, () => unknown> = {};

function operators(): First {
  torch.manualSeed(0);
  const [a, b] = [torch.randn([4]), torch.randn([4])];
  const [m, n] = [torch.randn([2, 2]), torch.randn([2, 2])];
  const list = { add: () => a.add(b), matmul: () => m.matmul(n), view: () => a.view([2, 2]), sum: () => a.sum() };
  Object.assign(cases, list);
  return Object.fromEntries(
    Object.entries(list).map(([name, run]) => [name, [...run().toTypedArray<Float32Array<ArrayBuffer>>()]]),
  );
}

function seeded<T>(make: () => T): T {
  torch.manualSeed(0);
  return make();
}

function networks(): First {
  const linear = () =>
    new nn.Sequential(new nn.Linear(10, 32), new nn.ReLU(), new nn.Linear(32, 32), new nn.ReLU(), new nn.Linear(32, 1));
  const [x, y] = seeded(() => [torch.randn([1, 10]), torch.randn([1, 1])]);
  const [rows, labels] = seeded(() => [torch.randn([8, 10, 28]), torch.randint(10, [8])]);
  const [squares, entropy] = [new nn.MSELoss(), new nn.CrossEntropyLoss()];
  const [mlp, trained, rnn] = [seeded(linear), seeded(linear), seeded(() => new RowReader(32))];
  const backward = (loss: Tensor) => {
    loss.backward();
    return loss;
  };
  cases.backward = () => backward(squares.forward(mlp.forward(x), y));
  cases.mlp = training(trained, () => backward(squares.forward(trained.forward(x), y)));
  cases.rnn = training(rnn, () => backward(entropy.forward(rnn.forward(rows), labels)));
  return Object.fromEntries(
    Object.entries(cases).map(([name, run]) => [name, [0, 1, 2].map(() => (run() as Tensor).item())]),
  );
}

function training(model: Model, backward: () => Tensor): () => Tensor {
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9, clip: clip.norm(1) });
  return () => {
    optimizer.zeroGrad();
    const loss = backward();
    optimizer.step();
    return loss;
  };
}

/** An epoch of examples/demo; the files hold float32 rows and int64 labels. */
function demo({ images, labels }: { images: string; labels: string }): First {
  const bytes = (file: string) => new Uint8Array(readFileSync(file)).buffer;
  const x = torch.tensor(new Float32Array(bytes(images))).view(-1, 28, 28);
  const parts = begin(clip.norm(0.5), { x, y: torch.tensor(new BigInt64Array(bytes(labels))) });
  const run = () => {
    const losses: number[] = [];
    const norms: number[] = [];
    epoch(parts, (loss, norm) => {
      losses.push(loss);
      norms.push(norm);
    });
    return { losses, norms };
  };
  cases.epoch = run;
  const { losses, norms } = run();
  return { epoch: [...losses.slice(0, 3), ...norms.slice(0, 3)] };
}

/** Training steps of models of examples/ports, larger than in their tests. */
function ports(): First {
  const F = nn.functional;
  const text = seeded(() => words(20_000, 64));
  const rows = (at: number, count: number, length: number) =>
    torch.stack(Array.from({ length: count }, (_, i) => text.narrow(0, at + i * length, length)));

  const gpt = seeded(() => new GPT({ vocabulary: 64, block: 64, layers: 4, heads: 4, width: 128, dropout: 0 }));
  const gptOptimizer = optimizerOf(gpt);
  const [tokens, next] = [rows(0, 8, 64), rows(1, 8, 64)];
  cases.gpt = () => {
    const loss = F.crossEntropy(gpt.forward(tokens).flatten(0, 1), next.flatten());
    loss.backward();
    gptOptimizer.step();
    gptOptimizer.zeroGrad();
    return loss;
  };

  const cnn = seeded(() => new Net());
  const cnnOptimizer = new optim.Adadelta(cnn.parameters(), { lr: 1 });
  cnn.eval();
  const [images, labels] = seeded(() => [torch.rand([64, 1, 28, 28]), torch.randint(0, 10, [64])]);
  cases.cnn = () => {
    cnnOptimizer.zeroGrad();
    const loss = F.nllLoss(cnn.forward(images), labels);
    loss.backward();
    cnnOptimizer.step();
    return loss;
  };

  const lstm = seeded(() => new WordModel(64, 200)).eval();
  const lstmOptimizer = new optim.SGD(lstm.parameters(), { lr: 1, clip: clip.norm(0.25) });
  const [input, target] = [rows(0, 20, 35).t().contiguous(), rows(1, 20, 35).t().reshape([-1])];
  const begin = lstm.begin(20);
  cases.lstm = () => {
    lstmOptimizer.zeroGrad();
    const loss = F.nllLoss(lstm.forward(input, begin)[0], target);
    loss.backward();
    lstmOptimizer.step();
    return loss;
  };
  return Object.fromEntries(
    ['gpt', 'cnn', 'lstm'].map((name) => [name, [0, 1, 2].map(() => (cases[name]!() as Tensor).item())]),
  );
}

/** The share of a case's time in JavaScript and its collector, by V8's sampling profiler; the rest is in the addon and libtorch. */
async function share({ name, iterations }: { name: string; iterations: number }): Promise<number> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 100 });
  const run = cases[name]!;
  run();
  await session.post('Profiler.start');
  for (let i = 0; i < iterations; i++) run();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  let [inside, all] = [0, 0];
  for (const { callFrame, hitCount = 0 } of profile.nodes) {
    if (['(root)', '(idle)'].includes(callFrame.functionName)) continue;
    all += hitCount;
    // Functions of the addon have no source.
    if (callFrame.url !== '' || callFrame.functionName === '(garbage collector)') inside += hitCount;
  }
  return inside / all;
}

let held: Tensor[] = [];

/** Norm clip and AdamW over `count` tensors that share no memory. */
function tensors({ count, size, grads = true }: { count: number; size: number; grads?: boolean }): First {
  for (const p of held) {
    p.grad?.dispose();
    p.dispose();
  }
  // The state of the last optimizer.
  globalThis.gc?.();
  held = Array.from({ length: count }, () => torch.randn([size], { requiresGrad: true }));
  for (const p of held) if (grads) p.grad = torch.randn([size]);
  const optimizer = new optim.AdamW(held, { clip: clip.norm(1) });
  cases.tensors = () => optimizer.step();
  return {};
}

const makers = { operators, networks, demo, ports, tensors };

await serve({
  make: ({ what, ...options }: { what: keyof typeof makers }) => makers[what](options as never),
  small: ({ name, ...calls }: { name: string } & Calls) => timeCalls(cases[name]!, calls),
  share,
});
