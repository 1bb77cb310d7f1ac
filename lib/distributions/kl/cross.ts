// Divergences between distributions of different families. Infinite ones: p can lie where q cannot.
import * as ops from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { Bernoulli } from '../bernoulli.js';
import { Beta } from '../beta.js';
import { Binomial } from '../binomial.js';
import { ContinuousBernoulli } from '../continuous-bernoulli.js';
import type { Distribution } from '../distribution.js';
import { Exponential } from '../exponential.js';
import { Gamma } from '../gamma.js';
import { Gumbel } from '../gumbel.js';
import { Laplace } from '../laplace.js';
import { Normal } from '../normal.js';
import { eulerConstant, from } from '../parameters.js';
import { Pareto } from '../pareto.js';
import { Poisson } from '../poisson.js';
import { Uniform } from '../uniform.js';
import { type DistributionClass, registerKl } from './registry.js';

function infinite<P extends Distribution>(
  p: DistributionClass<P>,
  qs: readonly DistributionClass[],
  parameterOf: (p: P) => Tensor,
): void {
  const divergence = (given: P) => ops.fullLike(parameterOf(given), Infinity);
  for (const q of qs) registerKl(p, q, divergence);
}

infinite(Beta, [Pareto], (p) => p.concentration1);
infinite(ContinuousBernoulli, [Pareto], (p) => p.probs);
infinite(Exponential, [Beta, ContinuousBernoulli, Pareto, Uniform], (p) => p.rate);
infinite(Gamma, [Beta, ContinuousBernoulli, Pareto, Uniform], (p) => p.concentration);
infinite(Gumbel, [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform], (p) => p.loc);
infinite(Laplace, [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform], (p) => p.loc);
infinite(Normal, [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform], (p) => p.loc);
infinite(Pareto, [Beta, ContinuousBernoulli, Uniform], (p) => p.scale);
infinite(Poisson, [Bernoulli, Binomial], (p) => p.rate);

registerKl(Bernoulli, Poisson, (p, q) => p.entropy().neg().sub(p.probs.mul(q.rate.log()).sub(q.rate)));

// From distributions over [0, 1]

registerKl(Beta, ContinuousBernoulli, (p, q) =>
  p.entropy().neg().sub(p.mean.mul(q.logits)).sub(q.probs.neg().log1p()).sub(q.logNorm()),
);
registerKl(Beta, Exponential, (p, q) => p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(p.mean)));
registerKl(Beta, Gamma, (p, q) => {
  const total = p.concentration1.add(p.concentration0);
  const logs = p.concentration1.digamma().sub(total.digamma());
  return p
    .entropy()
    .neg()
    .add(q.concentration.lgamma().sub(q.concentration.mul(q.rate.log())))
    .sub(q.concentration.sub(1).mul(logs))
    .add(q.rate.mul(p.concentration1).div(total));
});
registerKl(Beta, Normal, (p, q) => {
  const { mean } = p;
  const variance = q.scale.pow(2);
  const total = p.concentration1.add(p.concentration0);
  const square = mean.mul(from(1, mean)).div(total.add(1)).add(mean.pow(2)).mul(0.5);
  const error = square.sub(q.loc.mul(mean)).add(q.loc.pow(2).mul(0.5));
  return p
    .entropy()
    .neg()
    .add(
      variance
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    )
    .add(error.div(variance));
});
registerKl(Beta, Uniform, (p, q) =>
  p
    .entropy()
    .neg()
    .add(q.high.sub(q.low).log())
    .maskedFill(q.low.gt(0).logicalOr(q.high.lt(1)), Infinity),
);

registerKl(ContinuousBernoulli, Exponential, (p, q) => p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(p.mean)));
registerKl(ContinuousBernoulli, Normal, (p, q) => {
  const constant = q.loc
    .div(q.scale)
    .square()
    .add(Math.log(2 * Math.PI))
    .mul(0.5)
    .add(q.scale.log());
  const error = p.variance.add(p.mean.square()).sub(q.loc.mul(2).mul(p.mean));
  return p
    .entropy()
    .neg()
    .add(constant)
    .add(error.div(q.scale.square().mul(2)));
});
// As PyTorch has it: infinite unless q reaches beyond [0, 1] on neither side.
registerKl(ContinuousBernoulli, Uniform, (p, q) => {
  const result = p.entropy().neg().add(q.high.sub(q.low).log());
  return result.maskedFill(q.low.ge(0).logicalOr(q.high.le(1)), Infinity);
});

// From distributions over positive numbers

registerKl(Exponential, Gamma, (p, q) => {
  const ratio = q.rate.div(p.rate);
  return q.concentration
    .neg()
    .mul(ratio.log())
    .add(ratio)
    .add(q.concentration.lgamma())
    .add(q.concentration.mul(eulerConstant))
    .sub(1 + eulerConstant);
});
registerKl(Exponential, Gumbel, (p, q) => {
  const product = p.rate.mul(q.scale);
  const ratio = q.loc.div(q.scale);
  const tail = ratio.exp().mul(product).div(product.add(1));
  return product.log().sub(1).sub(ratio).add(tail).add(product.reciprocal());
});
registerKl(Exponential, Normal, (p, q) => {
  const [variance, square] = [q.scale.pow(2), p.rate.pow(2)];
  const error = square.reciprocal().sub(q.loc.div(p.rate)).add(q.loc.pow(2).mul(0.5));
  const constant = square
    .mul(variance)
    .mul(2 * Math.PI)
    .log()
    .mul(0.5);
  return constant.sub(1).add(error.div(variance));
});

