import { arrayOf, check, finiteNonNegative, finitePositive, flag, listOf, orNull, synchronous } from '../check.js';
import { TorchClipError } from '../errors.js';
import { Generator } from '../generator.js';
import { tensor } from '../kinds.js';
import { randn } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { refuseLater } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';
import { grad } from './backward.js';
import { enableGrad, noGrad } from './modes.js';

/** Options of {@link gradcheck}. */
export interface GradcheckOptions {
  /** The step of the central difference; default 1e-6. */
  eps?: number;
  /** Allowed absolute difference; default 1e-5. */
  atol?: number;
  /** Allowed relative difference; default 1e-3. */
  rtol?: number;
  /** Throw at the first difference instead of returning false; default true. */
  raiseException?: boolean;
}

const table = {
  eps: [finitePositive, 1e-6],
  atol: [finiteNonNegative, 1e-5],
  rtol: [finiteNonNegative, 1e-3],
  raiseException: [flag, true],
} as const;
const readGradcheck = optionsOf('autograd.gradcheck()', table);
const readGradgradcheck = optionsOf('autograd.gradgradcheck()', {
  ...table,
  gradOutputs: [orNull(arrayOf(tensor)), null],
});

/**
 * Compares autograd's gradients of `fn` with central differences, element by element.
 *
 * @param fn a function of the inputs that returns a tensor or an array of tensors.
 * @param inputs contiguous float64 tensors; those with `requiresGrad` are checked.
 * @returns true when all agree within `atol + rtol * |numerical|`.
 * @throws {TorchClipError} `ERR_AUTOGRAD` naming the first element that differs, unless `raiseException` is false;
 * `ERR_ARGUMENT` when no input requires gradients.
 *
 * @example
 * torch.autograd.gradcheck((x) => x.tanh(), [torch.randn([3], { dtype: torch.float64, requiresGrad: true })]);
 */
export function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor | Tensor[],
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const { eps, atol, rtol, raiseException } = readGradcheck(options);
  check('fn', fn, synchronous());
  const checked = listOf('inputs', inputs, tensor).filter((x) => x.requiresGrad);
  if (checked.length === 0) {
    throw new TorchClipError('ERR_ARGUMENT', '"inputs" must hold a tensor that requires gradients, got none');
  }
  for (const [i, x] of checked.entries()) {
    if (x.dtype.name === 'float64' && x.isContiguous()) continue;
    throw new TorchClipError('ERR_DTYPE', `"inputs[${i}]" must be a contiguous float64 tensor, got ${x.dtype.name}`);
  }
  const run = () => outputsOf(refuseLater('fn', fn(...inputs))).filter((y) => y.dtype.isFloatingPoint);
  const values = () => noGrad(run).map((y) => y.toTypedArray<Float64Array<ArrayBuffer>>());

  for (const [n, x] of checked.entries()) {
    const numerical = differences(x, values, eps);
    for (const [m, y] of run().entries()) {
      const width = x.numel();
      for (let i = 0; i < y.numel(); i++) {
        const analytical = row(y, i, x);
        for (let j = 0; j < width; j++) {
          const want = numerical[j]![m]![i]!;
          const got = analytical === null ? 0 : analytical[j]!;
          if (Math.abs(got - want) <= atol + rtol * Math.abs(want)) continue;
          if (!raiseException) return false;
          throw new TorchClipError(
            'ERR_AUTOGRAD',
            `the gradient of output ${m}[${i}] by input ${n}[${j}] must be ${want} (numerical), got ${got} (autograd)`,
          );
        }
      }
    }
  }
  return true;
}

function outputsOf(result: Tensor | Tensor[]): Tensor[] {
  const now = refuseLater('fn', result);
  return isTensor(now) ? [now] : [...listOf('the result of fn', now, tensor)];
}

/** Options of {@link gradgradcheck}. */
export interface GradgradcheckOptions extends GradcheckOptions {
  /** Where the second derivatives are taken: a gradient per output; default random ones. */
  gradOutputs?: readonly Tensor[] | null;
}

/**
 * Compares autograd's second derivatives of `fn` with central differences of the first, by the inputs and by the gradients of the outputs.
 *
 * @param fn a function of the inputs that returns a tensor or an array of tensors.
 * @param inputs contiguous float64 tensors; those with `requiresGrad` are checked.
 * @returns true when all agree, as {@link gradcheck}, which see for the errors.
 *
 * @example
 * torch.autograd.gradgradcheck((x) => x.tanh(), [torch.randn([3], { dtype: torch.float64, requiresGrad: true })]);
 */
export function gradgradcheck(
  fn: (...inputs: Tensor[]) => Tensor | Tensor[],
  inputs: readonly Tensor[],
  options: GradgradcheckOptions = {},
): boolean {
  const { gradOutputs, ...rest } = readGradgradcheck(options);
  check('fn', fn, synchronous());
  const differentiable = (result: Tensor | Tensor[]) =>
    outputsOf(result).filter((y) => y.dtype.isFloatingPoint && y.requiresGrad);
  listOf('inputs', inputs, tensor);
  // Random numbers of its own, so that a check does not change what is drawn after it.
  const generator = new Generator().manualSeed(0);
  const seeds =
    gradOutputs ??
    differentiable(refuseLater('fn', fn(...inputs))).map(({ shape, dtype }) =>
      randn(shape, { dtype, generator, requiresGrad: true }),
    );
  const count = inputs.length;
  const first = (...all: Tensor[]): Tensor[] => {
    const given = all.slice(0, count);
    const wanted = given.filter((x) => x.requiresGrad);
    return enableGrad(() => {
      const outputs = differentiable(refuseLater('fn', fn(...given)));
      const options = { gradOutputs: all.slice(count), createGraph: true, allowUnused: true } as const;
      return grad(outputs, wanted, options).filter((g) => g !== null);
    });
  };
  return gradcheck(first, [...inputs, ...seeds], rest);
}

/** d(output m)[i] / d x[j] by central differences, as [j][m][i]. */
function differences(x: Tensor, values: () => Float64Array[], eps: number): Float64Array[][] {
  const flat = noGrad(() => x.detach().view([-1]));
  return Array.from({ length: x.numel() }, (_, j) => {
    const element = flat.narrow(0, j, 1);
    const kept = element.clone();
    element.add_(eps);
    const above = values();
    element.copy_(kept).sub_(eps);
    const below = values();
    element.copy_(kept);
    return above.map((a, m) => a.map((v, i) => (v - below[m]![i]!) / (2 * eps)));
  });
}

/** The gradient of one element of y by x, or null where y does not depend on x. */
function row(y: Tensor, i: number, x: Tensor): Float64Array | null {
  if (!y.requiresGrad) return null;
  const one = y.detach().reshape([-1]).mul(0);
  one.narrow(0, i, 1).fill_(1);
  const [g] = grad(y, x, { gradOutputs: one.reshape(y.shape), retainGraph: true, allowUnused: true });
  return g === null || g === undefined ? null : g.contiguous().toTypedArray<Float64Array<ArrayBuffer>>();
}
