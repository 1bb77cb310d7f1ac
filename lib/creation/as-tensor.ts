import { flag, orNull } from '../check.js';
import { deviceToName } from '../default-device.js';
import { type DeviceLike, parseDevice } from '../device.js';
import type { Dtype } from '../dtype.js';
import { TorchClipError } from '../errors.js';
import { device as deviceKind, dtype as dtypeKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';
import { isShareable, sharing } from './shared.js';
import { type TensorData, tensor } from './tensor.js';
import { checkGrad, isTypedArray } from './typed-array.js';

/** Options of {@link asTensor}. */
export interface AsTensorOptions {
  /** Default: that of the data. */
  dtype?: Dtype | null;
  /** Default: that of the data; the default device where it is on none. */
  device?: DeviceLike | null;
}

/** Options of {@link asarray}. */
export interface AsarrayOptions extends AsTensorOptions {
  /** True for a copy in any case, false to refuse where one is needed; default null: only where it is needed. */
  copy?: boolean | null;
  /** Whether autograd records what is done with the tensor. Default: false, which detaches it. */
  requiresGrad?: boolean;
}

const targetTable = { dtype: [orNull(dtypeKind), null], device: [orNull(deviceKind), null] } as const;
const readAsTensor = optionsOf('asTensor()', targetTable);
const readAsarray = optionsOf('asarray()', { ...targetTable, copy: [orNull(flag), null], requiresGrad: [flag, false] });

type Target = { readonly dtype: Dtype | null; readonly device: DeviceLike | null };

/** The tensor in a dtype and on a device; itself where it is so already. */
function moved(data: Tensor, { dtype, device }: Target): Tensor {
  const to = device === null ? (deviceToName() ?? data.device) : parseDevice(device)!;
  const result = data.to({ dtype: dtype ?? data.dtype, device: to });
  return result.isSame(data) ? data : result;
}

/**
 * The data as a tensor, without a copy where none is needed, as `torch.as_tensor`: a tensor is itself and keeps its graph, a typed array shares
 * its memory (see `copy: false` of `fromTypedArray`), and everything else is copied as by `torch.tensor`.
 *
 * @example
 * torch.asTensor(new Float32Array([1, 2]));    // shares the array's memory
 * torch.asTensor(x, { dtype: torch.float64 }); // x itself where it is float64
 * @see https://pytorch.org/docs/stable/generated/torch.as_tensor.html
 */
export function asTensor(data: TensorData, options: AsTensorOptions = {}): Tensor {
  const read = readAsTensor(options);
  if (isTensor(data)) return moved(data, read);
  const target = { ...read, device: read.device ?? deviceToName() ?? null };
  if (isTypedArray(data) && isShareable(data, target))
    return sharing(data, { ...read, requiresGrad: false, shape: undefined });
  return tensor(data, read);
}

/**
 * {@link asTensor} with a say in whether the data is copied, as `torch.asarray`; the result has no graph.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` with `copy: false` where a copy is needed.
 *
 * @example
 * torch.asarray(weights, { copy: true });
 * @see https://pytorch.org/docs/stable/generated/torch.asarray.html
 */
export function asarray(data: TensorData, options: AsarrayOptions = {}): Tensor {
  const { copy, requiresGrad, ...target } = readAsarray(options);
  const made = isTensor(data) ? ofTensor(data, target, copy) : ofOthers(data, target, copy);
  if (requiresGrad) {
    checkGrad({ requiresGrad }, made.dtype);
    made.requiresGrad = true;
  }
  return made;
}

const needsCopy = () => new TorchClipError('ERR_ARGUMENT', '"copy" cannot be false: this data must be copied');

function ofTensor(data: Tensor, target: Target, copy: boolean | null): Tensor {
  const own = data.detach();
  const result = moved(own, target);
  const shares = result === own;
  if (copy === false && !shares) throw needsCopy();
  return copy === true && shares ? own.clone() : result;
}

function ofOthers(data: TensorData, target: Target, copy: boolean | null): Tensor {
  const device = target.device ?? deviceToName() ?? null;
  if (copy !== true && isTypedArray(data) && isShareable(data, { ...target, device })) {
    return sharing(data, { ...target, requiresGrad: false, shape: undefined });
  }
  if (copy === false) throw needsCopy();
  return tensor(data, target);
}
