// Divergences between distributions of one family.
import * as ops from '../../ops/generated/functions.js';
import { sameShape } from '../../shape.js';
import { Bernoulli } from '../bernoulli.js';
import { Beta } from '../beta.js';
import { Binomial } from '../binomial.js';
import { Categorical } from '../categorical.js';
import { Cauchy } from '../cauchy.js';
import { ContinuousBernoulli } from '../continuous-bernoulli.js';
import { Dirichlet } from '../dirichlet.js';
import { Exponential } from '../exponential.js';
import { ExponentialFamily, gradientsOf } from '../exponential-family.js';
import { Gamma } from '../gamma.js';
import { Geometric } from '../geometric.js';
import { Gumbel } from '../gumbel.js';
import { HalfNormal } from '../half-normal.js';
import { Independent } from '../independent.js';
import { Laplace } from '../laplace.js';
import { Normal } from '../normal.js';
import { OneHotCategorical } from '../one-hot-categorical.js';
import { eulerConstant, from, sumRightmost } from '../parameters.js';
import { Pareto } from '../pareto.js';
import { Poisson } from '../poisson.js';
import { TransformedDistribution } from '../transformed.js';
import { sameTransforms } from '../transforms/composed.js';
import { Uniform } from '../uniform.js';
import { klDivergence, noDivergence, registerKl } from './registry.js';

registerKl(Bernoulli, Bernoulli, (p, q) => {
  const ones = p.probs
    .mul(ops.softplus(q.logits.neg()).sub(ops.softplus(p.logits.neg())))
    .maskedFill(q.probs.eq(0), Infinity)
    .maskedFill(p.probs.eq(0), 0);
  const zeros = from(1, p.probs)
    .mul(ops.softplus(q.logits).sub(ops.softplus(p.logits)))
    .maskedFill(q.probs.eq(1), Infinity)
    .maskedFill(p.probs.eq(1), 0);
  return ones.add(zeros);
});

registerKl(Beta, Beta, (p, q) => {
  const [p1, p0, q1, q0] = [p.concentration1, p.concentration0, q.concentration1, q.concentration0];
  const [ofP, ofQ] = [p1.add(p0), q1.add(q0)];
  return q1
    .lgamma()
    .add(q0.lgamma())
    .add(ofP.lgamma())
    .sub(p1.lgamma().add(p0.lgamma()).add(ofQ.lgamma()))
    .add(p1.sub(q1).mul(p1.digamma()))
    .add(p0.sub(q0).mul(p0.digamma()))
    .add(ofQ.sub(ofP).mul(ofP.digamma()));
});

registerKl(Binomial, Binomial, (p, q) => {
  if (p.totalCount.lt(q.totalCount).any().item<boolean>()) {
    throw noDivergence(p, q, ' where q has the larger "totalCount"');
  }
  return p.totalCount
    .mul(p.probs.mul(p.logits.sub(q.logits)).add(p.probs.neg().log1p()).sub(q.probs.neg().log1p()))
    .maskedFill(p.totalCount.gt(q.totalCount), Infinity);
});

const ofCategories = (p: Categorical, q: Categorical) =>
  p.probs.mul(p.logits.sub(q.logits)).maskedFill(q.probs.eq(0), Infinity).maskedFill(p.probs.eq(0), 0).sum(-1);
registerKl(Categorical, Categorical, ofCategories);
registerKl(OneHotCategorical, OneHotCategorical, (p, q) => ofCategories(p.categorical, q.categorical));

registerKl(Cauchy, Cauchy, (p, q) => {
  const spread = p.scale.add(q.scale).pow(2).add(p.loc.sub(q.loc).pow(2)).log();
  return spread.sub(p.scale.mul(4).mul(q.scale).log());
});

registerKl(ContinuousBernoulli, ContinuousBernoulli, (p, q) =>
  p.mean
    .mul(p.logits.sub(q.logits))
    .add(p.logNorm().add(p.probs.neg().log1p()))
    .add(q.logNorm().neg().sub(q.probs.neg().log1p())),
);

