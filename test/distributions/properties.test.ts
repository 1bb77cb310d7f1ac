// What holds for every distribution and transform, whatever its parameters.
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { distributions as D, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const f64 = { dtype: torch.float64 } as const;
const t = (values: number | number[] | number[][]): Tensor => torch.tensor(values, f64);
const runs = { numRuns: 6, seed: 7 };

const loc = fc.double({ min: -3, max: 3, noNaN: true }).map((x) => t([x]));
const scale = fc.double({ min: 0.2, max: 4, noNaN: true }).map((x) => t([x]));
const share = fc.double({ min: 0.05, max: 0.95, noNaN: true }).map((x) => t([x]));
const weights = fc.array(fc.double({ min: 0.1, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 }).map((w) => t(w));

type Arbitrary = fc.Arbitrary<D.Distribution>;
const of = <A extends unknown[]>(
  make: new (...args: A) => D.Distribution,
  ...args: { [K in keyof A]: fc.Arbitrary<A[K]> }
): Arbitrary => fc.tuple(...(args as fc.Arbitrary<unknown>[])).map((given) => new make(...(given as A)));
type Binary = new (a: Tensor, b: Tensor) => D.Distribution;
type Unary = new (a: Tensor) => D.Distribution;
const one = (Class: unknown, a: fc.Arbitrary<Tensor>): Arbitrary => of(Class as Unary, a);
const two = (Class: unknown, a: fc.Arbitrary<Tensor>, b: fc.Arbitrary<Tensor>): Arbitrary => of(Class as Binary, a, b);

/** Of single numbers, with a cdf. */
const withCdf: Record<string, Arbitrary> = {
  Normal: two(D.Normal, loc, scale),
  Cauchy: two(D.Cauchy, loc, scale),
  Laplace: two(D.Laplace, loc, scale),
  Gumbel: two(D.Gumbel, loc, scale),
  LogNormal: two(D.LogNormal, loc, scale),
  HalfNormal: one(D.HalfNormal, scale),
  HalfCauchy: one(D.HalfCauchy, scale),
  Exponential: one(D.Exponential, scale),
  Weibull: two(D.Weibull, scale, scale),
  Pareto: two(D.Pareto, scale, scale),
  GeneralizedPareto: fc.tuple(loc, scale, loc).map(([l, s, c]) => new D.GeneralizedPareto(l, s, c.div(4))),
  Uniform: fc.tuple(loc, scale).map(([l, s]) => new D.Uniform(l, l.add(s))),
  Kumaraswamy: two(D.Kumaraswamy, scale, scale),
  ContinuousBernoulli: one(D.ContinuousBernoulli, share),
};
const others: Record<string, Arbitrary> = {
  Gamma: two(D.Gamma, scale, scale),
  InverseGamma: fc.tuple(scale, scale).map(([a, b]) => new D.InverseGamma(a.add(4), b)),
  Chi2: one(D.Chi2, scale),
  StudentT: fc.tuple(scale, loc, scale).map(([df, l, s]) => new D.StudentT(df.add(4), l, s)),
  FisherSnedecor: fc.tuple(scale, scale).map(([a, b]) => new D.FisherSnedecor(a, b.add(9))),
  Beta: two(D.Beta, scale, scale),
  Poisson: one(D.Poisson, scale),
  Geometric: one(D.Geometric, share),
  NegativeBinomial: two(D.NegativeBinomial, scale, share),
  Dirichlet: one(D.Dirichlet, weights),
  MultivariateNormal: weights.map(
    (w) => new D.MultivariateNormal(w, { scaleTril: w.diagEmbed().add(torch.ones([3, 3], f64).tril(-1)) }),
  ),
  LowRankMultivariateNormal: weights.map((w) => new D.LowRankMultivariateNormal(w, w.unsqueeze(-1), w)),
  Wishart: weights.map((w) => new D.Wishart(6, { scaleTril: w.diagEmbed() })),
  Multinomial: weights.map((w) => new D.Multinomial(4, w)),
  Independent: two(D.Normal, loc, scale).map((d) => new D.Independent(d, 1)),
};
const discrete: Record<string, Arbitrary> = {
  Bernoulli: one(D.Bernoulli, share),
  Binomial: share.map((p) => new D.Binomial(5, p)),
  Categorical: one(D.Categorical, weights),
  OneHotCategorical: one(D.OneHotCategorical, weights),
};
const all = { ...withCdf, ...others, ...discrete };

const largest = (x: Tensor): number => x.abs().max().item();
const near = (a: Tensor, b: Tensor, rounding = 1e-8): void => {
  expect(a.shape).to.deep.equal(b.shape);
  expect(largest(a.sub(b).div(b.abs().add(1))), `${a} for ${b}`).to.be.below(rounding);
};
const check = (arbitrary: Arbitrary, holds: (d: D.Distribution) => void): void => {
  // A chai assertion is not a result to fast-check.
  const property = fc.property(arbitrary, (d) => {
    holds(d);
  });
  fc.assert(property, runs);
};

describe('every distribution', () => {
  beforeEach(() => {
    torch.manualSeed(3);
  });

  for (const [name, arbitrary] of Object.entries(withCdf)) {
    it(`${name}: the cdf undoes the icdf`, () => {
      const p = t([0.01, 0.3, 0.5, 0.8, 0.99]);
      check(arbitrary, (d) => near(d.cdf(d.icdf(p)), p));
    });
    it(`${name}: the derivative of the cdf is the density`, () => {
      check(arbitrary, (d) => {
        const x = d
          .icdf(t([0.1, 0.4, 0.7]))
          .detach()
          .requiresGrad_();
        const [density] = torch.autograd.grad(d.cdf(x).sum(), x);
        near(density!, d.logProb(x).exp(), 1e-6);
      });
    });
  }

  for (const [name, arbitrary] of Object.entries(discrete)) {
    it(`${name}: the probabilities of its support add up to 1`, () => {
      check(arbitrary, (d) => {
        const total = d.logProb(d.enumerateSupport()).exp().sum(0);
        near(total, torch.onesLike(total));
      });
    });
  }

  for (const [name, arbitrary] of Object.entries(all)) {
    it(`${name}: draws lie in the support and have a shape and a probability`, () => {
      check(arbitrary, (d) => {
        const x = d.sample([2, 3]);
        expect(x.shape).to.deep.equal([2, 3, ...d.batchShape, ...d.eventShape]);
        expect(d.support.check(x).all().item()).to.equal(true);
        const logProb = d.logProb(x);
        expect(logProb.shape).to.deep.equal([2, 3, ...d.batchShape]);
        expect(logProb.isfinite().all().item()).to.equal(true);
      });
    });
    it(`${name}: expanding changes no probability`, () => {
      check(arbitrary, (d) => {
        const shape = [3, ...d.batchShape];
        const wide = d.expand(shape);
        expect([wide.batchShape, wide.eventShape]).to.deep.equal([shape, d.eventShape]);
        expect(wide.constructor).to.equal(d.constructor);
        const x = wide.sample();
        expect(x.shape).to.deep.equal([...shape, ...d.eventShape]);
        near(wide.logProb(x), d.logProb(x).expand(shape));
      });
    });
  }

  // HalfCauchy and others have no finite moments, VonMises angles.
  const drawn = { ...discrete, ...others, Normal: withCdf.Normal!, Uniform: withCdf.Uniform!, Gumbel: withCdf.Gumbel! };
  for (const [name, arbitrary] of Object.entries(drawn)) {
    if (name === 'Categorical') continue;
    it(`${name}: draws have its mean`, () => {
      fc.assert(
        fc.property(arbitrary, (d) => {
          const n = 4000;
          const error = d.stddev.div(Math.sqrt(n));
          const distance = d.sample([n]).mean(0).sub(d.mean).abs();
          // Seven standard errors: no draw of these seeds comes near.
          expect(distance.le(error.mul(7).add(1e-9)).all().item(), `${distance} of ${error}`).to.equal(true);
        }),
        { ...runs, numRuns: 3 },
      );
    });
  }
});

describe('klDivergence', () => {
  beforeEach(() => {
    torch.manualSeed(5);
  });
  const lacking = ['StudentT', 'FisherSnedecor', 'NegativeBinomial', 'GeneralizedPareto', 'Multinomial'];
  for (const [name, arbitrary] of Object.entries(all)) {
    if (lacking.includes(name)) {
      it(`has none from ${name} to itself`, () => {
        check(arbitrary, (d) => expect(refusalOf(() => D.klDivergence(d, d)).code).to.equal('ERR_OP_UNAVAILABLE'));
      });
      continue;
    }
    it(`is 0 from ${name} to itself`, () => {
      check(arbitrary, (d) => {
        const kl = D.klDivergence(d, d);
        near(kl, torch.zerosLike(kl), 1e-7);
      });
    });
  }

  const estimated: Record<string, [D.Distribution, D.Distribution]> = {
    'Normal to Laplace': [new D.Normal(t(0.3), 1.2), new D.Laplace(t(-0.2), 1.5)],
    'Normal to Gumbel': [new D.Normal(t(0.3), 0.7), new D.Gumbel(t(-0.2), 1.5)],
    'Laplace to Normal': [new D.Laplace(t(0.3), 0.7), new D.Normal(t(0.5), 1.5)],
    'Gumbel to Normal': [new D.Gumbel(t(0.3), 0.7), new D.Normal(t(0.5), 1.5)],
    'Gamma to Exponential': [new D.Gamma(t(2.5), 1.5), new D.Exponential(t(0.8))],
    'Exponential to Gamma': [new D.Exponential(t(0.8)), new D.Gamma(t(1.4), 1.5)],
    'Gamma to Normal': [new D.Gamma(t(2.5), 1.5), new D.Normal(t(1), 2)],
    'Beta to Uniform': [new D.Beta(t(2), 3), new D.Uniform(t(-0.5), 1.5)],
    'Beta to ContinuousBernoulli': [new D.Beta(t(2), 3), new D.ContinuousBernoulli(t(0.3))],
    'Uniform to Beta': [new D.Uniform(t(0.1), 0.8), new D.Beta(t(2), 3)],
    'Uniform to Gumbel': [new D.Uniform(t(0.1), 0.8), new D.Gumbel(t(0.2), 0.9)],
    'Pareto to Exponential': [new D.Pareto(t(0.5), 4), new D.Exponential(t(1.2))],
    'Bernoulli to Poisson': [new D.Bernoulli(t(0.3)), new D.Poisson(t(0.4))],
    'Dirichlet to Dirichlet': [new D.Dirichlet(t([2, 3, 1])), new D.Dirichlet(t([1, 1.5, 2]))],
    'Wishart to Wishart': [new D.Wishart(5, torch.eye(2, f64)), new D.Wishart(6, torch.eye(2, f64).mul(1.3))],
    'MultivariateNormal to LowRankMultivariateNormal': [
      new D.MultivariateNormal(
        t([0, 1]),
        t([
          [2, 0.5],
          [0.5, 1],
        ]),
      ),
      new D.LowRankMultivariateNormal(t([0.5, 0.5]), t([[1], [0.3]]), t([1, 2])),
    ],
  };
  for (const [name, [p, q]] of Object.entries(estimated)) {
    it(`from ${name} is what draws estimate`, () => {
      const n = 20_000;
      const x = p.sample([n]);
      const ratio = p.logProb(x).sub(q.logProb(x));
      const error = ratio.std().item() / Math.sqrt(n);
      expect(Math.abs(ratio.mean().item() - D.klDivergence(p, q).item())).to.be.below(6 * error + 1e-9);
    });
  }
});

describe('every transform', () => {
  const numbers = fc
    .array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 })
    .map((x) => t(x));
  const positives = numbers.map((x) => x.exp());
  /** Bijections of single numbers, or of vectors to vectors of as many. */
  const bijections: Record<string, [() => D.Transform, fc.Arbitrary<Tensor>]> = {
    ExpTransform: [() => new D.ExpTransform(), numbers],
    SigmoidTransform: [() => new D.SigmoidTransform(), numbers],
    TanhTransform: [() => new D.TanhTransform(), numbers],
    SoftplusTransform: [() => new D.SoftplusTransform(), numbers],
    AffineTransform: [() => new D.AffineTransform(t([1, 2, 3]), -0.5), numbers],
    PowerTransform: [() => new D.PowerTransform(t(-1.5)), positives],
    CumulativeDistributionTransform: [() => new D.CumulativeDistributionTransform(new D.Laplace(t(0.3), 2)), numbers],
    'IndependentTransform of AffineTransform': [
      () => new D.IndependentTransform(new D.AffineTransform(1, t([2, 3, 4])), 1),
      numbers,
    ],
    ComposeTransform: [
      () => new D.ComposeTransform([new D.TanhTransform(), new D.AffineTransform(2, 0.5), new D.PowerTransform(t(2))]),
      numbers,
    ],
    CatTransform: [
      () => new D.CatTransform([new D.ExpTransform(), new D.SigmoidTransform()], { lengths: [1, 2] }),
      numbers,
    ],
    StackTransform: [
      () => new D.StackTransform([new D.ExpTransform(), new D.SigmoidTransform(), new D.TanhTransform()]),
      numbers,
    ],
    StickBreakingTransform: [() => new D.StickBreakingTransform(), numbers],
    CorrCholeskyTransform: [() => new D.CorrCholeskyTransform(), numbers],
    ReshapeTransform: [() => new D.ReshapeTransform([3], [3, 1]), numbers],
  };
  /** As many of the results as there are arguments: the others follow from them. */
  const independent: Record<string, (y: Tensor) => Tensor> = {
    StickBreakingTransform: (y) => y.narrow(-1, 0, 3),
    CorrCholeskyTransform: (y) => torch.stack([y.at(1, 0), y.at(2, 0), y.at(2, 1)]),
    ReshapeTransform: (y) => y.flatten(),
  };
  for (const [name, [make, arguments_]] of Object.entries(bijections)) {
    it(`${name} is undone by its inverse, which it is the inverse of`, () => {
      const transform = make();
      expect([transform.bijective, transform.inv.inv]).to.deep.equal([true, transform]);
      fc.assert(
        fc.property(arguments_, (x) => {
          const y = transform.call(x);
          expect(transform.codomain.check(y).all().item()).to.equal(true);
          near(transform.inv.call(y), x, 1e-6);
          near(transform.inv.logAbsDetJacobian(y, x).neg(), transform.logAbsDetJacobian(x, y));
          expect(transform.inverseShape(transform.forwardShape(x.shape))).to.deep.equal(x.shape);
          expect(transform.forwardShape(x.shape)).to.deep.equal(y.shape);
        }),
        runs,
      );
    });
    it(`${name} has the Jacobian that autograd computes`, () => {
      const transform = make();
      fc.assert(
        fc.property(arguments_, (x) => {
          const pick = independent[name] ?? ((y) => y);
          const jacobian = torch.autograd.functional.jacobian((v) => pick(transform.call(v)), x) as Tensor;
          const expected = torch.linalg.slogdet(jacobian).logabsdet;
          near(transform.logAbsDetJacobian(x, transform.call(x)).sum(), expected, 1e-6);
        }),
        { ...runs, numRuns: 4 },
      );
    });
  }

  const { constraints: C } = D;
  const regions = {
    real: C.real,
    positive: C.positive,
    nonnegative: C.nonnegative,
    'greaterThan(2)': C.greaterThan(2),
    'lessThan(-1)': C.lessThan(-1),
    unitInterval: C.unitInterval,
    'interval(-3, 2)': C.interval(-3, 2),
    'halfOpenInterval(0, tensor)': C.halfOpenInterval(0, t([1, 2, 3])),
    simplex: C.simplex,
    corrCholesky: C.corrCholesky,
    'independent(positive, 1)': C.independent(C.positive, 1),
    'cat(positive, unitInterval)': C.cat([C.positive, C.unitInterval], { lengths: [1, 2] }),
    'stack(positive, real, unitInterval)': C.stack([C.positive, C.real, C.unitInterval]),
  };
  for (const [name, region] of Object.entries(regions)) {
    it(`of bijectTo and transformTo ends in ${name}`, () => {
      fc.assert(
        fc.property(numbers, (x) => {
          for (const registry of [D.bijectTo, D.transformTo]) {
            expect(region.check(registry(region).call(x)).all().item()).to.equal(true);
          }
          const transform = D.bijectTo(region);
          near(transform.inv.call(transform.call(x)), x, 1e-6);
        }),
        runs,
      );
    });
  }
});
