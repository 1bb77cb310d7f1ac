import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { expectCollected, leaf } from './support.js';

const { grad, graph } = torch.autograd;

describe('registerPostAccumulateGradHook', () => {
  it('runs after grad has the sum, with the very leaf, until it is removed', () => {
    const p = leaf([1, 2]);
    const seen: unknown[] = [];
    const first = p.registerPostAccumulateGradHook((param) => {
      seen.push(param === p, p.grad!.tolist());
    });
    p.registerPostAccumulateGradHook(() => seen.push('second'));
    p.mul(3).sum().backward();
    p.mul(3).sum().backward();
    first.remove();
    first.remove();
    p.sum().backward();
    expect(seen).deep.equal([true, [3, 3], 'second', true, [6, 6], 'second', 'second']);
  });

  it('an optimizer in the backward pass', () => {
    const params = [leaf([1]), leaf([2])];
    for (const p of params) {
      const optimizer = new torch.optim.SGD([p], { lr: 0.5 });
      p.registerPostAccumulateGradHook(() => {
        optimizer.step();
        optimizer.zeroGrad();
      });
    }
    params[0]!.mul(params[1]!).sum().backward();
    expect(params.map((p) => [p.item(), p.grad])).deep.equal([
      [0, null],
      [1.5, null],
    ]);
  });

  it('a hook may remove itself and others, and its error comes out', () => {
    const p = leaf([1]);
    let calls = 0;
    const own = p.registerPostAccumulateGradHook(() => {
      calls++;
      own.remove();
      other.remove();
    });
    const other = p.registerPostAccumulateGradHook(() => calls++);
    for (let i = 0; i < 3; i++) p.sum().backward();
    expect(calls).equal(1);
    p.registerPostAccumulateGradHook(() => {
      throw new RangeError('mine');
    });
    expect(() => p.sum().backward()).throw(RangeError, 'mine');
  });

  it('refuses what is not a leaf, and removes after dispose', () => {
    const p = leaf([1]);
    expect(refusalOf(() => p.mul(2).registerPostAccumulateGradHook(() => {}))).property('code', 'ERR_AUTOGRAD');
    expect(refusalOf(() => torch.ones([1]).registerPostAccumulateGradHook(() => {}))).property('code', 'ERR_AUTOGRAD');
    expect(refusalOf(() => p.registerPostAccumulateGradHook(5 as never))).property('code', 'ERR_ARGUMENT');
    const hook = p.registerPostAccumulateGradHook(() => {});
    p.dispose();
    hook.remove();
  });
});

describe('autograd.graph', () => {
  it('a gradient edge stands for its tensor, also after it was written or let go', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    const edge = graph.getGradientEdge(y);
    const z = y.pow(2).sum();
    y.dispose();
    expect(grad(z, edge, { retainGraph: true })[0]!.tolist()).deep.equal([6, 12]);
    expect(grad(z, [x, edge], { retainGraph: true }).map((g) => g.tolist())).deep.equal([
      [18, 36],
      [6, 12],
    ]);
    const [dx] = grad(edge, x, { gradOutputs: [torch.tensor([1, 10], { dtype: torch.float64 })] });
    expect(dx!.tolist()).deep.equal([3, 30]);
    expect(x.grad).equal(null);
  });

  it('an edge that is not reached, or has no gradient to begin with, is an error', () => {
    const [x, y] = [leaf([1]), leaf([1])];
    const edge = graph.getGradientEdge(y.mul(2));
    expect(refusalOf(() => grad(x.sum(), edge)).message).match(/inputs\[0\] was not used in the graph/);
    expect(grad(x.sum(), edge, { allowUnused: true })).deep.equal([null]);
    expect(refusalOf(() => grad(edge, y)).message).match(/gradOutputs\[0\] must be given/);
    expect(refusalOf(() => graph.getGradientEdge(torch.ones([1])))).property('code', 'ERR_AUTOGRAD');
    expect(refusalOf(() => grad(x, 5 as never)).message).match(/"inputs" must be a Tensor, a GradientEdge or an array/);
  });

  it('nodes have names and successors', () => {
    const x = leaf([1]);
    const { node } = graph.getGradientEdge(x.mul(2).add(x));
    expect(node.name()).equal('AddBackward0');
    const [[first], [second, input]] = node.nextFunctions as [
      [torch.autograd.graph.Node],
      [torch.autograd.graph.Node, number],
    ];
    expect([first.name(), second.name(), input]).deep.equal(['MulBackward1', 'torch::autograd::AccumulateGrad', 0]);
    expect(first.nextFunctions[0]![0]!.isSame(second)).equal(true);
    expect(first.isSame(second)).equal(false);
  });

  it('hooks of nodes see and replace gradients on both sides', () => {
    const x = leaf([1]);
    const y = x.mul(2);
    const { node } = graph.getGradientEdge(y);
    const seen: unknown[] = [];
    const before = node.registerPrehook(([g]) => [g!.mul(10)]);
    const after = node.registerHook((inputs, outputs) => {
      seen.push(
        inputs.map((g) => g?.item() ?? null),
        outputs.map((g) => g!.item()),
      );
      return inputs.map((g) => (g === null ? null : g.add(1)));
    });
    y.sum().backward({ retainGraph: true });
    expect(seen).deep.equal([[20], [10]]);
    expect(x.grad!.item()).equal(21);
    before.remove();
    after.remove();
    y.sum().backward({ retainGraph: true });
    expect(x.grad!.item()).equal(23);
    node.registerPrehook(() => []);
    expect(refusalOf(() => y.sum().backward()).message).match(/as many gradients as it was given/);
  });

  it('counts a write that libtorch has not seen', () => {
    const x = leaf([1]);
    const y = x.exp();
    graph.incrementVersion(y);
    expect(refusalOf(() => y.sum().backward()).message).match(/modified by an inplace operation/);
  });
});

