// Rates that are tensors: filled in place, with the values that numbers have.
import { expect } from 'chai';
import torch, { optim, type Tensor } from '../../../lib/index.js';
import { refusalOf } from '../../support.js';
import { golden, make, table } from './support.js';

/** The optimizer of a case with its rates as tensors of float64. */
function withTensors(spec: (typeof table.cases)[string]): { optimizer: optim.Optimizer; rates: Tensor[] } {
  const rates = table.lrs.map((lr) => torch.tensor(lr, { dtype: torch.float64 }));
  const groups = rates.map((lr) => ({ params: [torch.zeros([1], { requiresGrad: true })], lr }));
  const optimizer =
    spec.optimizer === 'Adam' ? new optim.Adam(groups) : new optim.SGD(groups, { momentum: spec.momentum ?? 0 });
  return { optimizer: optimizer as unknown as optim.Optimizer, rates };
}

describe('optim.lrScheduler with rates that are tensors', () => {
  const plain = Object.entries(table.cases).filter(
    ([, { change, jump, metric }]) => !change && jump === undefined && metric === undefined,
  );

  it('covers every scheduler without a metric', () => {
    const kinds = new Set(plain.map(([, { scheduler }]) => scheduler));
    const all = Object.keys(optim.lrScheduler).filter((name) => name !== 'LRScheduler' && name !== 'ReduceLROnPlateau');
    expect(all.filter((name) => !kinds.has(name))).deep.equal([]);
  });

  for (const [name, spec] of plain) {
    it(name, () => {
      const { optimizer, rates } = withTensors(spec);
      const scheduler = make(spec, optimizer);
      optimizer.step();
      for (let t = 0; t <= 40; t++) {
        if (t > 0) scheduler.step();
        const now = rates.map((rate) => rate.item());
        golden[name]!.lr.forEach((want, i) => {
          expect(Math.abs(now[i]! - want[t]!), `step ${t}`).at.most(1e-15 * Math.abs(want[t]!) + 1e-30);
        });
        expect(scheduler.getLastLr()).deep.equal(now);
      }
      expect(optimizer.paramGroups.map(({ lr }) => lr)).deep.equal(rates);
      expect(JSON.parse(JSON.stringify(scheduler.stateDict()))).deep.equal(scheduler.stateDict());
    });
  }

  it('ReduceLROnPlateau', () => {
    const rate = torch.tensor(0.5);
    const optimizer = new optim.SGD([torch.zeros([1], { requiresGrad: true })], { lr: rate });
    const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer as never, { patience: 0, factor: 0.5 });
    for (const metric of [1, 2, 3]) scheduler.step(metric);
    expect([rate.item(), scheduler.getLastLr()]).deep.equal([0.125, [0.125]]);
    expect(optimizer.paramGroups[0]!.lr).equal(rate);
  });

  it('puts the rate back where a step fails', () => {
    const rates = [torch.tensor(0.5), torch.tensor(0.25)];
    const groups = rates.map((lr) => ({ params: [torch.zeros([1], { requiresGrad: true })], lr }));
    const optimizer = new optim.SGD(groups) as unknown as optim.Optimizer;
    let calls = 0;
    const lrLambda = () => {
      if (++calls > 4) throw new Error('mine');
      return 0.5;
    };
    const first = new optim.lrScheduler.ConstantLR(optimizer, { factor: 0.5, totalIters: 1 });
    const scheduler = new optim.lrScheduler.ChainedScheduler([
      first,
      new optim.lrScheduler.MultiplicativeLR(optimizer, { lrLambda }),
    ]);
    optimizer.step();
    const before = rates.map((rate) => rate.item());
    calls = 4;
    expect(() => scheduler.step()).throw('mine');
    expect(rates.map((rate) => rate.item())).deep.equal(before);
  });

  it('is a floating-point tensor of one element', () => {
    for (const lr of [torch.ones([2]), torch.tensor(1n), NaN, '1']) {
      const optimizer = new optim.SGD([torch.zeros([1], { requiresGrad: true })], { lr: 0.1 });
      (optimizer.paramGroups[0] as { lr: unknown }).lr = lr;
      const error = refusalOf(() => new optim.lrScheduler.StepLR(optimizer as never, { stepSize: 1 }));
      expect(error.message).match(
        /^"paramGroups\[0\]\.lr" must be a finite number, or a floating-point tensor of one, got /,
      );
    }
  });
});
