// Our counterpart of python/small.py: operators, small networks and numbers of tensors.
import { readFileSync } from 'node:fs';
import torch, { clip, nn, optim, type Tensor } from 'torch-clip';
import { begin, epoch, RowReader } from '../../examples/demo/train.js';
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

const makers = { operators, networks, demo, tensors };

await serve({
  make: ({ what, ...options }: { what: keyof typeof makers }) => makers[what](options as never),
  small: ({ name, ...calls }: { name: string } & Calls) => timeCalls(cases[name]!, calls),
});
