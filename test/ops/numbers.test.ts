// Numbers that a result could not hold, or that LAPACK calls illegal: refused, where libtorch gives wrong counts or takes
// the fault for its own.
import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const { linalg, float32, float64 } = torch;

describe('poisson', () => {
  it('draws counts that are at least 0, for every rate that it takes', () => {
    for (const dtype of [float32, float64]) {
      const rates = torch.tensor([0, 1, 1e10, 1e15, 1e18, 2 ** 62], { dtype });
      const counts = torch.poisson(rates);
      expect(counts.ge(0).all().item()).equal(true);
      // Twelve standard deviations, and the rounding of the dtype.
      const room = rates.sqrt().mul(12).add(rates.mul(1e-6)).add(12);
      expect(counts.sub(rates).abs().le(room).all().item()).equal(true);
      for (const rate of [2 ** 63, 1e19, 1e30, Infinity]) {
        expect(refusalOf(() => torch.poisson(torch.tensor([1, rate], { dtype }))).message).equal(
          '"input" must be a Tensor of rates from 0 to 2^62, got a Tensor',
        );
        const huge = new torch.distributions.Poisson(torch.tensor(rate, { dtype }), { validateArgs: false });
        expect(refusalOf(() => huge.sample([2])).code).equal('ERR_ARGUMENT');
      }
    }
  });

  it('is drawn for each sample of vmap', () => {
    const counts = torch.func.vmap((t: Tensor) => torch.poisson(t), { randomness: 'different' })(torch.ones([3, 2]));
    expect((counts as Tensor).shape).deep.equal([3, 2]);
  });
});

describe('histograms', () => {
  const values = torch.tensor([1, 2]);
  const extremes = torch.tensor([-3e38, 3e38]);
  const wide: Record<string, () => unknown> = {
    'histc, given': () => torch.histc(values, 5, -3e38, 3e38),
    'histc, of the values': () => torch.histc(extremes, 5),
    'histc of doubles': () => torch.histc(values.double(), 5, -1e308, 1e308),
    'histogram, given': () => torch.histogram(values, 5, { range: [-3e38, 3e38] }),
    'histogram, of the values': () => torch.histogram(extremes, 5),
    'histogramdd, given': () => torch.histogramdd(values.view([1, 2]), [2, 2], { range: [0, 1, -3e38, 3e38] }),
    'histogramdd, of the values': () => torch.histogramdd(extremes.view([2, 1]), [2]),
  };
  for (const [name, call] of Object.entries(wide)) {
    it(`refuse a range whose width overflows: ${name}`, () => {
      expect(refusalOf(call).message).match(/^"(max|input|range)" must be a range whose width is finite as float/);
    });
  }

  it('take those below', () => {
    expect(torch.histc(values, 5, -1e38, 2e38).sum().item()).equal(2);
    expect(torch.histc(values.double(), 4, -3e38, 3e38).tolist()).deep.equal([0, 0, 2, 0]);
    expect(torch.histc(torch.zeros([0]), 2).tolist()).deep.equal([0, 0]);
    const edges = torch.tensor([-3e38, 0, 3e38]);
    expect(torch.histogram(values, edges).hist.tolist()).deep.equal([0, 2]);
    // Columns are apart from each other.
    const columns = torch.tensor([-3e38, 3e38, -2.9e38, 2.9e38]).view([2, 2]);
    expect(torch.histogramdd(columns, [1, 1]).hist.sum().item()).equal(2);
  });
});

describe('matrices with NaN or infinities', () => {
  const solvers: Record<string, (matrix: Tensor) => unknown> = {
    ...Object.fromEntries(
      ['gels', 'gelsy', 'gelsd', 'gelss'].flatMap((driver) => [
        [`linalg.lstsq by ${driver}`, (m: Tensor) => linalg.lstsq(m, torch.ones([2, 1]), null, { driver })],
        [`linalg.lstsq by ${driver}, on the right`, (m: Tensor) => linalg.lstsq(torch.eye(2), m, null, { driver })],
      ]),
    ),
    'linalg.ldlFactor': (m) => linalg.ldlFactor(m),
    'linalg.ldlFactorEx': (m) => linalg.ldlFactorEx(m),
    'linalg.eigvals': (m) => linalg.eigvals(m),
    'linalg.eig': (m) => linalg.eig(m),
  };
  for (const [name, solve] of Object.entries(solvers)) {
    it(`are refused by ${name}`, () => {
      for (const value of [Number.NaN, Infinity]) {
        const matrix = torch.eye(2);
        matrix.at(0, 1).fill_(value);
        expect(refusalOf(() => solve(matrix)).message).match(/without NaN and infinities|infs or NaNs/);
      }
      solve(torch.eye(2));
    });
  }
});
