import { noGrad } from '../../autograd/index.js';
import { TorchClipError } from '../../errors.js';
import { sparseCoo, strided } from '../../layout.js';
import { keep } from '../../scope.js';
import type { Tensor } from '../../tensor.js';

/** @internal Whether the engine has refused a step, and changed nothing, because a gradient is sparse. */
export const isSparseRefusal = (error: unknown) =>
  error instanceof TorchClipError && error.message.includes('a sparse gradient is not supported');

/**
 * @internal Takes a step with sparse gradients made dense.
 *
 * @param leave leave the dense gradients where the sparse ones were.
 */
export function withDenseGradients<T>(params: readonly Tensor[], leave: boolean, step: () => T): T {
  const sparse = params.flatMap((param) => {
    const { grad } = param;
    return grad === null || grad.layout === strided ? [] : [[param, grad, keep(grad.toDense())] as const];
  });
  for (const [param, , dense] of sparse) param.grad = dense;
  try {
    return step();
  } finally {
    if (!leave) for (const [param, grad] of sparse) param.grad = grad;
  }
}

/** @internal The engine's state of a parameter that a sparse gradient moves. */
export interface SparseState {
  /** Counts the step, and returns the count. */
  advance(): number;
  /** A state tensor of that name; after {@link advance}. */
  slot(name: string): Tensor;
}

/** @internal Moves a parameter by a sparse gradient. */
export type SparseMove = (param: Tensor, grad: Tensor, state: SparseState) => void;
/** @internal How a parameter moves by a sparse gradient alone, by the options of its group; undefined where it does not. */
export type SparseRule<G> = (group: Required<G>, param: Tensor) => SparseMove | undefined;

/**
 * @internal Takes a step in which sparse gradients move the rows that they name, and `step` the other parameters.
 *
 * @param stateOf the state of a parameter, by its number.
 * @returns undefined, with nothing changed, where a group has no such rule.
 */
export function withSparseUpdates<G, T>(
  groups: readonly (Required<G> & { readonly params: readonly Tensor[] })[],
  rule: SparseRule<G>,
  stateOf: (parameter: number) => SparseState,
  step: () => T,
): T | undefined {
  const moves: { param: Tensor; grad: Tensor; number: number; move: SparseMove }[] = [];
  let number = 0;
  for (const group of groups) {
    for (const param of group.params) {
      const { grad } = param;
      const own = number++;
      if (grad === null || grad.layout === strided) continue;
      const move = grad.layout === sparseCoo ? rule(group, param) : undefined;
      if (move === undefined) return undefined;
      moves.push({ param, grad: keep(grad), number: own, move });
    }
  }
  for (const { param } of moves) param.grad = null;
  try {
    const result = step();
    noGrad(() => {
      for (const { param, grad, number, move } of moves) move(param, grad, stateOf(number));
    });
    return result;
  } finally {
    for (const { param, grad } of moves) param.grad = grad;
  }
}
