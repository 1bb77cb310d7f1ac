import { expect } from 'chai';
import torch, { nn, optim, type Tensor } from '../../../lib/index.js';
import { type Bytes, decode, golden, refusalOf } from '../../support.js';

const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, getSwaMultiAvgFn, SWALR, updateBn } = optim.swaUtils;
const { averages, rates } = golden<{
  averages: Record<string, { state: Record<string, Bytes>; after: Record<string, Bytes> }>;
  rates: Record<string, { options: optim.swaUtils.SWALROptions; rates: number[][] }>;
}>('swa');

// As scripts/golden/swa.py.
const ways: Record<string, optim.swaUtils.AveragedModelOptions> = {
  mean: {},
  'mean, in place': { multiAvgFn: getSwaMultiAvgFn() },
  exponential: { avgFn: getEmaAvgFn(0.75) },
  'exponential, in place, buffers': { multiAvgFn: getEmaMultiAvgFn(0.75), useBuffers: true },
  'mean, buffers': { useBuffers: true },
};
const batches = () =>
  Array.from({ length: 5 }, (_, t) =>
    torch
      .linspace(-1, 1, 12)
      .mul(t + 1)
      .sin()
      .reshape([4, 3]),
  );
function network() {
  torch.manualSeed(5);
  return new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Tanh(), new nn.Linear(4, 1));
}

function expectNear(got: Tensor, want: Bytes, what: string): void {
  const b = decode(want);
  expect([got.dtype, got.shape], what).deep.equal([b.dtype, b.shape]);
  expect(got.detach().to({ dtype: torch.float64 }).sub(b).abs().max().item(), what).most(1e-6);
}

describe('optim.swaUtils', () => {
  for (const [name, want] of Object.entries(averages)) {
    it(`averages and statistics are PyTorch's: ${name}`, () => {
      const model = network();
      const averaged = new AveragedModel(model, ways[name]);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
      for (const x of batches()) {
        optimizer.zeroGrad();
        (model.forward(x) as Tensor).pow(2).mean().backward();
        optimizer.step();
        averaged.updateParameters(model);
      }
      const state = averaged.stateDict();
      expect(Object.keys(state)).deep.equal(Object.keys(want.state));
      for (const [key, value] of Object.entries(want.state)) expectNear(state[key] as Tensor, value, key);
      updateBn(
        batches().map((x) => [x] as const),
        averaged,
      );
      for (const [key, value] of Object.entries(want.after))
        expectNear(averaged.stateDict()[key] as Tensor, value, key);
      expect(averaged.call(batches()[0] as never))
        .property('shape')
        .deep.equal([4, 1]);
    });
  }

  for (const [name, { options, rates: want }] of Object.entries(rates)) {
    it(`SWALR's rates are PyTorch's, and go on from its state: ${name}`, () => {
      const make = () => {
        const params = [torch.ones([1], { requiresGrad: true }), torch.ones([1], { requiresGrad: true })];
        const optimizer = new optim.SGD([{ params: [params[0]!] }, { params: [params[1]!], lr: 0.25 }], { lr: 1 });
        return { optimizer, scheduler: new SWALR(optimizer, options) };
      };
      const whole = make();
      const now = () => whole.optimizer.paramGroups.map(({ lr }) => lr!);
      const seen = [now()];
      for (let t = 0; t < 8; t++) {
        whole.optimizer.step();
        whole.scheduler.step();
        seen.push(now());
        if (t !== 2) continue;
        const resumed = make();
        resumed.optimizer.loadStateDict(whole.optimizer.stateDict());
        resumed.scheduler.loadStateDict(whole.scheduler.stateDict());
        resumed.optimizer.step();
        resumed.scheduler.step();
        for (const [i, { lr }] of resumed.optimizer.paramGroups.entries()) expect(lr).closeTo(want[4]![i]!, 1e-12);
      }
      for (const [t, lrs] of want.entries()) {
        for (const [i, lr] of lrs.entries()) expect(seen[t]![i], `${t}`).closeTo(lr, 1e-12);
      }
    });
  }

  it('the copy is apart from the model, and a model of other shapes changes nothing', () => {
    const model = network();
    const averaged = new AveragedModel(model);
    const before = averaged.module.parameters().map((p) => p.tolist());
    torch.noGrad(() => model.parameters()[0]!.fill_(7));
    expect(averaged.module.parameters().map((p) => p.tolist())).deep.equal(before);
    const error = refusalOf(() => averaged.updateParameters(new nn.Linear(3, 4)));
    expect(error).property('code', 'ERR_SHAPE');
    expect(averaged.n_averaged.item()).equal(0);
    expect(averaged.module.parameters().map((p) => p.tolist())).deep.equal(before);
  });

  it('updateBn leaves modes and momenta as they were, also when the data throws', () => {
    const model = network();
    model.eval();
    const [, norm] = model.children() as [nn.Linear, nn.BatchNorm1d];
    expect(() =>
      updateBn(
        (function* () {
          yield torch.ones([2, 3]);
          throw new RangeError('mine');
        })(),
        model,
      ),
    ).throw(RangeError, 'mine');
    expect([model.training, norm.training, norm.momentum]).deep.equal([false, false, 0.1]);
    updateBn([], new nn.Linear(1, 1));
  });

  const refused: [string, () => unknown, RegExp][] = [
    ['no model', () => new AveragedModel(5 as never), /"model" must be a Module, got 5/],
    [
      'both functions',
      () => new AveragedModel(network(), { avgFn: getSwaAvgFn(), multiAvgFn: getSwaMultiAvgFn() }),
      /"avgFn" and "multiAvgFn" of AveragedModel cannot be combined/,
    ],
    ['a decay above 1', () => getEmaAvgFn(1.5), /"decay" must be a number in \[0, 1\], got 1\.5/],
    ['a batch without a tensor', () => updateBn([5 as never], network()), /"a batch of loader" must be a Tensor/],
    ['no loader', () => updateBn(5 as never, network()), /"loader" must be an iterable/],
    [
      'another strategy',
      () => new SWALR(new optim.SGD(network().parameters()), { swaLr: 1, annealStrategy: 'x' as never }),
      /"annealStrategy" must be "cos" or "linear"/,
    ],
    [
      'no rate',
      () => new SWALR(new optim.SGD(network().parameters()), {} as never),
      /"swaLr" must be a finite number >= 0/,
    ],
    [
      'an avgFn that returns nothing',
      () => {
        const averaged = new AveragedModel(network(), { avgFn: () => undefined as never });
        for (let t = 0; t < 2; t++) averaged.updateParameters(network());
      },
      /the result of avgFn" must be a Tensor/,
    ],
  ];
  for (const [name, use, message] of refused) {
    it(`refuses ${name}`, () => expect(refusalOf(use).message).match(message));
  }
});
