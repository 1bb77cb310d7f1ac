// Compiled, never run: what the declarations of distributions accept and refuse.
import torch, { distributions, type Tensor } from '../../lib/index.js';

const { constraints, klDivergence } = distributions;
const x = torch.ones([2]);

const normal = new distributions.Normal(0, x, { validateArgs: false });
new distributions.Bernoulli(0.3);
new distributions.Bernoulli(x, { validateArgs: true });
new distributions.Bernoulli({ logits: 0.7 });
new distributions.Binomial(10, 0.5);
new distributions.Binomial(10, { logits: x });
new distributions.Binomial({ probs: x });
new distributions.Categorical({ logits: x });
new distributions.StudentT(3, 0, 1);
new distributions.StudentT(3, { scale: x });
new distributions.MultivariateNormal(x, torch.eye(2));
new distributions.MultivariateNormal(x, { scaleTril: torch.eye(2) });
new distributions.ContinuousBernoulli(0.3, { lims: [0.4, 0.6] });
new distributions.LKJCholesky(3);
new distributions.LKJCholesky(3, { concentration: 0.5 });

// What is made of a distribution knows its kind.
const wide: distributions.Normal = normal.expand([3, 2]);
const base: distributions.Normal = new distributions.Independent(normal, 1).baseDist;
const loc: Tensor = new distributions.LogNormal(0, 1).baseDist.loc;
const components: distributions.Normal = new distributions.MixtureSameFamily(new distributions.Categorical(x), normal)
  .componentDistribution;
const density: Tensor = normal.logProb(normal.rsample([3]));
const bound: number | Tensor = constraints.greaterThan(0).lowerBound;
const scale: Tensor = distributions.transformTo(constraints.positive).call(x);
const divergence: Tensor = klDivergence(normal, base);

// A divergence is given distributions of its own classes.
distributions.registerKl(distributions.Normal, distributions.Gamma, (p, q) => p.loc.add(q.rate));
distributions.bijectTo.register(
  constraints.GreaterThan,
  ({ lowerBound }) => new distributions.AffineTransform(lowerBound, 1),
);

// @ts-expect-error a scale is missing
new distributions.Normal(0);
// @ts-expect-error a probability of a category is a tensor
new distributions.Categorical(0.5);
// @ts-expect-error no such option
new distributions.Exponential(1, { rate: 2 });
// @ts-expect-error sizes are an array
normal.sample(3);
// @ts-expect-error a value is a tensor
normal.logProb(0.5);
// @ts-expect-error a cache holds one value or none
new distributions.ExpTransform({ cacheSize: 2 });
// @ts-expect-error a bound is missing
constraints.interval(0);

export { bound, components, density, divergence, loc, scale, wide };
