import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import torch, { type clip, cuda, nn, optim, type Tensor } from '../../lib/index.js';
import { bits, clipperOf, clippers } from '../optim/support.js';
import { refusalOf } from '../support.js';
import { failures } from './failures.js';
import { onGpu } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const sizes = [[100_003], [64, 33], [7]];

/** Parameters of a dtype, and gradients that stay where they are. */
function tensors(dtype = torch.float32): Tensor[] {
  return sizes.map((size, i) => {
    const p = torch
      .linspace(
        -1,
        1 + i,
        size.reduce((a, b) => a * b, 1),
        { dtype, device: 'cuda' },
      )
      .view(size)
      .requiresGrad_();
    p.grad = torch.zeros(size, { dtype, device: 'cuda' });
    return p;
  });
}

/** The gradients of step t: a function of the parameters, now and then a long one. */
function setGradients(params: readonly Tensor[], t: number): void {
  for (const p of params) {
    p.grad!.copy_(
      p
        .detach()
        .mul(1 + (t % 7))
        .sin()
        .mul(t % 10 === 7 ? 32 : 1),
    );
  }
}

const captured = (graph: cuda.Graph, body: () => void) => graph.capture(body, { captureErrorMode: 'thread_local' });

/** The bits of the parameters and of the last statistics after some steps, the later ones as replays of a graph or not. */
function run(clipper: clip.Clipper | null, steps: number, asGraph: boolean): string[] {
  const params = tensors();
  const optimizer = new optim.AdamW(params, { clip: clipper });
  const graph = new cuda.Graph();
  for (let t = 0; t < steps; t++) {
    setGradients(params, t);
    if (!asGraph || t < 3) optimizer.step();
    else {
      if (t === 3) captured(graph, () => optimizer.step());
      graph.replay();
    }
  }
  return params.map(bits);
}

describe('cuda: a step waits for nothing', () => {
  for (const [name, spec] of Object.entries(clippers)) {
    // A wait would end the capture.
    onGpu(`AdamW under ${name} can be captured, and its replays are the eager steps`, () => {
      const make = () => clipperOf(spec);
      expect(run(make(), 20, true)).deep.equal(run(make(), 20, false));
    });
  }

  for (const name of ['norm', 'stochastic, linear', 'auto']) {
    onGpu(`1,000 replays under ${name} are 1,000 eager steps`, () => {
      const make = () => clipperOf(clippers[name]!);
      expect(run(make(), 1003, true)).deep.equal(run(make(), 1003, false));
    });
  }

  onGpu('a step whose learning rate counts the steps taken is refused before it waits', () => {
    const [p] = tensors() as [Tensor];
    const optimizer = new optim.Expectigrad([p], { decay: 0.1 });
    optimizer.step();
    const graph = new cuda.Graph();
    expect(refusalOf(() => captured(graph, () => optimizer.step()))).property('code', 'ERR_STATE');
    captured(graph, () => p.grad!.mul_(2));
    graph.replay();
    optimizer.step();
    expect(optimizer.paramGroups[0]!.iterations).equal(2);
  });

  onGpu('a replay goes by the learning rate of its time', () => {
    const ends = [true, false].map((asGraph) => {
      const params = tensors();
      const optimizer = new optim.AdamW(params, { lr: 0.1, clip: clipperOf(clippers.norm!) });
      const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 2 });
      const graph = new cuda.Graph();
      for (let t = 0; t < 8; t++) {
        setGradients(params, t);
        if (asGraph && t === 1) captured(graph, () => optimizer.step());
        if (asGraph && t >= 1) graph.replay();
        else optimizer.step();
        scheduler.step();
      }
      return params.map(bits);
    });
    expect(ends[0]).deep.equal(ends[1]);
  });

  onGpu('clipGradNorm_ and clipGradValue_ can be captured', () => {
    const clipped = (params: Tensor[]) => {
      const total = nn.utils.clipGradNorm_(params, 0.5);
      nn.utils.clipGradValue_(params, 0.05);
      return total;
    };
    const [params, twins] = [tensors(), tensors()];
    setGradients(params, 1);
    let total: Tensor | undefined;
    const graph = new cuda.Graph();
    captured(graph, () => {
      total = clipped(params);
    });
    for (let t = 2; t <= 4; t++) {
      setGradients(params, t);
      setGradients(twins, t);
      graph.replay();
      expect(total!.item()).equal(clipped(twins).item());
      params.forEach((p, i) => {
        expect(bits(p.grad!)).equal(bits(twins[i]!.grad!));
      });
    }
    const refuse = () => nn.utils.clipGradNorm_(params, 1, { errorIfNonfinite: true });
    expect(refusalOf(() => captured(new cuda.Graph(), refuse))).property('code', 'ERR_STATE');
  });

  onGpu('parameters with gaps can be captured', () => {
    const run = (asGraph: boolean) => {
      const p = torch.linspace(-1, 1, 2000, { device: 'cuda' }).view([1000, 2]).select(1, 0).detach().requiresGrad_();
      p.grad = torch.zeros([1000], { device: 'cuda' });
      const optimizer = new optim.AdamW([p], { clip: clipperOf(clippers.norm!) });
      const graph = new cuda.Graph();
      for (let t = 0; t < 8; t++) {
        setGradients([p], t);
        if (asGraph && t === 2) captured(graph, () => optimizer.step());
        if (asGraph && t >= 2) graph.replay();
        else optimizer.step();
      }
      return bits(p);
    };
    expect(run(true)).equal(run(false));
  });

  onGpu('norm clip and AdamW are at most three kernels for a dtype', () => {
    const step = (params: Tensor[]) => {
      const optimizer = new optim.AdamW(params, { clip: clipperOf(clippers.norm!) });
      setGradients(params, 1);
      optimizer.step();
      optimizer.step();
      const graph = new cuda.Graph();
      captured(graph, () => optimizer.step());
      return graph.nodes.kernels;
    };
    expect(step(tensors())).within(1, 3);
    expect(step([...tensors(), ...tensors(torch.bfloat16)])).within(2, 6);
  });

  // The captures above did not fail, so nothing in them has waited.
  for (const name of Object.keys(failures)) {
    onGpu(name, function (this: Mocha.Context) {
      this.timeout(120_000);
      const args = ['--import', 'tsx', 'test/cuda/failures.ts', name];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
      expect({ status, stdout }, stderr).deep.equal({ status: 0, stdout: 'done\n' });
    });
  }
});

