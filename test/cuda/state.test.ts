import { expect } from 'chai';
import torch, { cuda, data, nn, optim, type Tensor } from '../../lib/index.js';
import { bits } from '../optim/support.js';
import { refusalOf } from '../support.js';
import { onGpu, onTwoGpus } from './support.js';

describe('cuda: random numbers', () => {
  const draw = () => torch.randn([5], { device: 'cuda' }).tolist();

  onGpu('a state brings the same numbers again', () => {
    const [one, all] = [cuda.getRngState(), cuda.getRngStateAll()];
    const first = draw();
    expect(draw()).not.deep.equal(first);
    cuda.setRngState(one);
    expect(draw()).deep.equal(first);
    cuda.setRngStateAll(all);
    expect(draw()).deep.equal(first);
  });

  onGpu('seeds are known', () => {
    cuda.manualSeed(11);
    expect(cuda.initialSeed()).equal(11n);
    cuda.seedAll();
    expect(cuda.initialSeed()).not.equal(11n);
    expect(refusalOf(() => cuda.setRngState(torch.ones([3])))).property('code', 'ERR_LIBTORCH');
  });

  onGpu('a generator of its own has numbers of its own', () => {
    const g = new torch.Generator({ device: 'cuda' }).manualSeed(5);
    const one = torch.randn([4], { device: 'cuda', generator: g }).tolist();
    g.manualSeed(5);
    expect(torch.randn([4], { device: 'cuda', generator: g }).tolist()).deep.equal(one);
    expect(g.device.type).equal('cuda');
  });
});

describe('cuda: what is current', () => {
  onGpu('a stream is set until another is, and a guard lasts across an await', async () => {
    const [main, side] = [cuda.currentStream(), new cuda.Stream()];
    cuda.setStream(side);
    expect(cuda.currentStream().isSame(side)).equal(true);
    cuda.setStream(main);
    {
      using _ = cuda.stream(side);
      await new Promise((resolve) => setImmediate(resolve));
      expect(cuda.currentStream().isSame(side)).equal(true);
    }
    expect(cuda.currentStream().isSame(main)).equal(true);
    const guard = cuda.stream(side);
    guard.dispose();
    cuda.setStream(side);
    guard.dispose();
    expect(cuda.currentStream().isSame(side)).equal(true);
    cuda.setStream(main);
  });

  onTwoGpus('a device is current in a body, and of a tensor', () => {
    const make = () => torch.zeros([1], { device: 'cuda' }).device.index;
    expect([cuda.device(1, make), make()]).deep.equal([1, 0]);
    expect(cuda.deviceOf(torch.zeros([1], { device: 'cuda:1' }), make)).equal(1);
    expect(() =>
      cuda.device(1, () => {
        throw new Error('mine');
      }),
    ).throw('mine');
    expect(cuda.currentDevice()).equal(0);
  });
});

describe('cuda: what the tools say', () => {
  onGpu('the memory is told of in a table and in segments', () => {
    const kept = torch.zeros([1 << 20], { device: 'cuda' });
    expect(cuda.memorySummary()).match(/\| Allocated memory +\| +\d+ [KMG]?i?B/);
    const segments = cuda.memorySnapshot();
    const allocated = segments.reduce((sum, { allocated_size }) => sum + allocated_size, 0);
    expect(allocated).equal(cuda.memoryAllocated());
    for (const { total_size, blocks } of segments) {
      expect(blocks.reduce((sum, { size }) => sum + size, 0)).equal(total_size);
    }
    cuda.resetAccumulatedMemoryStats();
    expect(cuda.memoryStats()['allocation.all.allocated']).equal(0);
    expect(kept.sum().item()).equal(0);
  });

  onGpu('a part of the memory is set and kept to', () => {
    expect(cuda.getPerProcessMemoryFraction()).equal(1);
    cuda.setPerProcessMemoryFraction(0.001);
    try {
      const [, total] = cuda.memGetInfo();
      const large = () => torch.empty([Math.floor(total / 100)], { dtype: torch.uint8, device: 'cuda' });
      expect(refusalOf(large)).property('code', 'ERR_OUT_OF_MEMORY');
    } finally {
      cuda.setPerProcessMemoryFraction(1);
    }
  });

  onGpu('what the GPU can is said', () => {
    expect(cuda.isBf16Supported()).equal(true);
    expect(cuda.getArchList()).satisfy((list: string[]) => list.every((arch) => /^(sm|compute)_\d+/.test(arch)));
    expect(cuda.utilization()).within(0, 100);
    expect(cuda.memoryUsage()).within(0, 100);
  });

  onGpu('the profiler sees kernels, and who started them', () => {
    const x = torch.ones([256, 256], { device: 'cuda' });
    const profile = torch.profiler.profile(() => {
      x.matmul(x);
      cuda.synchronize();
    });
    const product = profile.keyAverages().find(({ name }) => name === 'aten::mm')!;
    expect(product.cudaTimeTotal).above(0);
    expect(profile.keyAverages().table()).match(/Self CUDA time total/);
  });
});

