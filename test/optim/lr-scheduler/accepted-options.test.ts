import { expect } from 'chai';
import torch, { optim, TorchClipError } from '../../../lib/index.js';
import { golden } from '../../support.js';

type Row = [
  scheduler: string,
  given: Record<string, unknown>,
  option: string,
  value: number | 'inf',
  rates: [lr: number, momentum: number][] | null,
];
const rows = golden<Row[]>('lr-scheduler-options');

/** What means nothing and is refused here, while PyTorch computes something with it. */
const meaningless: Record<string, (value: number) => boolean> = {
  'StepLR stepSize': (n) => n < 1,
  'ConstantLR totalIters': (n) => n < 0,
  'LinearLR totalIters': (n) => n < 1,
  'PolynomialLR totalIters': (n) => n < 1,
  'PolynomialLR power': (x) => x === Infinity,
  'CosineAnnealingLR TMax': (n) => n < 1,
  'CyclicLR stepSizeUp': (x) => x <= 0,
  'CyclicLR stepSizeDown': (x) => x < 0,
  'CyclicLR gamma': (x) => x < 0 || x === Infinity,
  'OneCycleLR finalDivFactor': (x) => x <= 0,
  'ReduceLROnPlateau threshold': (x) => x === Infinity,
  'ReduceLROnPlateau minLr': (x) => x < 0 || x === Infinity,
  'ReduceLROnPlateau eps': (x) => x === Infinity,
  'ReduceLROnPlateau patience': (n) => n < 0,
  'ReduceLROnPlateau cooldown': (n) => n < 0,
};
// No epoch has the first factor, as in PyTorch's own closed form.
const differs = (scheduler: string, option: string, value: number) =>
  scheduler === 'ConstantLR' && option === 'totalIters' && value === 0;

function run(scheduler: string, options: object, epochs: number): [number, number][] {
  const p = torch.zeros([1], { requiresGrad: true });
  const optimizer = new optim.SGD([p], { lr: 0.5, momentum: 0.9 });
  const Class = optim.lrScheduler[scheduler as 'StepLR'] as unknown as new (
    optimizer: object,
    options: object,
  ) => { step(metric?: number): void };
  const made = new Class(optimizer, options);
  return Array.from({ length: epochs }, (_, t) => {
    optimizer.step();
    const { lr, momentum } = optimizer.paramGroups[0]!;
    made.step(...(scheduler === 'ReduceLROnPlateau' ? [t % 3] : []));
    return [lr as number, momentum];
  });
}

describe('optim.lrScheduler: numbers that PyTorch takes for an option', () => {
  const schedulers = new Set(rows.map(([scheduler]) => scheduler));
  for (const name of schedulers) {
    it(`${name} takes them, with the rates and momenta of PyTorch`, () => {
      for (const [scheduler, given, option, said, want] of rows) {
        if (scheduler !== name || want === null) continue;
        const value = said === 'inf' ? Infinity : said;
        const what = `${JSON.stringify(given)}, ${option} ${value}`;
        const options = { ...given, [option]: value };
        if (
          meaningless[`${scheduler} ${option}`]?.(value) &&
          !(given.mode === undefined && option === 'gamma' && value < 0)
        ) {
          expect(() => run(scheduler, options, want.length), what).throw(TorchClipError, `"${option}" must be`);
        } else if (!differs(scheduler, option, value)) {
          for (const [t, [lr, momentum]] of run(scheduler, options, want.length).entries()) {
            const where = `${what}, epoch ${t}`;
            expect(lr, where).closeTo(want[t]![0], 1e-9 * want[t]![0] + 1e-15);
            expect(momentum, where).closeTo(want[t]![1], 1e-12);
          }
        }
      }
    });
  }

  it('CyclicLR says at which epoch a cycle that grows leaves the momenta that an optimizer takes, and stays there', () => {
    for (const Optimizer of [optim.SGD, optim.Adam]) {
      const params = [torch.zeros([1], { requiresGrad: true })];
      const optimizer = new Optimizer(params, { lr: 0.5, ...(Optimizer === optim.SGD && { momentum: 0.9 }) });
      const options = { baseLr: 0.1, maxLr: 0.5, stepSizeUp: 3, mode: 'exp_range', gamma: 1.5 } as const;
      const scheduler = new optim.lrScheduler.CyclicLR(optimizer as optim.Optimizer, options);
      const now = () => JSON.stringify([{ ...optimizer.paramGroups[0], params: [] }, scheduler.stateDict()]);
      let before = '';
      expect(() => {
        for (let t = 0; t < 20; t++) {
          before = now();
          scheduler.step();
        }
      }).throw(TorchClipError, /CyclicLR must compute a momentum that is a number .+, got -.+ at epoch 8/);
      expect(now()).equal(before);
      optimizer.step();
    }
  });

  it('CyclicLR grows to the largest number, and OneCycleLR goes from 0 to 0', () => {
    const growing = { baseLr: 0, maxLr: 1, stepSizeUp: 1, mode: 'exp_range', gamma: 1e200, cycleMomentum: false };
    expect(run('CyclicLR', growing, 4).map(([lr]) => lr)).deep.equal([0, 1e200, 0, Number.MAX_VALUE]);
    const falling = { baseLr: 1, maxLr: 0.5, stepSizeUp: 1, mode: 'exp_range', gamma: 2, cycleMomentum: false };
    expect(() => run('CyclicLR', falling, 4)).throw(
      TorchClipError,
      /CyclicLR must compute a learning rate that is >= 0, got -3 for paramGroups\[0\] at epoch 3/,
    );
    const cycle = { maxLr: 1, totalSteps: 9, divFactor: Infinity, finalDivFactor: Infinity, pctStart: 0.5 };
    const rates = run('OneCycleLR', cycle, 9).map(([lr]) => lr);
    expect([rates[0], rates.at(-1)]).deep.equal([0, 0]);
    expect(Math.max(...rates)).above(0.9);
  });
});
