import { enableGrad, grad, noGrad } from '../../autograd/index.js';
import { anything, finitePositive, kind, listOf, synchronous } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { Module } from '../../nn/module.js';
import { getTotalNorm } from '../../nn/utils/clip-grad.js';
import { zerosLike } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { getRngState, setRngState } from '../../random.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** What {@link estimateLipschitz} needs. */
export interface LipschitzOptions<B> {
  /** The model, or the parameters of the loss; those that require no gradient are not moved. */
  params: Module | Iterable<Tensor>;
  /** One pair of points is compared for each batch. */
  batches: Iterable<B>;
  /** The loss of a batch, a tensor of one element; must not call `backward`. */
  closure: (batch: B) => Tensor;
  /** How far apart the points of a pair are, > 0; default a thousandth of the norm of the parameters, or 1e-3 where they are 0. */
  distance?: number;
}

const leaf = kind<Tensor>('a Tensor that is a leaf', (value) => isTensor(value) && value.isLeaf);
const iterable = kind<Iterable<unknown>>(
  'an iterable of batches',
  (value) =>
    typeof value === 'object' &&
    typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === 'function' &&
    !isTensor(value),
);
const readOptions = optionsOf('estimateLipschitz()', {
  params: [anything],
  batches: [iterable],
  closure: [synchronous()],
  distance: [finitePositive, undefined],
});

/**
 * Estimates the Lipschitz constant of the loss's gradient, the L of `ClippedSSTM`, as twice the mean of ‖g(x') - g(x)‖ / ‖x' - x‖
 * along a walk down the gradient.
 *
 * Both gradients of a pair are taken for the same batch and with the same random numbers (dropout on the CPU, say). Afterwards
 * parameters and buffers are as before, bit for bit, even if `closure` throws; no `grad` is touched. The model's mode is not changed.
 *
 * @throws {TorchClipError} `ERR_NONFINITE` where a gradient holds NaN or inf; `ERR_ARGUMENT` where no batch has a gradient other
 * than 0.
 * @see Nesterov, "Introductory lectures on convex optimization", 2004, section 1.2.2; the factor 2, for safety:
 * `get_optimal_L` of the Python package torch-clip.
 *
 * @example
 * const L = optim.estimateLipschitz({
 *   params: model,
 *   batches: loader,
 *   closure: ([x, y]) => criterion.forward(model.forward(x), y),
 * });
 */
export function estimateLipschitz<B>(options: LipschitzOptions<B>): number {
  const { params, batches, closure, distance } = readOptions(options) as LipschitzOptions<B>;
  const all = parametersOf(params);
  const moved = all.filter((param) => param.requiresGrad);
  if (moved.length === 0) throw invalidArgument('params', 'parameters that require a gradient', params);
  const changed = [...moved, ...(params instanceof Module ? params.buffers() : [])];
  const saved = copies(changed);
  const gradients = (batch: B) => {
    const found = grad(
      enableGrad(() => closure(batch)),
      moved,
      { allowUnused: true },
    );
    return found.map((g, i) => g ?? zerosLike(moved[i]!));
  };

  const ratios: number[] = [];
  try {
    const apart = distance ?? 1e-3 * (norm(moved) || 1);
    for (const batch of batches) {
      const random = getRngState();
      const before = gradients(batch);
      const length = finite(before);
      if (length === 0) continue;
      const from = copies(moved);
      noGrad(() => {
        moved.forEach((param, i) => {
          param.sub_(before[i]!, { alpha: apart / length });
        });
      });
      setRngState(random);
      const after = gradients(batch);
      finite(after);
      // The distance actually walked, after rounding.
      const walked = norm(differences(moved, from));
      if (walked > 0) ratios.push(norm(differences(after, before)) / walked);
    }
  } finally {
    noGrad(() => {
      changed.forEach((tensor, i) => {
        tensor.copy_(saved[i]!);
      });
    });
  }
  if (ratios.length === 0) throw invalidArgument('batches', 'batches, some with a gradient other than 0', batches);
  return (2 * ratios.reduce((sum, ratio) => sum + ratio, 0)) / ratios.length;
}

function parametersOf(params: unknown): Tensor[] {
  if (params instanceof Module) return params.parameters();
  if (isTensor(params)) throw invalidArgument('params', 'a Module or an iterable of Tensors', params);
  return listOf('params', params, leaf, 'a Module or an iterable of Tensors');
}

const copies = (tensors: readonly Tensor[]) => tensors.map((tensor) => tensor.detach().clone());
const differences = (a: readonly Tensor[], b: readonly Tensor[]) => a.map((t, i) => t.detach().sub(b[i]!));
const norm = (tensors: readonly Tensor[]): number => getTotalNorm(tensors).item();

function finite(gradients: readonly Tensor[]): number {
  const length = norm(gradients);
  if (Number.isFinite(length)) return length;
  throw new TorchClipError(
    'ERR_NONFINITE',
    'a gradient of "closure" holds NaN or inf, so that there is no Lipschitz constant',
  );
}