describe('cuda: graphs of a training step', () => {
  const make = () => {
    torch.manualSeed(4);
    const model = new nn.Sequential(new nn.Linear(16, 32), new nn.Tanh(), new nn.Linear(32, 4)).cuda();
    return { model, optimizer: new optim.AdamW(model.parameters(), { lr: 0.01 }) };
  };
  const batch = (t: number): [Tensor, Tensor] => [
    torch.linspace(-1, t, 8 * 16).view([8, 16]),
    torch.linspace(0, 1 + t, 8 * 4).view([8, 4]),
  ];

  onGpu('graphStep gives the bits of plain steps, whatever its warm-up', () => {
    const run = (warmup: number | null) => {
      const { model, optimizer } = make();
      const plain = (x: Tensor, y: Tensor) => {
        optimizer.zeroGrad();
        const loss = nn.functional.mseLoss(model.forward(x), y);
        loss.backward();
        optimizer.step();
        return loss;
      };
      const step = warmup === null ? plain : cuda.graphStep(plain, { warmup });
      const losses = Array.from({ length: 8 }, (_, t) => {
        const [x, y] = batch(t);
        return step(x.cuda(), y.cuda()).item();
      });
      return [losses, [...model.parameters()].map((p) => bits(p))];
    };
    const want = run(null);
    for (const warmup of [1, 3]) expect(run(warmup)).deep.equal(want);
  });

  onGpu('graphStep refuses what was not recorded, and forgets when asked', () => {
    const step = cuda.graphStep((x: Tensor) => x.mul(2), { warmup: 1 });
    const x = (n: number) => torch.ones([n], { device: 'cuda' });
    for (let i = 0; i < 3; i++) expect(step(x(3)).tolist()).deep.equal([2, 2, 2]);
    expect(step.graph).instanceOf(cuda.Graph);
    expect(refusalOf(() => step(x(4))).message).equal(
      'input 0 must be as it was recorded, float32 [3], got float32 [4]',
    );
    expect(refusalOf(() => step(1 as never))).property('code', 'ERR_ARGUMENT');
    step.reset();
    expect(step.graph).equal(null);
    for (let i = 0; i < 3; i++) expect(step(x(4)).tolist()).deep.equal([2, 2, 2, 2]);
  });

  onGpu('graphed callables have the outputs and gradients of plain ones', () => {
    const run = (graphed: boolean) => {
      const { model } = make();
      const x = batch(1)[0].cuda().requiresGrad_();
      const forward = graphed ? cuda.makeGraphedCallables(model, [x]) : model;
      const seen: unknown[] = [];
      for (let t = 0; t < 4; t++) {
        const input = batch(t)[0].cuda().requiresGrad_();
        const y = forward.forward(input) as Tensor;
        y.square().sum().backward();
        seen.push(
          y.tolist(),
          input.grad!.tolist(),
          [...model.parameters()].map((p) => p.grad!.tolist()),
        );
        model.zeroGrad();
      }
      return seen;
    };
    expect(run(true)).deep.equal(run(false));
  });

  onGpu('a prefetcher gives the batches of its loader', async () => {
    const source = new data.TensorDataset(torch.arange(50).float(), torch.arange(50));
    const loader = new data.DataLoader(source, { batchSize: 8 });
    const want = [...loader].map((pair) => (pair as Tensor[]).map((t) => t.tolist()));
    const prefetcher = new data.Prefetcher(loader, { prefetchFactor: 3 });
    expect([...prefetcher].map((pair) => (pair as Tensor[]).map((t) => t.tolist()))).deep.equal(want);
    const seen: unknown[] = [];
    for await (const pair of prefetcher) {
      expect((pair as Tensor[])[0]!.device.type).equal('cuda');
      seen.push((pair as Tensor[]).map((t) => t.tolist()));
    }
    expect(seen).deep.equal(want);
  });
});
