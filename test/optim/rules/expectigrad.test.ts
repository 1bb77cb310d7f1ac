import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import { bits, parameters, setGradients, snapshot } from '../support.js';

const leaf = (...values: number[]) => torch.tensor(values, { dtype: torch.float64, requiresGrad: true });

function run(optimizer: optim.Optimizer, groups: torch.Tensor[][], from: number, to: number): void {
  for (let t = from; t <= to; t++) {
    setGradients(groups, t);
    optimizer.step();
  }
}

describe('optim.Expectigrad', () => {
  it('counts only the steps in which an element has a gradient', () => {
    const p = leaf(0, 0);
    const optimizer = new optim.Expectigrad([p], { lr: 1, beta: 0 });
    for (const g of [
      [2, 2],
      [0, 4],
      [0, 6],
    ]) {
      p.grad = torch.tensor(g, { dtype: torch.float64 });
      optimizer.step();
    }
    const { state } = optimizer.stateDict();
    const [once, thrice] = (state[0]!.mean_square as torch.Tensor).tolist() as number[];
    expect(once).equal(4);
    expect(thrice).closeTo(56 / 3, 1e-12);
    expect((state[0]!.counter as torch.Tensor).tolist()).deep.equal([1, 3]);
  });

  it("beta, sparseCounter and decay are a group's own", () => {
    const [p, q] = [leaf(0), leaf(0)];
    const optimizer = new optim.Expectigrad(
      [
        { params: [p], sparseCounter: false, decay: 1 },
        { params: [q], beta: 0 },
      ],
      {
        lr: 1,
      },
    );
    for (let t = 0; t < 2; t++) {
      p.grad = torch.tensor([2], { dtype: torch.float64 });
      q.grad = torch.tensor([2], { dtype: torch.float64 });
      optimizer.step();
    }
    expect(p.item()).closeTo(-1.5, 1e-7);
    expect(q.item()).closeTo(-2, 1e-7);
    expect(Object.keys(optimizer.stateDict().state[0]!)).deep.equal(['step', 'mean_square', 'momentum']);
  });

  it("clips as Keras: the clippers of the same name, without PyTorch's 1e-6", () => {
    for (const [options, clipper] of [
      [{ clipnorm: 3 }, clip.stochastic(clip.layerwise(3), { beta: 1 - 2 ** -53 })],
      [{ clipvalue: 1.25 }, clip.value(1.25)],
      [{ globalClipnorm: 6 }, clip.stochastic(clip.norm(6), { beta: 1 - 2 ** -53 })],
    ] as const) {
      const [one, two] = [parameters(torch.float64), parameters(torch.float64)];
      const keras = new optim.Expectigrad(one.flat(), { ...options, lr: 0.1 });
      run(keras, one, 1, 8);
      run(new optim.Expectigrad(two.flat(), { clip: clipper, lr: 0.1 }), two, 1, 8);
      expect(one.flat().map(bits)).deep.equal(two.flat().map(bits));
      if (!('clipvalue' in options)) expect(keras.clipStats.clipped.item()).above(0);
    }
  });

  it('follows a learning rate that is a function of the step, through a state dict too', () => {
    const rate = (step: number) => 0.1 / (1 + step);
    const [one, two, three] = [0, 1, 2].map(() => parameters(torch.float64));
    const byFunction = new optim.Expectigrad(one!.flat(), { lr: rate });
    const byDecay = new optim.Expectigrad(two!.flat(), { lr: 0.1, decay: 1 });
    run(byFunction, one!, 1, 4);
    run(byDecay, two!, 1, 4);
    expect(byFunction.paramGroups[0]).include({ lr: rate(3), iterations: 4 });
    const dict = byFunction.stateDict();
    expect(dict.param_groups[0]).not.property('lr_function');
    three!.flat().forEach((p, i) => {
      torch.noGrad(() => p.copy_(one!.flat()[i]!));
    });
    const resumed = new optim.Expectigrad(three!.flat(), { lr: rate });
    resumed.loadStateDict(dict);
    run(byFunction, one!, 5, 9);
    run(byDecay, two!, 5, 9);
    run(resumed, three!, 5, 9);
    expect(one!.flat().map(bits)).deep.equal(two!.flat().map(bits));
    expect(snapshot(resumed)).deep.equal(snapshot(byFunction));
  });

  it("a group's own number goes before the constructor's function; a skipped step does not count", () => {
    const [p, q, r] = [leaf(0), leaf(0), leaf(0)];
    const optimizer = new optim.Expectigrad([{ params: [p] }, { params: [q], lr: 0.5 }], {
      lr: (step) => 0.25 / (step + 1),
      globalClipnorm: 1,
    });
    optimizer.addParamGroup({ params: r, lr: () => 2 });
    for (const g of [1, Number.NaN, 1]) {
      for (const t of [p, q, r]) t.grad = torch.tensor([g], { dtype: torch.float64 });
      optimizer.step();
    }
    expect(optimizer.paramGroups.map(({ lr, iterations }) => [lr, iterations])).deep.equal([
      [0.125, 2],
      [0.5, 2],
      [2, 2],
    ]);
  });

  it('a function that gives no learning rate is refused, and nothing moves', () => {
    const p = leaf(1);
    const optimizer = new optim.Expectigrad([p], { lr: () => Number.NaN });
    p.grad = torch.tensor([1], { dtype: torch.float64 });
    expect(() => optimizer.step()).throw(
      TorchClipError,
      /the learning rate of a function.* finite number >= 0, got NaN/,
    );
    expect(p.item()).equal(1);
    expect(optimizer.stateDict().state).deep.equal({});
  });

  it('a group that a function adds keeps its rate', () => {
    const [p, q] = [leaf(1), leaf(1)];
    const optimizer: optim.Expectigrad = new optim.Expectigrad([p], {
      lr: (step) => {
        if (step === 1) optimizer.addParamGroup({ params: [q], lr: 0.5 });
        return 0.25;
      },
    });
    for (const t of [p, q]) t.grad = torch.tensor([1], { dtype: torch.float64 });
    for (let t = 0; t < 3; t++) optimizer.step();
    expect(optimizer.paramGroups.map(({ lr }) => lr)).deep.equal([0.25, 0.5]);
  });

  // A float32 sum of squares and its count stand still there: gradient 1 for 2^24 steps, then 2.
  it('moves its mean after any number of steps', () => {
    const p = torch.tensor([0], { requiresGrad: true });
    const optimizer = new optim.Expectigrad([p], { lr: 1e-3, beta: 0 });
    p.grad = torch.tensor([1]);
    optimizer.step();
    const dict = optimizer.stateDict();
    dict.state[0]!.counter = torch.tensor([2 ** 24]);
    optimizer.loadStateDict(dict);
    p.grad = torch.tensor([4096]);
    optimizer.step();
    expect((optimizer.stateDict().state[0]!.mean_square as torch.Tensor).item()).equal(2);
  });

  const Expectigrad = optim.Expectigrad as unknown as new (...args: unknown[]) => optim.Expectigrad;
  const params = () => [torch.ones([2], { requiresGrad: true })];
  const refused: [string, object, RegExp][] = [
    ['lr 0', { lr: 0 }, /Invalid learning rate: 0 \("lr" must be a finite number > 0\)/],
    ['beta 1', { beta: 1 }, /Invalid beta: 1 \("beta" must be a number in \[0, 1\)\)/],
    ['eps 0', { eps: 0 }, /Invalid epsilon value: 0/],
    ['negative decay', { decay: -1 }, /Invalid decay: -1/],
    [
      'two of Keras',
      { clipnorm: 1, globalClipnorm: 1 },
      /"clipnorm" and "globalClipnorm" of Expectigrad cannot be combined/,
    ],
    [
      'a clipper and one of Keras',
      { clip: clip.norm(1), clipvalue: 1 },
      /"clip" and "clipvalue" of Expectigrad cannot be combined/,
    ],
    ['clipvalue 0', { clipvalue: 0 }, /"clipvalue" must be a number > 0, got 0/],
    ['an unknown form', { reference: 'jax' }, /"reference" must be true, "pytorch" or "tensorflow", got "jax"/],
  ];
  for (const [name, options, message] of refused) {
    it(`refuses ${name}`, () => {
      expect(() => new Expectigrad(params(), options))
        .throw(TorchClipError, message)
        .property('code', 'ERR_ARGUMENT');
    });
  }
});
