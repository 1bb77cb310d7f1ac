import { expect } from 'chai';
import { native } from '../../../lib/binding/index.js';
import torch, { clip, optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import { bits, clipperOf, clippers, make, parameters, rules, setGradients, snapshot } from '../../optim/support.js';
import { refusalOf } from '../../support.js';

interface Emulation {
  emulationLaunches(): number;
  emulationCapture(on: boolean): void;
  emulationReplay(): void;
  emulationStream(n: number): void;
  emulationUnknown(): number;
}
const emulation = native as unknown as Emulation;
const launches = (body: () => void): number => {
  const before = emulation.emulationLaunches();
  body();
  return emulation.emulationLaunches() - before;
};
const capture = (body: () => void): void => {
  emulation.emulationCapture(true);
  try {
    body();
  } finally {
    emulation.emulationCapture(false);
  }
};

/** As `cuda.Graph` does it. */
const replay = (optimizer: optim.Optimizer): void => {
  optimizer.beforeReplay();
  emulation.emulationReplay();
};

/** Gives every gradient of step t the memory of `into`, as a graph needs it. */
function refill(groups: Tensor[][], into: Tensor[], t: number): void {
  setGradients(groups, t);
  groups.flat().forEach((p, i) => {
    into[i]!.copy_(p.grad!);
    p.grad = into[i]!;
  });
}

describe('emulated: steps of the CUDA driver', () => {
  it('norm clip and AdamW are three launches, wherever the gradients lie', () => {
    const groups = parameters(torch.float32);
    const optimizer = new optim.AdamW(groups.flat(), { clip: clip.norm(1) });
    for (let t = 1; t <= 3; t++) {
      setGradients(groups, t);
      expect(launches(() => optimizer.step())).equal(3);
    }
    expect(launches(() => optimizer.clipStats)).equal(0);
  });

  const [small, large] = [
    [[8, 5], [7]],
    [[40_000], [8, 5], [7]],
  ];
  // Small ones that are more than the GPU takes blocks at once, here four, have launches of their own.
  const [few, several] = [
    [
      [4, 5],
      [9, 300],
    ],
    [
      [5, 5],
      [9, 300],
    ],
  ];
  const launched: [string, clip.Clipper, optim.NonFinite, number[][], number][] = [
    ['AGC: both norms in one, their sums, the decision, the update', clip.agc(), 'skip', small, 4],
    ['AGC, each unit in one visit', clip.agc(), 'propagate', small, 2],
    ['layer-wise, each unit in one visit', clip.layerwise(1), 'zero', small, 2],
    ['layer-wise, one unit of many chunks', clip.layerwise(1), 'propagate', large, 4],
    ['layer-wise under a tap', clip.tap(clip.layerwise(1)), 'propagate', large, 4],
    ['AGC of the update', clip.agc({ placement: 'update' }), 'propagate', small, 6],
    ['AGC, few small units beside larger ones', clip.agc(), 'skip', few, 4],
    ['AGC, more small units beside larger ones', clip.agc(), 'skip', several, 6],
    ['AGC, each unit in one visit, more small units beside larger ones', clip.agc(), 'propagate', several, 3],
  ];
  for (const [name, clipper, nonFinite, shapes, count] of launched) {
    it(`launches of a step: ${name}`, () => {
      const params = shapes.map((shape) => torch.ones(shape, { requiresGrad: true }));
      const optimizer = new optim.AdamW(params, { clip: clipper, nonFinite });
      for (const p of params) p.grad = torch.ones(p.shape);
      expect(launches(() => optimizer.step())).equal(count);
    });
  }

  const many: [string, clip.Clipper][] = [
    ['AGC', clip.agc({ clipping: 0.8 })],
    ['norms', clip.norm(0.4, { scope: 'row' })],
    ['coins', clip.stochastic(clip.agc({ clipping: 0.05 }), { beta: 0.5 })],
    ['memories', clip.zscore({ zThreshold: 0.5, warmup: 1, scope: 'row' })],
  ];
  for (const [name, clipper] of many) {
    it(`more than 4,096 units take a launch more and no other decisions: ${name}`, () => {
      // The units of the second run are the first of the other one.
      const run = (rows: number) => {
        const p = torch.ones([rows, 2], { requiresGrad: true });
        const optimizer = new optim.AdamW([p], { clip: clipper });
        const seen: string[] = [];
        for (let t = 1; t <= 4; t++) {
          p.grad = torch
            .arange(rows * 2)
            .mul(0.7 * t)
            .sin()
            .reshape([rows, 2]);
          if (t === 3) p.grad.select(0, 1).fill_(Number.NaN);
          expect(launches(() => optimizer.step())).equal(rows > 4096 ? 5 : 4);
          const { norm, coefficient } = optimizer.clipStats;
          seen.push(...[p.detach(), norm, coefficient].map((t) => bits(t.narrow(0, 0, 4000).clone())));
        }
        const { skipped, clipped } = optimizer.clipStats;
        expect(skipped.item()).equal(1);
        expect(clipped.item()).within(0.05, 0.95);
        return seen;
      };
      expect(run(5000)).deep.equal(run(4000));
    });
  }

  it('the total norm of more than 4,096 units is known to taps and to clippers that ask', () => {
    const p = torch.ones([5000, 2], { requiresGrad: true });
    p.grad = torch.arange(10_000).mul(0.7).sin().reshape([5000, 2]);
    const total = torch.linalg.vectorNorm(p.grad.double()).item();
    const tapped = new optim.SGD([p], { lr: 0, clip: clip.tap(clip.agc()) });
    tapped.step();
    expect(tapped.clipStats.history.item() / total).closeTo(1, 1e-6);
    const warming = new optim.SGD([p], { lr: 0, clip: clip.adaGC({ absolute: 1, scope: 'row' }) });
    warming.step();
    const { coefficient } = warming.clipStats;
    expect(coefficient.mul(total).sub(1).abs().max().item()).below(1e-5);
  });

  // A tap needs all norms, so a clipper with one takes two passes.
  const perUnit = { agc: clip.agc({ clipping: 0.05 }), layerwise: clip.layerwise(1) };
  for (const [name, rule] of Object.entries(rules)) {
    it(`the bits do not depend on whether units are visited once or twice: ${name}`, () => {
      for (const [clipName, clipper] of Object.entries(perUnit)) {
        for (const dtype of [torch.float32, torch.float64, torch.float16, torch.bfloat16]) {
          for (const nonFinite of ['propagate', 'zero']) {
            const runs = [clipper, clip.tap(clipper)].map((clip) => {
              const groups = parameters(dtype);
              const optimizer = make(rule, groups, { clip, nonFinite, writeBack: true });
              const seen: unknown[] = [];
              for (let t = 1; t <= 4; t++) {
                setGradients(groups, t);
                if (t === 3) groups[0]![0]!.grad!.select(0, 1).fill_(Number.NaN);
                optimizer.step();
                const { norm, coefficient, threshold, clipped } = optimizer.clipStats;
                seen.push([norm, coefficient, threshold, clipped].map((t) => bits(t.reshape([-1]))));
                seen.push(groups.flat().map((p) => [bits(p), bits(p.grad!)]));
              }
              const { params, state } = snapshot(optimizer) as Record<string, unknown>;
              return [seen, params, state];
            });
            expect(runs[0], `${clipName}, ${dtype.name}, ${nonFinite}`).deep.equal(runs[1]);
          }
        }
      }
    });
  }

  for (const [name, spec] of Object.entries(clippers)) {
    for (const [rule, nonFinite] of [
      ['AdamW', 'skip'],
      ['AdamW', 'propagate'],
      ['LAMB', 'skip'],
    ] as const) {
      it(`a captured step is the step, between others whose gradients lie elsewhere: ${rule} / ${name} / ${nonFinite}`, () => {
        const [groups, twins] = [parameters(torch.float32), parameters(torch.float32)];
        const of = (g: Tensor[][]) => make(rules[rule]!, g, { clip: clipperOf(spec), nonFinite });
        const [optimizer, twin] = [of(groups), of(twins)];
        const both = (t: number, step: () => void): void => {
          step();
          setGradients(twins, t);
          twin.step();
          expect(snapshot(optimizer), `step ${t}`).deep.equal(snapshot(twin));
        };
        setGradients(groups, 1);
        const fixed = groups.flat().map((p) => p.grad!.clone());
        both(1, () => {
          // Where the gradients lie is sent before the capture for one rule, and part of the graph for the other.
          if (rule === 'AdamW') refill(groups, fixed, 1);
          optimizer.step();
        });
        refill(groups, fixed, 2);
        const before = snapshot(optimizer);
        capture(() => optimizer.step());
        expect(snapshot(optimizer)).deep.equal(before);
        for (let t = 2; t <= 9; t++) {
          both(t, () => {
            if (t % 3 === 0) {
              // Between replays, steps whose gradients lie elsewhere.
              setGradients(groups, t);
              optimizer.step();
            } else {
              refill(groups, fixed, t);
              replay(optimizer);
            }
          });
        }
      });
    }
  }

  it('a graph of a step like the one before is three launches, too', () => {
    const groups = parameters(torch.float32);
    const optimizer = new optim.AdamW(groups.flat(), { clip: clip.norm(1) });
    setGradients(groups, 1);
    optimizer.step();
    capture(() => optimizer.step());
    expect(launches(() => replay(optimizer))).equal(3);
  });

  it('a history that replays have filled forgets the oldest, and grows again with eager steps', () => {
    const p = torch.zeros([1], { requiresGrad: true });
    const optimizer = new optim.SGD([p], { lr: 1, clip: clip.auto({ percentile: 50 }) });
    p.grad = torch.zeros([1]);
    const norms: number[] = [];
    const take = (step: () => void) => {
      norms.push(1 + ((norms.length * 37) % 1031));
      p.grad!.fill_(norms.at(-1)!);
      step();
    };
    take(() => optimizer.step());
    capture(() => optimizer.step());
    for (let t = 0; t < 1300; t++) take(() => replay(optimizer));
    const history = () => optimizer.stateDict().clip!.stages[0]!.history.tolist() as number[];
    expect(history()).deep.equal(norms.slice(-1024));
    for (let t = 0; t < 1100; t++) take(() => optimizer.step());
    expect(history()).length.above(1024);
    expect(history()).deep.equal(norms.slice(-history().length));
  });

  it('a captured step goes by the learning rate of its replay', () => {
    const p = torch.zeros([1], { requiresGrad: true });
    const optimizer = new optim.SGD([p], { lr: 1 });
    p.grad = torch.ones([1]);
    optimizer.step();
    optimizer.paramGroups[0]!.lr = 0.5;
    capture(() => optimizer.step());
    optimizer.paramGroups[0]!.lr = 0.25;
    optimizer.step();
    replay(optimizer);
    expect(p.item()).equal(-1.5);
    optimizer.paramGroups[0]!.lr = 4;
    replay(optimizer);
    expect(p.item()).equal(-5.5);
    Object.assign(optimizer.paramGroups[0]!, { lr: 'fast' });
    expect(() => replay(optimizer)).throw(TorchClipError, /paramGroups\[0\].lr/);
    expect(p.item()).equal(-5.5);
  });

  it('histories that have gone round are moved to larger memory in their order', () => {
    const p = torch.zeros([2, 1], { requiresGrad: true });
    const q = torch.zeros([2, 1], { requiresGrad: true });
    const [optimizer, twin] = [p, q].map(
      (t) => new optim.SGD([t], { lr: 1, clip: clip.auto({ percentile: 30, window: 5, scope: 'row' }) }),
    ) as [optim.SGD, optim.SGD];
    for (let t = 0; t < 40; t++) {
      for (const each of [p, q]) each.grad = torch.tensor([1 + ((t * 7) % 13), 2 + ((t * 5) % 11)]).view([2, 1]);
      // A window that is full, on the host and again on the device.
      if (t % 6 === 5) twin.loadStateDict(twin.stateDict());
      optimizer.step();
      twin.step();
      expect(bits(p)).equal(bits(q));
    }
  });

  it('the allocator knows of every table in every stream that steps, statistics and replays run in', () => {
    const inStream = <T>(n: number, body: () => T): T => {
      emulation.emulationStream(n);
      try {
        return body();
      } finally {
        emulation.emulationStream(0);
      }
    };
    const unknownIn = (n: number) => inStream(n, () => emulation.emulationUnknown());
    const [first, side, other, last] = [101, 102, 103, 104];
    // Other tests' optimizers may not be collected yet.
    const before = Math.max(...[first, side, other, last].map(unknownIn));
    const groups = parameters(torch.float32);
    const optimizer = new optim.AdamW(groups.flat(), { clip: clip.auto({ percentile: 50, scope: 'row' }) });
    setGradients(groups, 1);
    inStream(first, () => optimizer.step());
    expect(unknownIn(first)).equal(before);
    expect(unknownIn(side)).above(before + 20);
    setGradients(groups, 2);
    inStream(side, () => optimizer.step());
    expect(unknownIn(side)).equal(before);
    capture(() => optimizer.step());
    inStream(other, () => replay(optimizer));
    expect(unknownIn(other)).equal(before);
    inStream(last, () => optimizer.clipStats);
    // The statistics read a few of them.
    expect(unknownIn(last)).within(before + 1, unknownIn(105) - 1);
  });

  it('tables that inference mode made serve steps outside of it', () => {
    const p = torch.zeros([3], { requiresGrad: true });
    const optimizer = new optim.AdamW([p], { lr: 1, clip: clip.auto({ percentile: 50 }) });
    p.grad = torch.ones([3]);
    torch.inferenceMode(() => optimizer.step());
    p.grad = torch.ones([3]).mul(2);
    optimizer.paramGroups[0]!.lr = 0.5;
    optimizer.step();
    expect(p.add(1.5).abs().max().item()).below(0.1);
  });

  it('parameters and gradients with gaps keep their plan: a step of them can be captured, and is three launches', () => {
    const gapped = (values: number[]) => torch.tensor(values).repeatInterleave(2).view([-1, 2]).select(1, 0);
    const p = gapped([1, -2, 3]).detach().requiresGrad_();
    const q = torch.ones([2], { requiresGrad: true });
    const optimizer = new optim.SGD([p, q], { lr: 1, clip: clip.norm(100) });
    const step = () => {
      p.grad = gapped([1, 1, 2]);
      q.grad = torch.tensor([1, 3, 2, 4]).view([2, 2]).select(1, 0);
      expect(launches(() => optimizer.step())).equal(3);
    };
    step();
    step();
    expect([p.tolist(), q.tolist()]).deep.equal([
      [-1, -4, -1],
      [-1, -3],
    ]);
    const before = p.tolist();
    capture(() => optimizer.step());
    // The emulation records kernels, not the copies around them.
    expect(launches(() => replay(optimizer))).equal(3);
    expect(p.tolist()).deep.equal(before);
  });

  it('a graph outlives the plan that it was captured with, and the state that it moves', () => {
    const [p, q] = [torch.zeros([3], { requiresGrad: true }), torch.zeros([3], { requiresGrad: true })];
    const optimizer = new optim.AdamW([p], { clip: clip.norm(1) });
    p.grad = torch.ones([3]);
    optimizer.step();
    capture(() => optimizer.step());
    optimizer.addParamGroup({ params: [q] });
    q.grad = torch.ones([3]);
    replay(optimizer);
    optimizer.step();
    optimizer.loadStateDict(optimizer.stateDict());
    optimizer.step();
    const before = bits(q);
    const at = p.tolist();
    replay(optimizer);
    expect(bits(q)).equal(before);
    expect(p.tolist()).not.deep.equal(at);
    expect(optimizer.stateDict().state[0]!.step).property('item');
  });

  const refused: [string, optim.CommonOptions, RegExp][] = [
    ['a custom clipper', { clip: clip.custom(() => 1) }, /custom clipper/],
    ['nonFinite "error"', { nonFinite: 'error' }, /which waits/],
  ];
  for (const [name, options, message] of refused) {
    it(`refuses to capture ${name}`, () => {
      const p = torch.zeros([2], { requiresGrad: true });
      const optimizer = new optim.SGD([p], { lr: 1, ...options });
      p.grad = torch.ones([2]);
      optimizer.step();
      const error = refusalOf(() => capture(() => optimizer.step()));
      expect(error).property('code', 'ERR_STATE');
      expect(error.message).match(message);
    });
  }
  it('refuses to capture the first step', () => {
    const p = torch.zeros([2], { requiresGrad: true });
    const optimizer = new optim.SGD([p], { lr: 1 });
    p.grad = torch.ones([2]);
    expect(refusalOf(() => capture(() => optimizer.step())).message).match(/before capturing a step/);
    optimizer.step();
    expect(p.tolist()).deep.equal([-1, -1]);
  });
});
