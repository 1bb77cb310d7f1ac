// Random nests of transforms with an error at a random point, and every native function with tensors of transforms: nothing ends the
// process, every transform is left, and what comes out without an error is right.
import { expect } from 'chai';
import fc from 'fast-check';
import { native } from '../../lib/binding/index.js';
import torch, { isTensor, nn, optim, type Tensor, TorchClipError } from '../../lib/index.js';
import { line } from './functions.js';
import { depth } from './support.js';

const { func, vmap } = torch;
const { functional: F } = nn;
type F1 = (x: Tensor) => Tensor;

/** Functions of a tensor of any shape, of its shape again. */
const bodies: Record<string, F1> = {
  sin: (x) => x.sin(),
  scale: (x) => x.mul(2).add(1),
  softmax: (x) => (x.ndim === 0 ? x.tanh() : F.softmax(x, -1)),
  inPlace: (x) => x.clone().mul_(0.5).add_(1),
  captured: (x) => x.mul(captured).add(captured.sum()),
  where: (x) => torch.where(x.gt(0), x, x.tanh()),
  noGrad: (x) => x.mul(torch.noGrad(() => x.cos())),
  scope: (x) => torch.scope(() => x.square().mul(0.1)),
  hook: (x) => {
    const y = x.mul(1);
    if (y.requiresGrad) y.registerHook((g) => g.mul(1));
    return y;
  },
  print: (x) => {
    String(x);
    return x.add(0);
  },
  attempt: (x) => {
    // What may be refused: whatever it is, what follows is as if it had not been tried.
    for (const use of [
      () => x.item(),
      () => x.tolist(),
      () => x.nonzero(),
      () => torch.rand([2]),
      () => kept[0]?.add(x),
    ]) {
      try {
        use();
      } catch (error) {
        if (!(error instanceof TorchClipError)) throw error;
      }
    }
    return x.mul(1);
  },
  keep: (x) => {
    kept[0] = x;
    return x.neg();
  },
};
const kept: Tensor[] = [];
const captured = torch.tensor(0.75, { dtype: torch.float64, requiresGrad: true });

/** Ways to make a function of the same shapes from one; each runs it inside of a transform. */
const wrappers: Record<string, (f: F1) => F1> = {
  grad: (f) => func.grad((x: Tensor) => f(x).sum()),
  gradAndValue: (f) => (x) => func.gradAndValue((y: Tensor) => f(y).sum())(x)[0],
  vjp: (f) => (x) => {
    const [y, pull] = func.vjp(f, x);
    return pull(y)[0];
  },
  jvp: (f) => (x) => func.jvp(f, [x], [x])[1],
  linearize: (f) => (x) => func.linearize(f, x)[1](x),
  jacrev: (f) => (x) => diagonal(func.jacrev((y: Tensor) => f(y).reshape([-1]))(x.reshape([-1])), x),
  jacfwd: (f) => (x) => diagonal(func.jacfwd((y: Tensor) => f(y).reshape([-1]))(x.reshape([-1])), x),
  vmap: (f) => (x) => (x.ndim === 0 ? f(x) : vmap(f)(x)),
  lastToFirst: (f) => (x) => (x.ndim === 0 ? f(x) : vmap(f, -1, { outDims: -1 })(x)),
  chunks: (f) => (x) => (x.ndim === 0 ? f(x) : vmap(f, { chunkSize: 2 })(x)),
  twice: (f) => (x) => f(f(x)),
  compose: (f) => (x) => f(x.mul(0.5)),
};
const diagonal = (j: Tensor, x: Tensor) => j.reshape([x.numel(), x.numel()]).diagonal().reshape(x.shape);

class Stop extends Error {}

