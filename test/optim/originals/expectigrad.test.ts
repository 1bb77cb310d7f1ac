import { expect } from 'chai';
import torch, { type Dtype, type Tensor } from '../../../lib/index.js';
import { originalExpectigrad } from '../../../lib/optim/originals/index.js';
import { Original } from './support.js';

type Options = Parameters<typeof originalExpectigrad>[1];

function expectigrad(form: 'pytorch' | 'tensorflow', options: Options, params: Tensor[], own: object = {}) {
  const reference = originalExpectigrad(form, { lr: 1, ...options });
  return new Original([{ params, ...own }], reference as unknown as ConstructorParameters<typeof Original>[1]);
}

const parameter = (dtype: Dtype = torch.float32) => torch.zeros([1], { dtype, requiresGrad: true });

/** The positions of a parameter that starts at 0, after each gradient; null: it has none in that step. */
function run(
  gradients: (number | null)[],
  options: Options,
  form: 'pytorch' | 'tensorflow' = 'pytorch',
  own = {},
): number[] {
  const p = parameter();
  // Its companion always has a gradient.
  const companion = parameter();
  const optimizer = expectigrad(form, options, [p, companion], own);
  companion.grad = torch.ones([1]);
  return gradients.map((gradient) => {
    p.grad = gradient === null ? null : torch.tensor([gradient]);
    optimizer.step();
    return p.item() as number;
  });
}

/** The published method in float64, with a count of all gradients but 0; of those that are null it sees nothing. */
function published(gradients: (number | null)[], { beta = 0.9, eps = 1e-8 }: Options): number[] {
  let [x, sum, n, m, t] = [0, 0, 0, 0, 0];
  return gradients.map((g) => {
    if (g === null) return x;
    sum += g * g;
    n += g === 0 ? 0 : 1;
    m = beta * m + ((1 - beta) * g) / (eps + (n === 0 ? 0 : Math.sqrt(sum / n)));
    x -= m / (1 - beta ** ++t);
    return x;
  });
}

const expectClose = (got: number[], want: number[]) => {
  got.forEach((x, i) => {
    expect(x).closeTo(want[i]!, 1e-5 * Math.abs(want[i]!) + 1e-12);
  });
};

describe('optim.Expectigrad: where the original differs', () => {
  it('is the published method on ordinary gradients', () => {
    const gradients = [1, 0, -3, 2, 0.5];
    expectClose(run(gradients, {}), published(gradients, {}));
    expectClose(run(gradients, {}, 'tensorflow'), published(gradients, {}));
  });

  it('its sum and count stall, in float32 at 2^24, in bfloat16 at 256', () => {
    const p = parameter();
    const optimizer = expectigrad('pytorch', {}, [p]);
    const full = () => torch.full([1], 2 ** 24);
    optimizer.loadStateDict({
      ...optimizer.stateDict(),
      state: { 0: { step: 2 ** 24, sum: full(), counter: full(), momentum: torch.zeros([1]) } },
    });
    p.grad = torch.ones([1]);
    optimizer.step();
    const { step, sum, counter } = optimizer.stateDict().state[0] as { step: number; sum: Tensor; counter: Tensor };
    expect([step, sum.item(), counter.item()]).deep.equal([2 ** 24 + 1, 2 ** 24, 2 ** 24]);

    const half = parameter(torch.bfloat16);
    const narrow = expectigrad('pytorch', {}, [half]);
    half.grad = torch.ones([1], { dtype: torch.bfloat16 });
    for (let t = 0; t < 300; t++) narrow.step();
    expect((narrow.stateDict().state[0]!.counter as Tensor).item()).equal(256);
  });

  it('does not count a gradient whose square underflows', () => {
    const gradients = [1e-30, 1];
    const moved = run(gradients, { beta: 0 });
    expect(moved[1]).closeTo(-1, 1e-6);
    expect(published(gradients, { beta: 0 })[1]).closeTo(-Math.SQRT2, 1e-6);
  });

  it("reads the constructor's beta and sparseCounter where a group has its own", () => {
    const gradients = [1, 0, 3];
    const own = { beta: 0.9, sparseCounter: true };
    expect(run(gradients, { beta: 0, sparseCounter: false }, 'pytorch', own)).deep.equal(
      run(gradients, { beta: 0, sparseCounter: false }),
    );
    expect(run(gradients, own)).not.deep.equal(run(gradients, { beta: 0, sparseCounter: false }));
  });

  it('steps by g / eps after a NaN, where Keras stays at NaN', () => {
    const moved = (form: 'pytorch' | 'tensorflow') => {
      const p = parameter();
      const optimizer = expectigrad(form, { beta: 0 }, [p]);
      p.grad = torch.tensor([NaN]);
      optimizer.step();
      torch.noGrad(() => p.zero_());
      p.grad = torch.ones([1]);
      optimizer.step();
      return p.item() as number;
    };
    expect(moved('pytorch')).closeTo(-1e8, 10);
    expect(moved('tensorflow')).NaN;
  });

  it('in Keras has one step count for all parameters', () => {
    const gradients = [null, 1];
    expect(run(gradients, {})[1]).closeTo(published(gradients, {})[1]!, 1e-6);
    expect(run(gradients, {}, 'tensorflow')[1]).closeTo(-0.1 / (1 - 0.9 ** 2), 1e-6);
  });

  it("in Keras corrects the momentum in the parameter's dtype", () => {
    const [exact, keras] = (['pytorch', 'tensorflow'] as const).map((form) => run([1], { beta: 0.999 }, form)[0]!);
    expect(Math.abs(exact! + 1)).below(1e-7);
    expect(Math.abs(keras! + 1)).within(1e-5, 2e-5);
  });
});
