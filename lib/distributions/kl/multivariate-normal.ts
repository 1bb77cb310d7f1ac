// Divergences between multivariate normal distributions, with full covariances and of low rank.
import { TorchClipError } from '../../errors.js';
import { diagEmbed } from '../../ops/generated/functions.js';
import { sameShape, shapeText } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { batchMahalanobis, lowRankLogdet, lowRankMahalanobis, solveLower, traceXXt } from '../gaussian-algebra.js';
import { LowRankMultivariateNormal } from '../lowrank-multivariate-normal.js';
import { MultivariateNormal } from '../multivariate-normal.js';
import { broadcastShapes, logDiagonal } from '../parameters.js';
import { registerKl } from './registry.js';

type Gaussian = MultivariateNormal | LowRankMultivariateNormal;

/** The size of the events of two distributions, which must be the same. */
function sizeOf(p: Gaussian, q: Gaussian): number {
  if (sameShape(p.eventShape, q.eventShape)) return p.eventShape[0]!;
  throw new TorchClipError(
    'ERR_SHAPE',
    `"q" must have the event shape of "p", ${shapeText(p.eventShape)}, got ${shapeText(q.eventShape)}`,
  );
}

/** Half of `log det q - log det p + trace(q^-1 p) + the distance of the means - n`. */
const half = (logdets: Tensor, trace: Tensor, distance: Tensor, n: number): Tensor =>
  logdets.add(trace).add(distance).sub(n).mul(0.5);

const logdetOf = (d: Gaussian): Tensor =>
  d instanceof MultivariateNormal ? logDiagonal(d.factor).mul(2) : lowRankLogdet(d.diagonal, d.capacitance);
const distanceOf = (p: Gaussian, q: LowRankMultivariateNormal): Tensor =>
  lowRankMahalanobis(q.factor, q.diagonal, q.loc.sub(p.loc), q.capacitance);
const woodbury = (q: LowRankMultivariateNormal): Tensor =>
  solveLower(q.capacitance, q.factor.mT.div(q.diagonal.unsqueeze(-2)));

registerKl(LowRankMultivariateNormal, LowRankMultivariateNormal, (p, q) => {
  const n = sizeOf(p, q);
  const a = woodbury(q);
  const trace = p.diagonal
    .div(q.diagonal)
    .sum(-1)
    .add(traceXXt(p.factor.mul(q.diagonal.rsqrt().unsqueeze(-1))))
    .sub(traceXXt(a.mul(p.diagonal.sqrt().unsqueeze(-2))))
    .sub(traceXXt(a.matmul(p.factor)));
  return half(logdetOf(q).sub(logdetOf(p)), trace, distanceOf(p, q), n);
});

registerKl(MultivariateNormal, LowRankMultivariateNormal, (p, q) => {
  const n = sizeOf(p, q);
  const trace = traceXXt(p.factor.mul(q.diagonal.rsqrt().unsqueeze(-1))).sub(traceXXt(woodbury(q).matmul(p.factor)));
  return half(logdetOf(q).sub(logdetOf(p)), trace, distanceOf(p, q), n);
});

/** A matrix with the batch of two. */
const over = (batch: readonly number[], matrix: Tensor): Tensor => matrix.expand([...batch, ...matrix.shape.slice(-2)]);

registerKl(LowRankMultivariateNormal, MultivariateNormal, (p, q) => {
  const n = sizeOf(p, q);
  const batch = broadcastShapes(
    q.factor.shape.slice(0, -2),
    p.factor.shape.slice(0, -2),
    p.diagonal.shape.slice(0, -1),
  );
  const tril = over(batch, q.factor);
  const trace = traceXXt(solveLower(tril, over(batch, p.factor))).add(
    traceXXt(solveLower(tril, over(batch, diagEmbed(p.diagonal.sqrt())))),
  );
  return half(logdetOf(q).sub(logdetOf(p)), trace, batchMahalanobis(q.factor, q.loc.sub(p.loc)), n);
});

registerKl(MultivariateNormal, MultivariateNormal, (p, q) => {
  const n = sizeOf(p, q);
  const batch = broadcastShapes(q.factor.shape.slice(0, -2), p.factor.shape.slice(0, -2));
  const trace = traceXXt(solveLower(over(batch, q.factor), over(batch, p.factor)));
  return half(logdetOf(q).sub(logdetOf(p)), trace, batchMahalanobis(q.factor, q.loc.sub(p.loc)), n);
});