describe('any nest of transforms', () => {
  const nest = fc.record({
    outside: fc.array(fc.constantFrom(...Object.keys(wrappers)), { minLength: 1, maxLength: 4 }),
    body: fc.array(fc.constantFrom(...Object.keys(bodies)), { minLength: 1, maxLength: 3 }),
    shape: fc.constantFrom([], [2], [2, 2]),
    stopAt: fc.option(fc.nat(6)),
    inference: fc.boolean(),
  });

  it('is left when an error comes out of it, and gives finite numbers when none does', () => {
    fc.assert(
      fc.property(nest, ({ outside, body, shape, stopAt, inference }) => {
        let calls = 0;
        const inner: F1 = (x) => {
          let y = x;
          for (const name of body) {
            if (calls++ === stopAt) throw new Stop();
            y = bodies[name]!(y);
          }
          return y;
        };
        const f = outside.reduceRight<F1>((g, name) => wrappers[name]!(g), inner);
        const run = () => {
          try {
            const y = f(line(shape));
            expect([y.shape, y.isfinite().all().item()]).deep.equal([shape, true]);
          } catch (error) {
            // `captured` was not made in inference mode, and its graph is not recorded there.
            if (!(error instanceof Stop || error instanceof TorchClipError)) throw error;
            expect(error instanceof Stop || stopAt !== null || inference, String(error)).equal(true);
          }
        };
        if (inference) torch.inferenceMode(run);
        else run();
        expect(depth()).equal(0);
        expect([torch.isGradEnabled(), torch.isInferenceModeEnabled()]).deep.equal([true, false]);
        if (kept[0]) {
          try {
            expect(kept[0].add(1).shape).an('array');
          } catch (error) {
            expect((error as TorchClipError).message).match(/has ended/);
          }
        }
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it('computes what loops do: vmap of it is a stack', () => {
    const quiet = Object.keys(bodies).filter((name) => !['attempt', 'keep', 'print'].includes(name));
    const one = fc.record({
      outside: fc.array(fc.constantFrom('grad', 'jvp', 'vjp', 'jacrev', 'jacfwd', 'linearize', 'twice'), {
        maxLength: 2,
      }),
      body: fc.array(fc.constantFrom(...quiet), { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(one, ({ outside, body }) => {
        const inner: F1 = (x) => body.reduce((y, name) => bodies[name]!(y), x);
        const f = outside.reduceRight<F1>((g, name) => wrappers[name]!(g), inner);
        const batch = line([3, 2]);
        const all = vmap(f)(batch).detach();
        const each = torch.stack([0, 1, 2].map((i) => f(batch.select(0, i)).detach()));
        expect(all.sub(each).abs().max().item()).below(1e-10);
      }),
      { numRuns: 60, seed: 8 },
    );
  });
});

describe('the addon, given tensors of transforms', () => {
  type Functions = Record<string, (...args: unknown[]) => unknown>;
  const functions = native as unknown as Functions;
  // Those that set the state of the process or run other functions, and one that takes seconds.
  const left =
    /^(init|opSchemas|set(DefaultDtype|NumThreads|FlushDenormal)|gradEnabled|inference\w+|dispose|op|manualSeed|generator\w+|\w+Layer|push\w+|pop\w+|detectAnomaly|\w+DualLevel|autocast\w+|engine|grad|dist\w*|\w*Profil\w*)$/;

  const situations: Record<string, (use: (t: Tensor) => void) => void> = {
    'inside of vmap': (use) => {
      vmap((t: Tensor) => {
        use(t);
        use(t.sum());
        return t.detach();
      })(line([2, 3]));
    },
    'inside of grad': (use) => {
      func.grad((t: Tensor) => {
        use(t.detach());
        use(t.mul(2));
        return t.sum();
      })(line([3]));
    },
    'inside of vmap of jvp': (use) => {
      vmap((t: Tensor) =>
        func.jvp(
          (u: Tensor) => {
            use(u.mul(2));
            return u;
          },
          [t],
          [t],
        ),
      )(line([2, 3]));
    },
    'after vmap': (use) => {
      let inside!: Tensor;
      vmap((t: Tensor) => {
        inside = t.mul(2);
        return t;
      })(line([2, 3]));
      use(inside);
    },
    'after grad': (use) => {
      let inside!: Tensor;
      func.grad((t: Tensor) => {
        inside = t.mul(2);
        return inside.sum();
      })(line([3]));
      use(inside);
    },
  };
  for (const [name, situation] of Object.entries(situations)) {
    it(`survives: ${name}`, () => {
      const others: unknown[][] = [[], [0, 0, 0], [1, 1, true], [false, 1, 0], [[3], 6, 0], ['x', 'y', 'z']];
      situation((t) => {
        for (const [title, call] of Object.entries(functions)) {
          if (typeof call !== 'function' || left.test(title)) continue;
          for (const rest of others) {
            for (const first of [t.handle, [t.handle]]) {
              for (const args of [
                [first, ...rest],
                [first, first, ...rest],
                [line([3]).handle, first, ...rest],
              ]) {
                try {
                  const result = call(...args);
                  if (result instanceof Promise) result.catch(() => {});
                } catch (error) {
                  expect(error instanceof TorchClipError, `${title} threw ${String(error)}`).equal(true);
                }
              }
            }
          }
        }
      });
      expect(depth()).equal(0);
    });
  }

  it('optimizers, clipping and files refuse them', () => {
    const uses: Record<string, (t: Tensor) => unknown> = {
      optimizer: (t) => {
        const p = new nn.Parameter(t.detach());
        const optimizer = new optim.SGD([p], { lr: 0.1 });
        p.grad = p.detach();
        optimizer.step();
      },
      clipping: (t) => {
        const p = new nn.Parameter(t.detach());
        p.grad = p.detach();
        nn.utils.clipGradNorm_([p], 1);
      },
      workers: (t) => structuredClone(t),
    };
    for (const [name, use] of Object.entries(uses)) {
      for (const [where, situation] of Object.entries(situations)) {
        situation((t) => {
          try {
            use(t);
          } catch (error) {
            const known = error instanceof TorchClipError || error instanceof DOMException;
            expect(known, `${name} ${where}: ${String(error)}`).equal(true);
          }
        });
      }
    }
    expect(isTensor(captured)).equal(true);
  });
});