registerKl(Dirichlet, Dirichlet, (p, q) => {
  const [ofP, ofQ] = [p.concentration.sum(-1), q.concentration.sum(-1)];
  const expected = p.concentration.digamma().sub(ofP.digamma().unsqueeze(-1));
  return ofP
    .lgamma()
    .sub(ofQ.lgamma())
    .sub(p.concentration.lgamma().sub(q.concentration.lgamma()).sum(-1))
    .add(p.concentration.sub(q.concentration).mul(expected).sum(-1));
});

registerKl(Exponential, Exponential, (p, q) => {
  const ratio = q.rate.div(p.rate);
  return ratio.log().neg().add(ratio).sub(1);
});

/** A Bregman divergence of the log-normalizer. */
registerKl(ExponentialFamily, ExponentialFamily, (p, q) => {
  if (p.constructor !== q.constructor) throw noDivergence(p, q);
  const { normalizer, params, gradients } = gradientsOf(p);
  const ofQ = q.naturalParams;
  const dims = p.batchShape.length;
  return params.reduce(
    (sum, param, i) => {
      const term = ofQ[i]!.sub(param).mul(gradients[i]!);
      return sum.sub(sumRightmost(term, Math.max(0, param.ndim - dims)));
    },
    q.logNormalizer(...ofQ).sub(normalizer),
  );
});

registerKl(Gamma, Gamma, (p, q) =>
  q.concentration
    .mul(p.rate.div(q.rate).log())
    .add(q.concentration.lgamma().sub(p.concentration.lgamma()))
    .add(p.concentration.sub(q.concentration).mul(p.concentration.digamma()))
    .add(q.rate.sub(p.rate).mul(p.concentration.div(p.rate))),
);

registerKl(Geometric, Geometric, (p, q) => p.entropy().neg().sub(q.probs.neg().log1p().div(p.probs)).sub(q.logits));

registerKl(Gumbel, Gumbel, (p, q) => {
  const ratio = p.scale.div(q.scale);
  const [ofQ, ofP] = [q.loc.div(q.scale), p.loc.div(q.scale)];
  return ratio
    .log()
    .neg()
    .sub(ofQ)
    .add(ofP)
    .add(ratio.mul(eulerConstant))
    .add(ofQ.add(ratio.add(1).lgamma()).sub(ofP).exp())
    .sub(1 + eulerConstant);
});

const ofNormals = (p: Normal, q: Normal) => {
  const ratio = p.scale.div(q.scale).pow(2);
  return ratio.add(p.loc.sub(q.loc).div(q.scale).pow(2)).sub(1).sub(ratio.log()).mul(0.5);
};
registerKl(Normal, Normal, ofNormals);
registerKl(HalfNormal, HalfNormal, (p, q) => ofNormals(p.baseDist, q.baseDist));

registerKl(Independent, Independent, (p, q) => {
  const dims = p.reinterpretedBatchNdims;
  if (dims !== q.reinterpretedBatchNdims) throw noDivergence(p, q, ' of different numbers of dimensions');
  return sumRightmost(klDivergence(p.baseDist, q.baseDist), dims);
});

registerKl(Laplace, Laplace, (p, q) => {
  const ratio = p.scale.div(q.scale);
  const distance = p.loc.sub(q.loc).abs();
  return ratio
    .log()
    .neg()
    .add(distance.div(q.scale))
    .add(ratio.mul(distance.neg().div(p.scale).exp()))
    .sub(1);
});

registerKl(Pareto, Pareto, (p, q) => {
  const ratio = q.alpha.div(p.alpha);
  return q.alpha
    .mul(p.scale.div(q.scale).log())
    .add(ratio.log().neg())
    .add(ratio)
    .sub(1)
    .maskedFill(p.scale.lt(q.scale), Infinity);
});

registerKl(Poisson, Poisson, (p, q) => p.rate.mul(p.rate.log().sub(q.rate.log())).sub(p.rate.sub(q.rate)));

registerKl(TransformedDistribution, TransformedDistribution, (p, q) => {
  const same = sameTransforms(p.transforms, q.transforms) && sameShape(p.eventShape, q.eventShape);
  if (!same) throw noDivergence(p, q, ' of different transforms or event shapes');
  return klDivergence(p.baseDist, q.baseDist);
});

registerKl(Uniform, Uniform, (p, q) =>
  q.high
    .sub(q.low)
    .div(p.high.sub(p.low))
    .log()
    .maskedFill(q.low.gt(p.low).logicalOr(q.high.lt(p.high)), Infinity),
);
