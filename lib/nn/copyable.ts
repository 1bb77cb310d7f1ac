import { isInferenceModeEnabled } from '../autograd/index.js';
import type { Tensor } from '../tensor.js';

/**
 * Why `target.copy_(source)` of equal shapes would throw, in words that follow a colon; undefined where it will not. Whoever writes several tensors asks for all of them before writing the first.
 */
export function copyProblem(target: Tensor, source: Tensor): string | undefined {
  if (source.layout !== target.layout)
    return `a tensor of layout ${source.layout.name} cannot be copied into one of layout ${target.layout.name}`;
  if (source.device.type === 'meta' && target.device.type !== 'meta')
    return 'a tensor on the device meta holds no values to copy';
  if (isQuantized(source) !== isQuantized(target)) {
    return `a tensor of dtype ${source.dtype.name} cannot be copied into one of dtype ${target.dtype.name}`;
  }
  return writeProblem(target);
}

function writeProblem(target: Tensor): string | undefined {
  if (
    target.layout.name === 'strided' &&
    target.stride().some((stride, dim) => stride === 0 && target.shape[dim]! > 1)
  ) {
    return 'elements that share memory, as expand() makes them, cannot be written';
  }
  if (target.isInference() && !isInferenceModeEnabled()) {
    return 'a tensor made in inference mode cannot be written outside of it';
  }
  return undefined;
}

const isQuantized = ({ dtype }: Tensor) => /^q(?:u?int)/.test(dtype.name);
