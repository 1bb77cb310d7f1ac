import { expect } from 'chai';
import fc from 'fast-check';
import torch, { clip, optim, TorchClipError } from '../../lib/index.js';
import { clipperOf, clippers, device, parameters, setGradients, snapshot, steps } from '../optim/support.js';

const leaf = (values: readonly number[]) =>
  torch.tensor([...values], { dtype: torch.float64, device, requiresGrad: true });

function sgd(values: readonly number[], clipper: clip.Clipper, options: object = {}) {
  const p = leaf(values.map(() => 0));
  p.grad = torch.tensor([...values], { dtype: torch.float64, device });
  return { p, optimizer: new optim.SGD([p], { lr: 1, maximize: true, clip: clipper, ...options }) };
}

describe('clip.stochastic', () => {
  for (const power of [1, 2] as const) {
    it(`clips at the rate beta^(c^${power}), within 4 standard errors`, () => {
      fc.assert(
        fc.property(
          fc.double({ min: 0.05, max: 0.95, noNaN: true }),
          fc.double({ min: 1.05, max: 30, noNaN: true }),
          fc.nat(),
          (beta, norm, seed) => {
            const { optimizer } = sgd([norm], clip.stochastic(clip.norm(1), { beta, power, seed }));
            const steps = 4000;
            for (let t = 0; t < steps; t++) optimizer.step();
            const rate = beta ** ((1 / norm) ** power);
            const error = Math.sqrt((rate * (1 - rate)) / steps);
            expect(Math.abs(optimizer.clipStats.clipped.item() - rate)).below(4 * error + 1e-12);
          },
        ),
        // A fixed seed: one run in thousands lies outside by chance.
        { numRuns: 20, seed: 1 },
      );
    });
  }

  it('draws once per step for the global scope and once per tensor for that scope', () => {
    const coefficients = (scope: 'global' | 'tensor') => {
      const params = Array.from({ length: 64 }, () => leaf([0]));
      for (const p of params) p.grad = torch.tensor([2], { dtype: torch.float64, device });
      const clipper = clip.stochastic(clip.norm(1, { scope }), { beta: 0.5 });
      const optimizer = new optim.SGD(params, { lr: 1, clip: clipper });
      optimizer.step();
      return new Set(params.map((p) => p.item()));
    };
    expect(coefficients('global').size).equal(1);
    expect(coefficients('tensor').size).equal(2);
  });

  it('holds the norm against the level itself, and never clips below it', () => {
    const { p, optimizer } = sgd([3, 4], clip.stochastic(clip.norm(1), { beta: 1 - 1e-12 }));
    optimizer.step();
    expect(p.tolist()).deep.equal([3 * (1 / 5), 4 * (1 / 5)]);
    const below = sgd([0.5], clip.stochastic(clip.norm(1), { beta: 0.999 }));
    for (let t = 0; t < 100; t++) below.optimizer.step();
    expect(below.optimizer.clipStats.clipped.item()).equal(0);
  });
});

describe('clip.chain', () => {
  it('shows each clipper what the one before has left', () => {
    const { p, optimizer } = sgd([3, -40], clip.chain(clip.value(4), clip.norm(1, { normType: 1 })), {
      writeBack: true,
    });
    optimizer.step();
    const c = 1 / (7 + 1e-6);
    expect(p.tolist()).deep.equal([3 * c, -4 * c]);
    expect(p.grad!.tolist()).deep.equal(p.tolist());
    const [value, norm] = optimizer.clipStats.stages;
    expect(value!.threshold.item()).equal(4);
    expect(norm!.norm.item()).equal(7);
    expect(norm!.coefficient.item()).equal(c);
  });

  it('says how it was made', () => {
    const chain = clip.chain(
      clip.stochastic(clip.norm(1), { beta: 0.5, seed: 3 }),
      clip.value(2, { placement: 'update' }),
    );
    expect(String(chain)).equal(
      'norm(scope: global, placement: gradient, maxNorm: 1, normType: 2, eps: 0, coin.beta: 0.5, coin.power: 1, coin.seed: 3)' +
        ' then value(scope: global, placement: update, limit: 2)',
    );
  });
});

