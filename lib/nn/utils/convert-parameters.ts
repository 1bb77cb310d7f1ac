import { noGrad } from '../../autograd/index.js';
import { check, listOf } from '../../check.js';
import { mustHave, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { cat } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { copyProblem } from '../copyable.js';

/**
 * All elements of the parameters in one row, as `torch.nn.utils.parameters_to_vector`; differentiable.
 *
 * @example
 * const theta = nn.utils.parametersToVector(model.parameters());
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat(listOf('parameters', parameters, tensor).map((p) => p.reshape([-1])));
}

/**
 * Copies the elements of `vector` into the parameters, in order, as `torch.nn.utils.vector_to_parameters`.
 *
 * @param vector one dimension, as many elements as the parameters have.
 *
 * @example
 * nn.utils.vectorToParameters(vector, model.parameters());
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  check('vector', vector, tensor);
  const targets = listOf('parameters', parameters, tensor);
  const total = targets.reduce((sum, p) => sum + p.numel(), 0);
  if (vector.dim() !== 1 || vector.numel() !== total) {
    throw mustHave('vector', `shape [${total}]`, vector.shape);
  }
  for (const [i, p] of targets.entries()) {
    const problem = copyProblem(p, vector);
    if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', `"parameters[${i}]": ${problem}`);
  }
  noGrad(() => {
    let start = 0;
    for (const p of targets) {
      p.copy_(vector.narrow(0, start, p.numel()).reshape(p.shape));
      start += p.numel();
    }
  });
}