describe('cuda: results do not depend on the run', () => {
  onGpu('norms are the same bits each time, and after other work', () => {
    cuda.manualSeed(3);
    const grads = [1_000_003, 17, 4096, 1].map((n) => torch.randn([n], { device: 'cuda' }));
    const norms = Array.from({ length: 30 }, (_, i) => {
      if (i % 3 === 0) torch.randn([512, 512], { device: 'cuda' }).mm(torch.randn([512, 512], { device: 'cuda' }));
      return bits(nn.utils.getTotalNorm(grads).reshape([1]));
    });
    expect(new Set(norms).size).equal(1);
  });

  onGpu('a step in another stream is the same step', () => {
    const stepped = (stream: cuda.Stream) => {
      const params = tensors();
      const optimizer = new optim.AdamW(params, { clip: clipperOf(clippers.norm!) });
      stream.waitStream(cuda.currentStream());
      cuda.stream(stream, () => {
        for (let t = 0; t < 10; t++) {
          setGradients(params, t);
          optimizer.step();
        }
      });
      cuda.currentStream().waitStream(stream);
      cuda.synchronize();
      return params.map(bits);
    };
    const first = stepped(cuda.currentStream());
    expect(stepped(new cuda.Stream())).deep.equal(first);
    // Two streams alternate, and wait for each other.
    const params = tensors();
    const optimizer = new optim.AdamW(params, { clip: clipperOf(clippers.norm!) });
    const streams = [new cuda.Stream(), new cuda.Stream()] as const;
    for (let t = 0; t < 10; t++) {
      const [now, before] = [streams[t % 2]!, t === 0 ? cuda.currentStream() : streams[(t + 1) % 2]!];
      now.waitStream(before);
      cuda.stream(now, () => {
        setGradients(params, t);
        optimizer.step();
      });
    }
    cuda.synchronize();
    expect(params.map(bits)).deep.equal(first);
  });
});
