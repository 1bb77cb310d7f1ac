import { TorchClipError } from '../../errors.js';
import { strided } from '../../layout.js';
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
