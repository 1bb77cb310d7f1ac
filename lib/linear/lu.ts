import { flag } from '../check.js';
import { luFactor, luFactorEx } from '../ops/generated/linalg.js';
import { optionsOf } from '../options.js';
import { Tensor } from '../tensor.js';

/** Options of {@link lu}. */
export interface LuOptions {
  /** Whether rows may be exchanged; false on a GPU alone. Default: true. */
  pivot?: boolean;
  /** Give the tensor of failures as well rather than throw for a singular matrix; default false. */
  getInfos?: boolean;
}

declare module '../tensor.js' {
  interface Tensor {
    /** The LU factorisation with pivots; see `torch.lu`. */
    lu(options?: LuOptions): Tensor[];
  }
}

const readLu = optionsOf('lu()', { pivot: [flag, true], getInfos: [flag, false] });

/**
 * The LU factorisation of square matrices, as `torch.lu`, which `torch.linalg.luFactor` has replaced: what `torch.luSolve` and
 * `torch.luUnpack` take.
 *
 * @returns the factors in one matrix, the pivots, and with `getInfos` what went wrong.
 *
 * @example
 * const [factors, pivots] = torch.lu(A);
 * const x = torch.luSolve(b, factors!, pivots!);
 * @see https://pytorch.org/docs/stable/generated/torch.lu.html
 */
export function lu(A: Tensor, options: LuOptions = {}): Tensor[] {
  const { pivot, getInfos } = readLu(options);
  if (!getInfos) return [...luFactor(A, { pivot })];
  const [factors, pivots, infos] = luFactorEx(A, { pivot });
  return [factors, pivots, infos];
}

Object.defineProperty(Tensor.prototype, 'lu', {
  value(this: Tensor, options?: LuOptions) {
    return lu(this, options);
  },
  writable: true,
  configurable: true,
});
