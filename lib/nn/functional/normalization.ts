import { arrayOf, check, finite, finiteNonNegative, flag, integer, kind, number, orNull } from '../../check.js';
import { aboveZero } from '../../epsilon.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** What {@link batchNorm} takes beside the input and the running statistics. */
export interface BatchNormOptions {
  /** One scale per channel, `[C]`. Default: null. */
  weight?: Tensor | null;
  /** One shift per channel, `[C]`. Default: null. */
  bias?: Tensor | null;
  /** Use the batch's own statistics, and update the running ones. Default: false. */
  training?: boolean;
  /** How much of a running statistic a batch replaces. Default: 0.1. */
  momentum?: number;
  /** Not negative, and above 0 when training. Default: 1e-5. */
  eps?: number;
}

const affineTable = { weight: [orNull(tensor), null], bias: [orNull(tensor), null] } as const;
const readBatchNorm = optionsOf('batchNorm()', {
  ...affineTable,
  training: [flag, false],
  momentum: [finite, 0.1],
  eps: [finiteNonNegative, 1e-5],
});

/**
 * Normalises every channel of `[N, C, ...]` over the batch. Ioffe and Szegedy, 2015.
 *
 * @example
 * F.batchNorm(x, runningMean, runningVar, { training: true });
 */
export function batchNorm(
  input: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options?: BatchNormOptions,
): Tensor {
  const { weight, bias, training, momentum, eps } = readBatchNorm(options);
  check('input', input, tensor);
  if (training) {
    severalValues(input.shape[0], input.shape);
    if (eps === 0) throw invalidArgument('eps', 'above 0 when training', eps);
  }
  return ops.batchNorm(input, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

/** A variance over one value alone would be 0; `perChannel` of the first dimensions are of one channel. */
function severalValues(perChannel: number | undefined, shape: readonly number[]): void {
  if (shape.slice(2).reduce((product, n) => product * n, perChannel ?? 1) === 1) {
    throw mustHave('input', 'more than 1 value per channel when training', shape);
  }
}

/**
 * Normalises each of `numGroups` groups of the channels of `[N, C, ...]`. Wu and He, 2018.
 *
 * @throws {TorchClipError} `ERR_SHAPE` where a batch of one instance has a single value in each group.
 *
 * @example
 * F.groupNorm(x, 4);
 * F.groupNorm(x, 4, { weight, bias, eps: 1e-6 });
 */
export const groupNorm: typeof ops.groupNorm = (...args: unknown[]): Tensor => {
  const [input, numGroups] = args;
  // Anything else is refused by the operator.
  if (isTensor(input) && input.dim() > 1 && typeof numGroups === 'number' && numGroups > 0) {
    severalValues(Math.floor((input.shape[0]! * input.shape[1]!) / numGroups), input.shape);
  }
  return (ops.groupNorm as (...args: unknown[]) => Tensor)(...args);
};

/** What {@link instanceNorm} takes beside the input. */
export interface InstanceNormOptions {
  /** The running mean, `[C]`. Default: null. */
  runningMean?: Tensor | null;
  /** The running variance, `[C]`. Default: null. */
  runningVar?: Tensor | null;
  /** One scale per channel, `[C]`. Default: null. */
  weight?: Tensor | null;
  /** One shift per channel, `[C]`. Default: null. */
  bias?: Tensor | null;
  /** Use each instance's own statistics. Default: true. */
  useInputStats?: boolean;
  /** Default: 0.1. */
  momentum?: number;
  /** Default: 1e-5. */
  eps?: number;
}

const readInstanceNorm = optionsOf('instanceNorm()', {
  runningMean: [orNull(tensor), null],
  runningVar: [orNull(tensor), null],
  ...affineTable,
  useInputStats: [flag, true],
  momentum: [finite, 0.1],
  eps: [finite, 1e-5],
});

/**
 * Normalises every channel of every instance of `[N, C, ...]`. Ulyanov et al., 2016.
 *
 * @example
 * F.instanceNorm(x);
 */
export function instanceNorm(input: Tensor, options?: InstanceNormOptions): Tensor {
  const { weight, bias, runningMean, runningVar, useInputStats, momentum, eps } = readInstanceNorm(options);
  const { shape } = check('input', input, tensor);
  if (useInputStats && shape.slice(2).every((n) => n === 1)) {
    throw mustHave('input', 'more than 1 spatial element when training', shape);
  }
  return ops.instanceNorm(input, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true);
}

const readLocalResponse = optionsOf('localResponseNorm()', {
  alpha: [finite, 1e-4],
  beta: [finite, 0.75],
  k: [finite, 1],
});

/**
 * Divides by the size of neighbouring channels of `[N, C, ...]`. Krizhevsky et al., 2012.
 *
 * @example
 * F.localResponseNorm(x, 5);
 */
export function localResponseNorm(
  input: Tensor,
  size: number,
  options?: { alpha?: number; beta?: number; k?: number },
): Tensor {
  const { alpha, beta, k } = readLocalResponse(options);
  check('size', size, integer(1));
  const { shape } = check('input', input, tensor);
  if (shape.length < 3) throw mustHave('input', '3 or more dimensions', shape);
  const channels = input.mul(input).reshape([shape[0]!, 1, shape[1]!, -1]);
  const padded = ops.pad(channels, [0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
  const around = ops.avgPool2d(padded, [size, 1], { stride: 1 }).reshape(shape);
  return input.div(around.mul(alpha).add(k).pow(beta));
}

const dimensions = kind<number | readonly number[]>(
  'an integer or an array of integers',
  (value) => integer().accepts(value) || arrayOf(integer()).accepts(value),
);
const readNormalize = optionsOf('normalize()', { p: [number, 2], dim: [dimensions, 1], eps: [finite, 1e-12] });

/**
 * Divides by the norm along a dimension: `x / max(|x|_p, eps)`.
 *
 * @param options.p default 2; `options.dim` default 1; `options.eps` default 1e-12.
 *
 * @example
 * F.normalize(embeddings, { dim: 1 });
 */
export function normalize(
  input: Tensor,
  options?: { p?: number; dim?: number | readonly number[]; eps?: number },
): Tensor {
  const { p, dim, eps } = readNormalize(options);
  check('input', input, tensor);
  return input.div(input.norm(p, dim, { keepdim: true }).clampMin(aboveZero(eps, input.dtype)).expandAs(input));
}
