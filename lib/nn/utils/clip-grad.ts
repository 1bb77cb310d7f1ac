import { native } from '../../binding/index.js';
import { check, flag, listOf, nonNegative, positive } from '../../check.js';
import { warnOfOwn } from '../../distributed/sharded-parameters.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import { parametersHint } from '../../parameters-hint.js';
import { type Handle, isTensor, type Tensor, wrap } from '../../tensor.js';

declare module '../../binding/index.js' {
  interface Native {
    // Null for a norm that is refused.
    clipGradNorm(params: Handle[], maxNorm: number, normType: number, errorIfNonfinite: boolean): Handle | null;
    totalNorm(tensors: Handle[], normType: number, errorIfNonfinite: boolean): Handle | null;
    clipGradsWithNorm(params: Handle[], maxNorm: number, totalNorm: Handle): void;
    clipGradValue(params: Handle[], clipValue: number): void;
  }
}

/** One tensor or several: what the functions of this module take. */
export type TensorOrTensors = Tensor | Iterable<Tensor>;

/** Options of {@link clipGradNorm_} and {@link getTotalNorm}. */
export interface NormOptions {
  /** The p of the norm: a number > 0, or Infinity for the largest magnitude; default 2. */
  normType?: number;
  /** Throw when the norm is not finite, and change nothing; default false. */
  errorIfNonfinite?: boolean;
}

const normTable = { normType: [positive, 2], errorIfNonfinite: [flag, false] } as const;
const readClipGradNorm = optionsOf('clipGradNorm_()', normTable);

/**
 * Clips the gradients of `parameters` in place, so that their norm taken together is at most `maxNorm`: each is multiplied by
 * min(1, maxNorm / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_`.
 *
 * To step right after, prefer an optimizer's `clip: clip.norm(maxNorm)`, which reads and writes the gradients less often. With
 * {@link optim.shard} that is the only way: what this function sees is one rank's gradients, of which the step takes the mean.
 *
 * @param parameters those without a gradient are passed over.
 * @returns the norm before clipping, without dimensions: float32, or float64 where some gradient is; 0 without gradients.
 * @throws {TorchClipError} `ERR_NONFINITE` with `errorIfNonfinite`.
 *
 * @example
 * loss.backward();
 * const norm = nn.utils.clipGradNorm_(model.parameters(), 1.0);
 * optimizer.step();
 */
export function clipGradNorm_(parameters: TensorOrTensors, maxNorm: number, options: NormOptions = {}): Tensor {
  const { normType, errorIfNonfinite } = readClipGradNorm(options);
  const params = list('parameters', parameters);
  check('maxNorm', maxNorm, nonNegative);
  warnOfOwn('clipGradNorm_', params);
  return result(native.clipGradNorm(handlesOf(params), maxNorm, normType, errorIfNonfinite), normType);
}

const readTotalNorm = optionsOf('getTotalNorm()', normTable);

/**
 * The norm of all elements of `tensors` together, as `torch.nn.utils.get_total_norm`.
 *
 * @returns a tensor without dimensions: float32, or float64 where some tensor is; 0 for no tensors.
 * @throws {TorchClipError} `ERR_NONFINITE` with `errorIfNonfinite`.
 *
 * @example
 * nn.utils.getTotalNorm([torch.tensor([3]), torch.tensor([4])]).item(); // 5
 */
export function getTotalNorm(tensors: TensorOrTensors, options: NormOptions = {}): Tensor {
  const { normType, errorIfNonfinite } = readTotalNorm(options);
  const all = list('tensors', tensors);
  return result(native.totalNorm(handlesOf(all), normType, errorIfNonfinite), normType);
}

/**
 * Clips the gradients of `parameters` in place as if their norm were `totalNorm`, as
 * `torch.nn.utils.clip_grads_with_norm_`.
 *
 * @param totalNorm a tensor of one real element, such as {@link getTotalNorm} returns.
 *
 * @example
 * const norm = nn.utils.getTotalNorm(gradients);
 * nn.utils.clipGradsWithNorm_(parameters, 1, norm);
 */
export function clipGradsWithNorm_(parameters: TensorOrTensors, maxNorm: number, totalNorm: Tensor): void {
  const params = list('parameters', parameters);
  check('maxNorm', maxNorm, nonNegative);
  if (!isTensor(totalNorm) || totalNorm.numel() !== 1 || totalNorm.dtype.isComplex) {
    throw invalidArgument('totalNorm', 'a Tensor of one real element', totalNorm);
  }
  native.clipGradsWithNorm(handlesOf(params), maxNorm, totalNorm.handle);
}

/**
 * Clamps every element of the gradients of `parameters` to [-clipValue, clipValue] in place, as
 * `torch.nn.utils.clip_grad_value_`.
 *
 * @example
 * nn.utils.clipGradValue_(model.parameters(), 0.5);
 */
export function clipGradValue_(parameters: TensorOrTensors, clipValue: number): void {
  const params = list('parameters', parameters);
  check('clipValue', clipValue, nonNegative);
  warnOfOwn('clipGradValue_', params);
  native.clipGradValue(handlesOf(params), clipValue);
}

const handlesOf = (tensors: readonly Tensor[]) => tensors.map(({ handle }) => handle);

function list(name: string, tensors: TensorOrTensors): Tensor[] {
  if (isTensor(tensors)) return [tensors];
  if (typeof tensors !== 'object' || tensors === null || !(Symbol.iterator in tensors)) {
    const got = `${describe(tensors)}${parametersHint(tensors)}`;
    throw new TorchClipError('ERR_ARGUMENT', `"${name}" must be a Tensor or an iterable of Tensors, got ${got}`);
  }
  return listOf(name, tensors, tensor);
}

function result(norm: Handle | null, normType: number): Tensor {
  if (norm !== null) return wrap(norm);
  throw new TorchClipError(
    'ERR_NONFINITE',
    `The total norm of order ${normType} for gradients from \`parameters\` is non-finite, so it cannot be clipped; ` +
      'to scale the gradients by the non-finite norm anyway, set errorIfNonfinite to false',
  );
}
