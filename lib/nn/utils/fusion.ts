import { noGrad } from '../../autograd/index.js';
import { check, finiteNonNegative, flag } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { onesLike, zerosLike } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { deepcopy } from '../deepcopy.js';
import { BatchNorm } from '../layers/batchnorm.js';
import { ConvNd } from '../layers/conv.js';
import { Linear } from '../layers/linear.js';
import type { Module } from '../module.js';
import { Parameter } from '../parameter.js';

const readTranspose = optionsOf('fuseConvBnEval()', { transpose: [flag, false] });

/** What a batch normalisation does in evaluation: scale times x plus shift, channel by channel. */
function affine(mean: Tensor, variance: Tensor, eps: number, weight: Tensor | null, bias: Tensor | null) {
  check('runningMean', mean, tensor);
  const scale = check('runningVar', variance, tensor)
    .add(check('eps', eps, finiteNonNegative))
    .rsqrt()
    .mul(weight ?? onesLike(mean));
  return {
    scale,
    shift: (b: Tensor | null) =>
      (b ?? zerosLike(mean))
        .sub(mean)
        .mul(scale)
        .add(bias ?? zerosLike(mean)),
  };
}

function evaluated<M extends Module>(name: string, module: M, bn: BatchNorm): { mean: Tensor; variance: Tensor } {
  if (!(bn instanceof BatchNorm)) throw invalidArgument('bn', 'a BatchNorm1d, BatchNorm2d or BatchNorm3d', bn);
  if (module.training || bn.training) {
    throw new TorchClipError('ERR_STATE', `${name}() is for evaluation only: call eval() on both modules first`);
  }
  const { running_mean: mean, running_var: variance } = bn;
  if (mean && variance) return { mean, variance };
  throw invalidArgument('bn', 'a batch normalisation with running statistics', bn);
}

/**
 * A convolution that computes what `conv` and then `bn` compute in evaluation; both stay as they are.
 *
 * @param options.transpose whether `conv` is a transposed convolution; default false.
 *
 * @example
 * const fused = nn.utils.fuseConvBnEval(conv.eval(), bn.eval());
 */
export function fuseConvBnEval<C extends ConvNd>(conv: C, bn: BatchNorm, options: { transpose?: boolean } = {}): C {
  const { transpose } = readTranspose(options);
  if (!(conv instanceof ConvNd)) throw invalidArgument('conv', 'a convolution', conv);
  const { mean, variance } = evaluated('fuseConvBnEval', conv, bn);
  const fused = deepcopy(conv);
  const { weight, bias } = fused;
  [fused.weight, fused.bias] = fuseConvBnWeights(weight, bias, mean, variance, bn.eps, bn.weight, bn.bias, {
    transpose,
  });
  return fused;
}

/**
 * The weight and the bias of {@link fuseConvBnEval}, from those of the convolution and the statistics of the normalisation.
 *
 * @param weight `[out, in / groups, ...kernel]`, with the first two exchanged with `transpose`.
 *
 * @example
 * const [weight, bias] = nn.utils.fuseConvBnWeights(conv.weight, conv.bias, mean, variance, 1e-5, bn.weight, bn.bias);
 */
export function fuseConvBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
  options: { transpose?: boolean } = {},
): [weight: Parameter, bias: Parameter] {
  const { transpose } = readTranspose(options);
  check('weight', weight, tensor);
  return noGrad(() => {
    const { scale, shift } = affine(runningMean, runningVar, eps, bnWeight, bnBias);
    const channels = weight.shape.map((_, d) => (d === (transpose ? 1 : 0) ? -1 : 1));
    const w = weight.mul(scale.reshape(channels)).to({ dtype: weight.dtype });
    const b = shift(bias).to({ dtype: (bias ?? weight).dtype });
    return [new Parameter(w, weight.requiresGrad), new Parameter(b, bias?.requiresGrad ?? false)];
  });
}

/**
 * A linear layer that computes what `linear` and then `bn` compute in evaluation; both stay as they are.
 *
 * @example
 * const fused = nn.utils.fuseLinearBnEval(linear.eval(), bn.eval());
 */
export function fuseLinearBnEval<L extends Linear>(linear: L, bn: BatchNorm): L {
  if (!(linear instanceof Linear)) throw invalidArgument('linear', 'a Linear', linear);
  const { mean, variance } = evaluated('fuseLinearBnEval', linear, bn);
  if (linear.outFeatures !== bn.numFeatures && bn.numFeatures !== 1) {
    throw invalidArgument(
      'bn',
      `of ${linear.outFeatures} features (outFeatures), or of 1`,
      bn.numFeatures,
      'ERR_SHAPE',
    );
  }
  const fused = deepcopy(linear);
  const { weight, bias } = fused;
  [fused.weight, fused.bias] = fuseLinearBnWeights(weight, bias, mean, variance, bn.eps, bn.weight, bn.bias);
  return fused;
}

/**
 * The weight and the bias of {@link fuseLinearBnEval}.
 *
 * @param weight `[outFeatures, inFeatures]`.
 *
 * @example
 * const [weight, bias] = nn.utils.fuseLinearBnWeights(linear.weight, linear.bias, mean, variance, 1e-5, bn.weight, bn.bias);
 */
export function fuseLinearBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
): [weight: Parameter, bias: Parameter] {
  check('weight', weight, tensor);
  return noGrad(() => {
    const { scale, shift } = affine(runningMean, runningVar, eps, bnWeight, bnBias);
    const w = weight.mul(scale.unsqueeze(-1).to({ dtype: weight.dtype }));
    const b = shift(bias).to({ dtype: (bias ?? weight).dtype });
    return [new Parameter(w, weight.requiresGrad), new Parameter(b, bias?.requiresGrad ?? false)];
  });
}
