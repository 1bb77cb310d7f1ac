import { arrayOf, check, flag, integer, type Kind, kind, number, orNull } from '../check.js';
import type { Dtype } from '../dtype.js';
import { TorchClipError } from '../errors.js';
import { dtype as dtypeKind, tensor as tensorKind } from '../kinds.js';
import { strided } from '../layout.js';
import { isPlainObject, optionsOf } from '../options.js';
import { type Handle, Tensor, wrap } from '../tensor.js';
import { frobeniusNorm, nuclearNorm } from './generated/functions.js';
import { matrixNorm, vectorNorm } from './generated/linalg.js';
import { nativeOp } from './overload.js';

/** The order of a norm: a number (`Infinity` for the largest absolute value), `'fro'` or `'nuc'`. */
export type NormOrder = number | 'fro' | 'nuc';

/** What {@link norm} takes beside the tensor, by position or by name. */
export interface NormOptions {
  /** The order; default `'fro'`, the root of the sum of squares. */
  p?: NormOrder | null;
  /** The dimensions to reduce, counted from the end where negative; default all. `'nuc'` takes two. */
  dim?: number | readonly number[] | null;
  /** Whether the dimensions that were reduced stay, with size 1; default false. */
  keepdim?: boolean;
  /** The dtype to compute in, and of the result; default the tensor's. */
  dtype?: Dtype | null;
  /** A tensor to write the result to, of the function alone; default a new one. */
  out?: Tensor;
}

/** Arguments by position, the rest of them by name at the end. */
export type NormArguments<O = NormOptions> =
  | [options?: O]
  | [p: NormOrder | null, options?: Omit<O, 'p'>]
  | [p: NormOrder | null, dim: number | readonly number[] | null, options?: Omit<O, 'p' | 'dim'>]
  | [
      p: NormOrder | null,
      dim: number | readonly number[] | null,
      keepdim: boolean,
      options?: Omit<O, 'p' | 'dim' | 'keepdim'>,
    ];

declare module '../tensor.js' {
  interface Tensor {
    /**
     * The norm of all elements, or along dimensions: arguments as of `torch.norm`, without `out`.
     *
     * @example
     * torch.tensor([3, 4]).norm(); // 5
     * @see https://pytorch.org/docs/stable/generated/torch.norm.html
     */
    norm(...args: NormArguments<Omit<NormOptions, 'out'>>): Tensor;
  }
}

const order: Kind<NormOrder> = kind(
  'a number, "fro" or "nuc"',
  (value) => number.accepts(value) || value === 'fro' || value === 'nuc',
);
const dims: Kind<number | readonly number[]> = kind(
  'an integer or an array of integers',
  (value) => integer().accepts(value) || arrayOf(integer()).accepts(value),
);
const positions = ['p', 'dim', 'keepdim'] as const;
const table = {
  p: [orNull(order), 'fro'],
  dim: [orNull(dims), null],
  keepdim: [flag, false],
  dtype: [orNull(dtypeKind), null],
} as const;
const readMethod = optionsOf('norm()', table);
const readFunction = optionsOf('torch.norm()', { ...table, out: [tensorKind, undefined] });

/** The arguments by name. */
function named(args: readonly unknown[]): Record<string, unknown> {
  const last = args.at(-1);
  const options = isPlainObject(last) ? last : {};
  const given = isPlainObject(last) ? args.slice(0, -1) : args;
  if (given.length > positions.length) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `norm() takes at most p, dim and keepdim by position, got ${given.length} arguments`,
    );
  }
  const all: Record<string, unknown> = { ...options };
  for (const [i, value] of given.entries()) {
    const name = positions[i]!;
    if (name in options) throw new TorchClipError('ERR_ARGUMENT', `"${name}" of norm() is given twice`);
    all[name] = value;
  }
  return all;
}

/**
 * The norm of all elements or along dimensions, as `torch.norm`: of vectors for a number and for `'fro'`, of matrices for `'nuc'`.
 * `torch.linalg.vectorNorm` and `torch.linalg.matrixNorm` say which of the two they mean.
 *
 * @param input of a floating-point or complex dtype.
 * @param args `p` (default `'fro'`), `dim` (default all), `keepdim` (default false), then options by name.
 *
 * @example
 * torch.norm(x); // the root of the sum of squares
 * torch.norm(x, 1, 0);
 * torch.norm(x, 'nuc', { dim: [0, 1], keepdim: true });
 * @see https://pytorch.org/docs/stable/generated/torch.norm.html
 */
export function norm(input: Tensor, ...args: NormArguments): Tensor {
  return compute(check('input', input, tensorKind), readFunction(named(args)));
}

type Read = Omit<ReturnType<typeof readMethod>, never> & { readonly out?: Tensor | undefined };

function compute(input: Tensor, { p, dim, keepdim, dtype, out }: Read): Tensor {
  if (input.layout !== strided) return ofSparse(input, { p, dim, keepdim, dtype, out });
  const more = { dtype, ...(out !== undefined && { out }) };
  const list = typeof dim === 'number' ? [dim] : dim;
  if (typeof p !== 'string') return vectorNorm(input, p ?? 2, list, keepdim, more);
  if (p === 'fro' && (list === null || list.length <= 2)) return vectorNorm(input, 2, list, keepdim, more);
  return matrixNorm(input, p, list ?? input.shape.map((_, i) => i), keepdim, more);
}

/** Of tensors that the operators of `torch.linalg` do not take. */
function ofSparse(input: Tensor, { p, dim, keepdim, dtype, out }: Read): Tensor {
  if (dtype !== null || out !== undefined) {
    throw new TorchClipError('ERR_ARGUMENT', '"dtype" and "out" of norm() need a dense tensor');
  }
  const list = dim === null ? input.shape.map((_, i) => i) : typeof dim === 'number' ? [dim] : dim;
  if (p === 'nuc') return dim === null ? nuclearNorm(input, keepdim) : nuclearNorm(input, list, keepdim);
  if (p === 'fro') return frobeniusNorm(input, dim === null ? [] : list, keepdim);
  return wrap(nativeOp('norm', 'ScalarOpt_dim')(input.handle, p ?? 2, list, keepdim) as Handle);
}

Object.defineProperty(Tensor.prototype, 'norm', {
  value(this: Tensor, ...args: readonly unknown[]) {
    return args.length === 0 && this.layout === strided ? vectorNorm(this) : compute(this, readMethod(named(args)));
  },
  writable: true,
  configurable: true,
});
