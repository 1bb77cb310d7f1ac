import { TorchClipError } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { withDefaults } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkTensors } from './arguments.js';

/** What {@link batchNorm} takes beside the input and the running statistics. */
export interface BatchNormOptions {
  /** The scale a channel, `[C]`. Default: null. */
  weight?: Tensor | null;
  /** The shift a channel, `[C]`. Default: null. */
  bias?: Tensor | null;
  /** Use the batch's own statistics, and update the running ones. Default: false. */
  training?: boolean;
  /** How much of a running statistic a batch replaces. Default: 0.1. */
  momentum?: number;
  /** Default: 1e-5. */
  eps?: number;
}

/** Normalises every channel of `[N, C, ...]` over the batch. Ioffe and Szegedy, 2015. */
export function batchNorm(
  input: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options?: BatchNormOptions,
): Tensor {
  const { weight, bias, training, momentum, eps } = withDefaults('batchNorm', options, {
    weight: null as Tensor | null,
    bias: null as Tensor | null,
    training: false,
    momentum: 0.1,
    eps: 1e-5,
  });
  checkTensors({ input });
  if (training) severalValues(input);
  return ops.batchNorm(input, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

function severalValues({ shape }: Tensor): void {
  if (shape.reduce((product, n, dim) => (dim === 1 ? product : product * n), 1) === 1) {
    const message = `"input" must have more than 1 value a channel when training, got a tensor of shape [${shape}]`;
    throw new TorchClipError('ERR_SHAPE', message);
  }
}

/** What {@link instanceNorm} takes beside the input. */
export interface InstanceNormOptions {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Use each instance's own statistics. Default: true. */
  useInputStats?: boolean;
  /** Default: 0.1. */
  momentum?: number;
  /** Default: 1e-5. */
  eps?: number;
}

/** Normalises every channel of every instance of `[N, C, ...]`. Ulyanov et al., 2016. */
export function instanceNorm(input: Tensor, options?: InstanceNormOptions): Tensor {
  const none = null as Tensor | null;
  const o = withDefaults('instanceNorm', options, {
    runningMean: none,
    runningVar: none,
    weight: none,
    bias: none,
    useInputStats: true,
    momentum: 0.1,
    eps: 1e-5,
  });
  const { momentum, eps } = o;
  return ops.instanceNorm(input, o.weight, o.bias, o.runningMean, o.runningVar, o.useInputStats, momentum, eps, true);
}

/** Divides by the size of neighbouring channels of `[N, C, ...]`. Krizhevsky et al., 2012. */
export function localResponseNorm(
  input: Tensor,
  size: number,
  options?: { alpha?: number; beta?: number; k?: number },
): Tensor {
  const { alpha, beta, k } = withDefaults('localResponseNorm', options, { alpha: 1e-4, beta: 0.75, k: 1 });
  checkTensors({ input });
  const { shape } = input;
  if (shape.length < 3) {
    const message = `"input" must have at least 3 dimensions, got a tensor of shape [${shape}]`;
    throw new TorchClipError('ERR_SHAPE', message);
  }
  const channels = input.mul(input).reshape([shape[0]!, 1, shape[1]!, -1]);
  const padded = ops.pad(channels, [0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
  const around = ops.avgPool2d(padded, [size, 1], { stride: 1 }).reshape(shape);
  return input.div(around.mul(alpha).add(k).pow(beta));
}

/**
 * Divides by the norm along a dimension: `x / max(|x|_p, eps)`.
 *
 * @param options.p default 2; `options.dim` default 1; `options.eps` default 1e-12.
 */
export function normalize(
  input: Tensor,
  options?: { p?: number; dim?: number | readonly number[]; eps?: number },
): Tensor {
  const { p, dim, eps } = withDefaults('normalize', options, {
    p: 2,
    dim: 1 as number | readonly number[],
    eps: 1e-12,
  });
  checkTensors({ input });
  return input.div(input.norm(p, dim, { keepdim: true }).clampMin(eps).expandAs(input));
}