registerKl(Gamma, Exponential, (p, q) =>
  p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(p.concentration).div(p.rate)),
);
registerKl(Gamma, Gumbel, (p, q) => {
  const { concentration } = p;
  const product = p.rate.mul(q.scale);
  const ratio = q.loc.div(q.scale);
  const own = concentration.sub(1).mul(concentration.digamma()).sub(concentration.lgamma()).sub(concentration);
  const tail = ratio.exp().mul(product.reciprocal().add(1).pow(concentration.neg())).sub(ratio);
  return own.add(product.log().add(concentration.div(product))).add(tail);
});
registerKl(Gamma, Normal, (p, q) => {
  const { concentration } = p;
  const [variance, square] = [q.scale.pow(2), p.rate.pow(2)];
  const constant = square
    .mul(variance)
    .mul(2 * Math.PI)
    .log()
    .mul(0.5)
    .sub(concentration)
    .sub(concentration.lgamma());
  const error = concentration
    .pow(2)
    .add(concentration)
    .mul(0.5)
    .div(square)
    .sub(q.loc.mul(concentration).div(p.rate))
    .add(q.loc.pow(2).mul(0.5));
  return constant.add(concentration.sub(1).mul(concentration.digamma())).add(error.div(variance));
});

registerKl(Pareto, Exponential, (p, q) => {
  const product = p.scale.mul(q.rate);
  return p.alpha
    .div(product)
    .log()
    .sub(p.alpha.reciprocal())
    .add(p.alpha.mul(product).div(p.alpha.sub(1)))
    .sub(1)
    .maskedFill(p.alpha.le(1), Infinity);
});
registerKl(Pareto, Gamma, (p, q) => {
  const log = p.scale.log().add(p.alpha.reciprocal());
  return p.alpha
    .log()
    .sub(log)
    .add(q.concentration.lgamma().sub(q.concentration.mul(q.rate.log())))
    .add(from(1, q.concentration).mul(log))
    .add(q.rate.mul(p.alpha).mul(p.scale).div(p.alpha.sub(1)))
    .sub(1)
    .maskedFill(p.alpha.le(1), Infinity);
});
registerKl(Pareto, Normal, (p, q) => {
  const variance = q.scale.pow(2).mul(2);
  const ratio = p.scale.div(p.alpha.sub(1));
  const spread = p.alpha.mul(ratio.pow(2)).div(p.alpha.sub(2));
  const error = spread.add(p.alpha.mul(ratio).sub(q.loc).pow(2));
  return q.scale
    .mul(Math.sqrt(2 * Math.PI))
    .mul(p.alpha)
    .div(p.scale)
    .log()
    .sub(p.alpha.reciprocal())
    .add(error.div(variance))
    .sub(1)
    .maskedFill(p.alpha.le(2), Infinity);
});

// From distributions over all numbers

registerKl(Gumbel, Normal, (p, q) => {
  const ratio = p.scale.div(q.scale);
  const spread = ratio.mul(Math.PI).mul(0.5).pow(2).div(3);
  const error = p.loc.add(p.scale.mul(eulerConstant)).sub(q.loc).div(q.scale).pow(2).mul(0.5);
  return ratio
    .div(Math.sqrt(2 * Math.PI))
    .log()
    .neg()
    .add(spread)
    .add(error)
    .sub(eulerConstant + 1);
});
registerKl(Laplace, Normal, (p, q) => {
  const variance = q.scale.pow(2);
  const ratio = p.scale.pow(2).div(variance);
  const error = p.loc.pow(2).mul(0.5).sub(p.loc.mul(q.loc)).add(q.loc.pow(2).mul(0.5));
  return ratio.mul(2).div(Math.PI).log().mul(-0.5).add(ratio).add(error.div(variance)).sub(1);
});
registerKl(Normal, Gumbel, (p, q) => {
  const [ofP, ofQ] = [p.loc.div(q.scale), q.loc.div(q.scale)];
  const ratio = p.scale.div(q.scale).pow(2);
  const tail = ofP.neg().add(ratio.mul(0.5)).add(ofQ).exp();
  return ratio
    .log()
    .mul(-0.5)
    .add(ofP.sub(ofQ))
    .add(tail)
    .sub(0.5 * (1 + Math.log(2 * Math.PI)));
});
registerKl(Normal, Laplace, (p, q) => {
  const diff = p.loc.sub(q.loc);
  const relative = diff.div(p.scale);
  const near = p.scale.mul(Math.sqrt(2 / Math.PI)).mul(relative.pow(2).mul(-0.5).exp());
  const far = diff.mul(relative.mul(Math.sqrt(0.5)).erf());
  return p.scale
    .div(q.scale)
    .log()
    .neg()
    .add(near.add(far).div(q.scale))
    .sub(0.5 * (1 + Math.log(0.5 * Math.PI)));
});