describe('registerMultiGradHook', () => {
  const list = (gradients: (Tensor | null)[]) => gradients.map((g) => g?.item() ?? null);

  it('all: once per backward pass, with null for what it does not reach', () => {
    const [a, b, c] = [leaf([1]), leaf([2]), leaf([3])] as const;
    const d = a.mul(b);
    const seen: unknown[] = [];
    const hook = graph.registerMultiGradHook([a, b, c, d], (gradients) => seen.push(list(gradients)));
    d.mul(5).sum().backward({ retainGraph: true });
    a.mul(c).sum().backward();
    grad(d.sum(), a, { retainGraph: true });
    hook.remove();
    d.sum().backward();
    expect(seen).deep.equal([
      [10, 5, null, 5],
      [3, null, 1, null],
      [2, null, null, 1],
    ]);
  });

  it('any: once per backward pass, at the first gradient', () => {
    const [a, b] = [leaf([1]), leaf([2])];
    let calls = 0;
    graph.registerMultiGradHook([a, b], () => calls++, { mode: 'any' });
    for (let i = 0; i < 3; i++) a.mul(b).sum().backward();
    expect(calls).equal(3);
  });

  it('passes inside of one another do not mix, and an error leaves nothing behind', () => {
    const [a, b] = [leaf([1]), leaf([2])] as const;
    const seen: unknown[] = [];
    graph.registerMultiGradHook([a, b], (gradients) => seen.push(list(gradients)));
    const y = a.mul(b);
    y.registerHook(() => {
      torch.enableGrad(() => a.mul(7).mul(b).sum()).backward();
      return undefined;
    });
    y.sum().backward();
    expect(seen).deep.equal([
      [14, 7],
      [2, 1],
    ]);
    const throws = a.registerHook(() => {
      throw new Error('mine');
    });
    expect(() => a.mul(b).sum().backward()).throw('mine');
    throws.remove();
    a.mul(b).sum().backward();
    expect(seen.at(-1)).deep.equal([2, 1]);
  });

  it('refuses tensors without gradients and other modes, before any hook is set', () => {
    const a = leaf([1]);
    let calls = 0;
    expect(refusalOf(() => graph.registerMultiGradHook([a, torch.ones([1])], () => calls++))).property(
      'code',
      'ERR_AUTOGRAD',
    );
    expect(refusalOf(() => graph.registerMultiGradHook([a], () => calls++, { mode: 'x' as never }))).property(
      'code',
      'ERR_ARGUMENT',
    );
    a.sum().backward();
    expect(calls).equal(0);
  });

  it('is let go with its tensors', () =>
    expectCollected((held) => {
      const a = leaf([1]);
      const b = a.mul(2);
      graph.registerMultiGradHook([a, b], () => void held);
      b.sum().backward();
    }));
});

