// Divergences from uniform distributions to those of other families.
import * as ops from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { Beta } from '../beta.js';
import { ContinuousBernoulli } from '../continuous-bernoulli.js';
import { Exponential } from '../exponential.js';
import { Gamma } from '../gamma.js';
import { Gumbel } from '../gumbel.js';
import { Normal } from '../normal.js';
import { from } from '../parameters.js';
import { Pareto } from '../pareto.js';
import { Uniform } from '../uniform.js';
import { registerKl } from './registry.js';

const xLogX = (x: Tensor): Tensor => x.xlogy(x);
/** The expectation of `log x` between two numbers. */
const meanLog = (low: Tensor, high: Tensor, width: Tensor): Tensor => xLogX(high).sub(xLogX(low)).sub(width).div(width);

registerKl(Uniform, Beta, (p, q) => {
  const width = p.high.sub(p.low);
  const [one, zero] = [q.concentration1, q.concentration0];
  const logs = one.sub(1).mul(meanLog(p.low, p.high, width));
  const [low, high] = [from(1, p.low), from(1, p.high)];
  const rest = zero.sub(1).mul(xLogX(high).sub(xLogX(low)).add(width).div(width));
  return rest
    .add(one.lgamma().add(zero.lgamma()).sub(one.add(zero).lgamma()))
    .sub(width.log())
    .sub(logs)
    .maskedFill(p.high.gt(1).logicalOr(p.low.lt(0)), Infinity);
});

// As PyTorch has it: infinite also where p ends at 0 or 1.
registerKl(Uniform, ContinuousBernoulli, (p, q) =>
  p
    .entropy()
    .neg()
    .sub(p.mean.mul(q.logits))
    .sub(q.probs.neg().log1p())
    .sub(q.logNorm())
    .maskedFill(p.high.ge(1).logicalOr(p.low.le(0)), Infinity),
);

registerKl(Uniform, Exponential, (p, q) =>
  q.rate.mul(p.high.add(p.low)).div(2).sub(p.high.sub(p.low).mul(q.rate).log()).maskedFill(p.low.lt(0), Infinity),
);

registerKl(Uniform, Gamma, (p, q) => {
  const width = p.high.sub(p.low);
  return width
    .log()
    .neg()
    .add(q.concentration.lgamma().sub(q.concentration.mul(q.rate.log())))
    .add(from(1, q.concentration).mul(meanLog(p.low, p.high, width)))
    .add(q.rate.mul(p.high.add(p.low)).div(2))
    .maskedFill(p.low.lt(0), Infinity);
});

registerKl(Uniform, Gumbel, (p, q) => {
  const ratio = q.scale.div(p.high.sub(p.low));
  const [high, low] = [p.high.sub(q.loc).div(q.scale), p.low.sub(q.loc).div(q.scale)];
  const tails = ratio.mul(high.neg().exp().sub(low.neg().exp()));
  return ratio.log().add(high.add(low).mul(0.5)).sub(tails);
});

registerKl(Uniform, Normal, (p, q) => {
  const width = p.high.sub(p.low);
  const center = p.high.add(p.low).sub(q.loc.mul(2)).div(2).pow(2);
  const constant = q.scale
    .mul(Math.sqrt(Math.PI * 2))
    .div(width)
    .log();
  return constant.add(width.pow(2).div(12).add(center).mul(0.5).div(q.scale.pow(2)));
});

registerKl(Uniform, Pareto, (p, q) => {
  const width = p.high.sub(p.low);
  const constant = q.alpha.mul(ops.pow(q.scale, q.alpha)).mul(width).log();
  return meanLog(p.low, p.high, width).mul(q.alpha.add(1)).sub(constant).maskedFill(p.low.lt(q.scale), Infinity);
});
