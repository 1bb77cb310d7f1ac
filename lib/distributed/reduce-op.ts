// The operations of a reduction, and what Gloo needs to compute them as the rest of the package does.
import { type Kind, oneOf } from '../check.js';
import { type Dtype, float32, float64, int32, int64 } from '../dtype.js';
import { describe, TorchClipError } from '../errors.js';
import { fullLike } from '../ops/generated/functions.js';
import type { Tensor } from '../tensor.js';
import type { ProcessGroup } from './group.js';

/** How values of several ranks become one; the names of `torch.distributed.ReduceOp`. */
export const ReduceOp = {
  SUM: 'sum',
  AVG: 'avg',
  PRODUCT: 'product',
  MIN: 'min',
  MAX: 'max',
  BAND: 'band',
  BOR: 'bor',
  BXOR: 'bxor',
} as const;

/** One of the values of {@link ReduceOp}. */
export type ReduceOp = (typeof ReduceOp)[keyof typeof ReduceOp];

const ops = Object.values(ReduceOp);

/** @internal */
export const reduceOp: Kind<ReduceOp> = oneOf(...ops);
/** @internal The number that c10d gives an operation. */
export const codeOf = (op: ReduceOp): number => ops.indexOf(op);

const bitwise: readonly ReduceOp[] = ['band', 'bor', 'bxor'];

/** @internal Refuses what an operation cannot be computed of. */
export function checkReducible(name: string, tensor: Tensor, op: ReduceOp): void {
  const { dtype } = tensor;
  if (dtype.isComplex && op !== 'sum' && op !== 'avg') {
    throw new TorchClipError('ERR_DTYPE', `"op" must be "sum" or "avg" for a complex "${name}", got ${describe(op)}`);
  }
  if (op === 'avg' && !dtype.isFloatingPoint && !dtype.isComplex) {
    throw new TorchClipError(
      'ERR_DTYPE',
      `"${name}" must have a floating-point or complex dtype for the op "avg", got ${dtype.name}`,
    );
  }
  if (bitwise.includes(op) && (dtype.isFloatingPoint || dtype.isComplex)) {
    throw new TorchClipError(
      'ERR_DTYPE',
      `"${name}" must have an integer dtype for the op ${describe(op)}, got ${dtype.name}`,
    );
  }
}

/** @internal The tensor that is sent in place of another, and what is to be done with it after the reduction. */
export interface Sent {
  readonly tensor: Tensor;
  /** Writes what arrived in the memory of `sent` to the tensor of the caller. */
  readonly restore: (arrived: Tensor, target: Tensor) => void;
}

/**
 * @internal The minimum and the maximum of floating-point numbers with NaN kept. Gloo compares with `<`, where a NaN is lost or
 * kept by the order of the ranks; integers have no such gap, and the bits of a number are, but for the sign, an integer of the same
 * order, in which NaN comes last. Only where every rank runs this package: others would compare the numbers themselves.
 */
export function ordered(group: ProcessGroup, tensor: Tensor, op: ReduceOp): Sent | undefined {
  if (!group.alike || !tensor.dtype.isFloatingPoint || (op !== 'min' && op !== 'max')) return undefined;
  const wide: Dtype = tensor.dtype === float64 ? float64 : float32;
  const [bits, sign, lowest] = wide === float64 ? [int64, 63, 2n ** 63n - 1n] : ([int32, 31, 2 ** 31 - 1] as const);
  // Flipped where the sign is set: then integers compare as the numbers do. The same again undoes it.
  const flip = (t: Tensor): Tensor => t.bitwiseXor(t.bitwiseRightShift(sign).bitwiseAnd(lowest));
  const numbers = tensor.detach().to(wide).contiguous();
  const nan = numbers.isnan();
  // The largest, or smallest, integer is that of a NaN.
  const end = op === 'max' ? lowest : -BigInt(lowest) - 1n;
  const plain = flip(numbers.view(bits));
  const keyed = nan.where(fullLike(plain, end as never), plain);
  return {
    tensor: keyed,
    restore: (arrived, target) => {
      target.copy_(flip(arrived).view(wide));
    },
  };
}