describe('savedTensorsHooks', () => {
  it('what operations save goes through pack and unpack', () => {
    const x = leaf([2, 3]);
    const packed: number[][] = [];
    const y = graph.savedTensorsHooks(
      (t) => {
        packed.push(t.tolist() as number[]);
        return { doubled: t.mul(2) };
      },
      ({ doubled }) => doubled.div(2),
      () => x.exp().mul(x),
    );
    y.sum().backward();
    expect(packed.length).above(1);
    const want = leaf([2, 3]);
    want.exp().mul(want).sum().backward();
    expect(x.grad!.tolist()).deep.equal(want.grad!.tolist());
  });

  it('the innermost pair counts, once per use, and they end when body throws', () => {
    const x = leaf([2]);
    const calls = { outer: 0, inner: 0, unpack: 0 };
    const y = graph.savedTensorsHooks(
      (t) => {
        calls.outer++;
        return t;
      },
      (t) => t,
      () =>
        graph.savedTensorsHooks(
          (t) => {
            calls.inner++;
            return t;
          },
          (t) => {
            calls.unpack++;
            return t;
          },
          () => x.exp(),
        ),
    );
    y.sum().backward({ retainGraph: true });
    y.sum().backward();
    expect(calls).deep.equal({ outer: 0, inner: 1, unpack: 2 });
    expect(() =>
      graph.savedTensorsHooks(
        (t) => t,
        (t) => t,
        () => {
          throw new Error('mine');
        },
      ),
    ).throw('mine');
    x.exp();
    expect(calls.inner).equal(1);
  });

  it('what is packed lives past a scope', () => {
    const x = leaf([2]);
    const loss = torch.scope(() =>
      graph.savedTensorsHooks(
        (t) => t.clone(),
        (t) => t,
        () => x.exp().mul(x).sum(),
      ),
    );
    loss.backward();
    expect(x.grad!.item()).closeTo(Math.exp(2) * 3, 1e-12);
  });

  it('errors of the hooks and wrong results come out, and a write in pack is refused', () => {
    const x = leaf([2]);
    const run = <P>(pack: (t: Tensor) => P, unpack: (p: never) => unknown) =>
      graph
        .savedTensorsHooks(pack, unpack as never, () => x.exp())
        .sum()
        .backward();
    const throws = () => {
      throw new RangeError('mine');
    };
    expect(() => run(throws, (t) => t)).throw(RangeError, 'mine');
    expect(() => run((t) => t, throws)).throw(RangeError, 'mine');
    expect(
      refusalOf(() =>
        run(
          (t) => t,
          () => 5,
        ),
      ).message,
    ).match(/the result of unpack" must be a Tensor, got 5/);
    expect(() =>
      run(
        (t) => t.mul_(2),
        (t) => t,
      ),
    ).throw(/modifying its input in place/);
    for (const value of [5, 'x', null, undefined, Symbol('s'), { any: 'thing' }]) {
      run(
        (t) => [value, t],
        ([v, t]: [unknown, Tensor]) => {
          expect(v).equal(value);
          return t;
        },
      );
    }
    expect(
      refusalOf(() =>
        graph.savedTensorsHooks(
          1 as never,
          (t: Tensor) => t,
          () => 1,
        ),
      ).message,
    ).match(/"pack" must be a synchronous function/);
  });

  it('can be forbidden', () => {
    const use = () =>
      graph.savedTensorsHooks(
        (t) => t,
        (t) => t,
        () => 1,
      );
    expect(refusalOf(() => graph.disableSavedTensorsHooks('not in here', use))).include({
      code: 'ERR_STATE',
      message: 'not in here',
    });
    expect(use()).equal(1);
  });

  it('saveOnCpu gives the same gradients', () => {
    for (const options of [{}, { pinMemory: true }]) {
      const x = leaf([2]);
      graph
        .saveOnCpu(options, () => x.exp().mul(x))
        .sum()
        .backward();
      expect(x.grad!.item()).closeTo(Math.exp(2) * 3, 1e-12);
    }
    expect(graph.saveOnCpu(() => 5)).equal(5);
  });

  it('are let go with their graph', () =>
    expectCollected((held) => {
      const x = leaf([1]);
      graph.savedTensorsHooks(
        (t) => ({ t, held }),
        ({ t }) => t,
        () => x.exp().sum(),
      );
    }));
});
