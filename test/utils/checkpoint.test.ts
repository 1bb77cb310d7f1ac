import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { expectCollected, expectNear, leaf } from '../autograd/support.js';
import { type Bytes, golden, refusalOf } from '../support.js';

const { checkpoint, checkpointSequential, setCheckpointEarlyStop } = torch.utils.checkpoint;

const block = (w: Tensor) => (x: Tensor) => x.mul(w).tanh().mul(w.sin());

/** The gradients of a function of x and w, and how often it ran. */
function gradients(f: (x: Tensor, w: Tensor, count: (name: string) => void) => Tensor) {
  const [x, w] = [leaf([0.5, -1, 2]), leaf([1.5, 0.25, -0.75])];
  const runs: Record<string, number> = {};
  const y = f(x, w, (name) => {
    runs[name] = (runs[name] ?? 0) + 1;
  });
  y.sum().backward();
  return { x: x.grad!.tolist(), w: w.grad!.tolist(), runs };
}
const { runs: _, ...plain } = gradients((x, w) => block(w)(block(w)(x)));

describe('utils.checkpoint', () => {
  it('gives the same gradients, of what it captures too, and runs twice', () => {
    const { runs, ...got } = gradients((x, w, count) => {
      const run = (t: Tensor) => {
        count('block');
        return block(w)(t);
      };
      return checkpoint(run, [checkpoint(run, [x])]);
    });
    expect(got).deep.equal(plain);
    expect(runs).deep.equal({ block: 4 });
  });

  it('nests', () => {
    const { runs, ...got } = gradients((x, w, count) =>
      checkpoint(
        (t) => {
          count('outer');
          return checkpoint(
            (u) => {
              count('inner');
              return block(w)(u);
            },
            [block(w)(t)],
          );
        },
        [x],
      ),
    );
    expect(got).deep.equal(plain);
    // The outer one stops before the inner one would run.
    expect(runs).deep.equal({ outer: 2, inner: 2 });
  });

  it('keeps nothing that its operations would save', () => {
    let packed = 0;
    const x = leaf([1, 2]);
    torch.autograd.graph.savedTensorsHooks(
      (t) => {
        packed++;
        return t;
      },
      (t) => t,
      () => checkpoint((t) => t.exp().mul(t).sin().tanh(), [x]),
    );
    // The argument.
    expect(packed).equal(1);
  });

  it("draws the random numbers of the first run again, and PyTorch's losses come out", () => {
    interface Golden {
      checkpoint: { loss: number; x: Bytes; gradients: Bytes[] };
    }
    const want = golden<Golden>('autograd').checkpoint;
    torch.manualSeed(3);
    const net = new nn.Sequential(
      new nn.Linear(4, 8),
      new nn.Tanh(),
      new nn.Dropout(0.5),
      new nn.Linear(8, 8),
      new nn.Tanh(),
      new nn.Dropout(0.25),
      new nn.Linear(8, 2),
    );
    const seeded = torch.getRngState();
    for (const segments of [1, 2, 3, 7]) {
      torch.setRngState(seeded);
      const x = torch.linspace(-1, 1, 12).reshape([3, 4]).requiresGrad_();
      for (const p of net.parameters()) p.grad = null;
      const loss = checkpointSequential(net, segments, x).pow(2).sum();
      const after = torch.getRngState();
      loss.backward();
      expect(torch.getRngState().equal(after), 'the state after').equal(true);
      expect(loss.item()).closeTo(want.loss, 1e-6);
      expectNear(x.grad, want.x, 'x', 1e-6);
      expectNear(
        net.parameters().map((p) => p.grad),
        want.gradients,
        'parameters',
        1e-6,
      );
    }
  });

  it('runs in the autocast of the first run', () => {
    const [x, w] = [torch.ones([2, 2], { requiresGrad: true }), torch.ones([2, 2], { requiresGrad: true })];
    const dtypes: string[] = [];
    const y = torch.autocast({ deviceType: 'cpu' }, () =>
      checkpoint(
        (t) => {
          const product = t.mm(w);
          dtypes.push(product.dtype.name);
          return product.sin();
        },
        [x],
      ),
    );
    y.float().sum().backward();
    expect(dtypes).deep.equal(['bfloat16', 'bfloat16']);
    expect(torch.isAutocastEnabled('cpu')).equal(false);
  });

  it('stops the second run early, or not', () => {
    const ends = (early: boolean, options: object) => {
      let count = 0;
      const x = leaf([1]);
      const run = () =>
        checkpoint(
          (t) => {
            const y = t.exp();
            count++;
            return y;
          },
          [x],
          options,
        );
      run().sum().backward();
      expect(count).equal(early ? 1 : 2);
    };
    ends(true, {});
    ends(false, { earlyStop: false });
    setCheckpointEarlyStop(false, () => ends(false, { earlyStop: true }));
  });

  it('goes backward again where the graph is kept, and partly', () => {
    const x = leaf([1, 2]);
    let count = 0;
    const y = checkpoint(
      (t) => {
        count++;
        return t.exp().mul(t);
      },
      [x],
    );
    for (let i = 0; i < 3; i++) y.sum().backward({ retainGraph: true });
    y.select(0, 0).backward();
    const want = leaf([1, 2]);
    const z = want.exp().mul(want);
    for (let i = 0; i < 3; i++) z.sum().backward({ retainGraph: true });
    z.select(0, 0).backward();
    expect(x.grad!.tolist()).deep.equal(want.grad!.tolist());
    expect(count).equal(5);
  });

  it('can be differentiated twice', () => {
    const x = leaf([0.5, 1]);
    expect(torch.autograd.gradgradcheck((t) => checkpoint((u) => u.sin().mul(u), [t]), [x])).equal(true);
  });

  it('passes everything on: arguments that are not tensors, several results, what fn throws', () => {
    const x = leaf([1]);
    const [y, name] = checkpoint(
      (t: Tensor, n: number, o: { s: string }) => [t.mul(n).exp(), o.s] as const,
      [x, 2, { s: 'name' }],
    );
    expect(name).equal('name');
    y.backward();
    expect(x.grad!.item()).closeTo(2 * Math.exp(2), 1e-12);
    expect(() =>
      checkpoint(() => {
        throw new RangeError('mine');
      }, []),
    ).throw(RangeError, 'mine');
    let second = false;
    const later = checkpoint(
      (t) => {
        if (second) throw new RangeError('later');
        return t.exp();
      },
      [x],
    );
    second = true;
    expect(() => later.sum().backward()).throw(RangeError, 'later');
    const state = torch.getRngState();
    second = false;
    later.sum().backward();
    expect(torch.getRngState().equal(state)).equal(true);
    expect(torch.noGrad(() => checkpoint((t) => t.exp(), [x])).requiresGrad).equal(false);
  });

  const changes: [string, (x: Tensor, second: boolean) => Tensor, RegExp][] = [
    ['fewer tensors', (x, second) => (second ? x.mul(2) : x.exp().mul(x)), /saved 3 tensors, and then 0/],
    ['another shape', (x, second) => (second ? x.narrow(0, 0, 1) : x).exp(), /had shape \[2\].* and then shape \[1\]/],
    ['another dtype', (x, second) => (second ? x.float() : x).exp(), /dtype float64.*dtype float32/],
  ];
  for (const [name, f, message] of changes) {
    it(`refuses a second run that saves ${name}`, () => {
      let second = false;
      const y = checkpoint((x) => f(x, second), [leaf([1, 2])]);
      second = true;
      const error = refusalOf(() => y.sum().backward());
      expect(error).property('code', 'ERR_STATE');
      expect(error.message).match(message);
    });
  }

  const misuse: [string, () => unknown, RegExp][] = [
    ['an async function', () => checkpoint(async () => 1, []), /must be a synchronous function/],
    ['no array', () => checkpoint((t: Tensor) => t, leaf([1]) as never), /"args" must be an array/],
    [
      'the reentrant kind',
      () => checkpoint(() => 1, [], { useReentrant: true as never }),
      /"useReentrant" must be false/,
    ],
    ['no segments', () => checkpointSequential([(x) => x], 0, leaf([1])), /"segments" must be an integer from 1 to 1/],
    [
      'too many segments',
      () => checkpointSequential([(x) => x], 2, leaf([1])),
      /"segments" must be an integer from 1 to 1/,
    ],
    ['no functions', () => checkpointSequential([], 1, leaf([1])), /"functions" must be/],
    [
      'something else among them',
      () => checkpointSequential([5 as never], 1, leaf([1])),
      /functions\[0\] must be a module/,
    ],
  ];
  for (const [name, use, message] of misuse) {
    it(`refuses ${name}`, () => expect(refusalOf(use).message).match(message));
  }

  it('is let go with its graph', () =>
    expectCollected((held) => {
      const y = checkpoint((x) => (held === undefined ? x : x.exp().mul(x)), [leaf([1])]);
      if (Math.random() < 0.5) y.sum().backward();
    }));
});