describe('clip.custom', () => {
  it('multiplies by what the function makes of the statistics', () => {
    const seen: clip.UnitStatistics[] = [];
    const clipper = clip.custom(
      (statistics) => {
        seen.push(statistics);
        return 1 / (1 + statistics.norm);
      },
      { normType: 1, scope: 'tensor' },
    );
    const [p, q] = [leaf([0, 0]), leaf([0])];
    p.grad = torch.tensor([1, -2], { dtype: torch.float64, device });
    q.grad = torch.tensor([7], { dtype: torch.float64, device });
    new optim.SGD([p, q], { lr: 1, maximize: true, clip: clipper }).step();
    expect(seen).deep.equal([
      { norm: 3, numel: 2, unit: 0 },
      { norm: 7, numel: 1, unit: 1 },
    ]);
    expect([p.tolist(), q.tolist()]).deep.equal([[0.25, -0.5], [7 / 8]]);
  });

  it('is clip.norm when it computes what clip.norm does', () => {
    const same = clip.custom(({ norm }) => Math.min(1, 1 / (norm + 1e-6)));
    const [a, b] = [sgd([3, 4], same), sgd([3, 4], clip.norm(1))];
    a.optimizer.step();
    b.optimizer.step();
    expect(a.p.tolist()).deep.equal(b.p.tolist());
  });

  const failing: [string, () => number, RegExp][] = [
    [
      'throws',
      () => {
        throw new TypeError('no');
      },
      /^no$/,
    ],
    ['returns NaN', () => Number.NaN, /the coefficient of a custom clipper.* must be a finite number >= 0, got NaN/],
    ['returns a negative number', () => -1, /must be a finite number >= 0, got -1/],
    ['returns nothing', () => undefined as unknown as number, /must be a finite number >= 0, got undefined/],
  ];
  const places: [string, (decide: () => number) => clip.Clipper][] = [
    ['alone', (decide) => clip.custom(decide)],
    [
      'after others with a memory',
      (decide) => clip.chain(clip.auto(), clip.spam({ threshold: 2 }), clip.zscore(), clip.custom(decide)),
    ],
    [
      'of the update',
      (decide) =>
        clip.chain(
          clip.stochastic(clip.norm(1), { beta: 0.5 }),
          clip.auto({ placement: 'update' }),
          clip.custom(decide, { placement: 'update' }),
        ),
    ],
  ];
  for (const [what, decide, message] of failing) {
    for (const [where, place] of places) {
      it(`leaves everything as it was when its function ${what}, ${where}`, () => {
        let fail = false;
        const clipper = place(() => (fail ? decide() : 1));
        const p = leaf([1, 2]);
        const optimizer = new optim.AdamW([p], { clip: clipper });
        p.grad = torch.tensor([3, 4], { dtype: torch.float64, device });
        optimizer.step();
        optimizer.step();
        const before = snapshot(optimizer);
        fail = true;
        expect(() => optimizer.step()).throw(message);
        expect(snapshot(optimizer)).deep.equal(before);
        fail = false;
        optimizer.step();
        expect(snapshot(optimizer)).not.deep.equal(before);
      });
    }
  }

  it('may not use its optimizer, nor take away the gradients', () => {
    let meddle = () => {};
    const clipper = clip.custom(() => {
      meddle();
      return 1;
    });
    const { p, optimizer } = sgd([3, 4], clipper);
    const grad = p.grad!;
    const tries: [() => void, RegExp][] = [
      [() => optimizer.step(), /an optimizer cannot be changed or stepped while its own step runs user code/],
      [() => optimizer.zeroGrad(), /an optimizer cannot be changed or stepped/],
      [() => optimizer.addParamGroup({ params: leaf([1]) }), /an optimizer cannot be changed or stepped/],
      [() => optimizer.loadStateDict(optimizer.stateDict()), /an optimizer cannot be changed or stepped/],
      [
        () => {
          p.grad = null;
        },
        /must not replace parameters or gradients/,
      ],
    ];
    for (const [act, message] of tries) {
      meddle = act;
      expect(() => optimizer.step()).throw(TorchClipError, message);
      expect(p.tolist()).deep.equal([0, 0]);
      p.grad = grad;
    }
    meddle = () => {};
    optimizer.step();
    expect(p.tolist()).deep.equal([3, 4]);
  });
});

describe('clip.tap', () => {
  it('keeps the last norms, also in the state dict', () => {
    const { p, optimizer } = sgd([1], clip.tap(clip.norm(1), { window: 3 }));
    for (const norm of [1, 2, Number.NaN, 3, 4]) {
      p.grad = torch.tensor([norm], { dtype: torch.float64, device });
      optimizer.step();
    }
    expect(optimizer.clipStats.history.tolist()).deep.equal([2, 3, 4]);
    const other = sgd([1], clip.tap(clip.norm(1), { window: 3 })).optimizer;
    other.loadStateDict(optimizer.stateDict());
    expect(other.clipStats.history.tolist()).deep.equal([2, 3, 4]);
    expect(sgd([1], clip.norm(1)).optimizer.clipStats.history.tolist()).deep.equal([]);
  });
});

describe('the table of clippers', () => {
  // A case that never clips shows nothing.
  for (const [name, spec] of Object.entries(clippers)) {
    if (spec === null) continue;
    it(`clips something and leaves something: ${name}`, () => {
      const [groups, plain] = [parameters(torch.float64), parameters(torch.float64)];
      const optimizer = new optim.SGD(
        groups.map((params) => ({ params })),
        { lr: 1, clip: clipperOf(spec) },
      );
      const bare = new optim.SGD(
        plain.map((params) => ({ params })),
        { lr: 1 },
      );
      let [changed, kept] = [0, 0];
      for (let t = 1; t <= steps; t++) {
        const before = [groups, plain].map((g) => g.flat().map((p) => p.detach().clone()));
        setGradients(groups, t);
        setGradients(plain, t);
        optimizer.step();
        bare.step();
        const moves = [groups, plain].map((g, k) =>
          g.flat().flatMap((p, i) => p.detach().sub(before[k]![i]!).reshape([-1]).tolist()),
        );
        (moves[0] as number[]).forEach((x, i) => {
          if (Math.abs(x - (moves[1]![i] as number)) > 1e-9) changed++;
          else kept++;
        });
      }
      expect(changed).above(0);
      expect(kept).above(0);
    });
  }
});
