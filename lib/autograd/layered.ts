// An operation with a backward pass of its own inside of transforms of `torch.func`: it runs once, on plain tensors, and each transform
// that differentiates gets a node of its own.
import { native } from '../binding/index.js';
import { TorchClipError } from '../errors.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';

declare module '../binding/index.js' {
  interface Native {
    /** The kinds of the transforms that this thread is inside of, the innermost last. */
    layers(): ('vmap' | 'grad' | 'jvp' | 'other')[];
    /** Runs `body` as if the innermost transform were not there, with recording on or off. */
    belowLayer(body: () => unknown, recording: boolean): unknown;
    /** The dimension of the samples within the tensor that has them all; null where they do not differ. */
    batchDim(t: Handle, level: number): number | null;
  }
}

/** What is asked of a function here. */
interface Operation {
  readonly name: string;
  setupContext?: unknown;
}

/**
 * Applies a function inside of transforms.
 *
 * @param below applies it to arguments as the transforms outside of the innermost one see them.
 * @param record puts a node between arguments and what `forward` makes of them.
 */
export function applyInside(
  operation: Operation,
  inputs: readonly unknown[],
  below: (inputs: readonly unknown[]) => unknown,
  record: (forward: () => unknown) => unknown,
): unknown {
  const kinds = native.layers();
  const level = kinds.length;
  // Asked here, as a function's own forward pass is not recorded.
  const recording = native.gradEnabled();
  const step = (lowered: readonly unknown[]) => native.belowLayer(() => below(lowered), recording);
  if (kinds.at(-1) === 'vmap') {
    if (!inputs.some((input) => isTensor(input) && native.batchDim(input.handle, level) !== null)) return step(inputs);
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      `vmap() cannot map over ${operation.name}, an autograd.Function, as it has no rule for it; use operators of tensors`,
    );
  }
  if (operation.setupContext === undefined) {
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      `${operation.name} needs a static setupContext() to be differentiated by a transform of torch.func`,
    );
  }
  return record(() => {
    const lowered = inputs.map((input) => (isTensor(input) ? wrap(native.untrack(input.handle, level)) : input));
    const raise = (value: unknown): unknown => {
      if (!isTensor(value)) return value;
      // What was written in place stays the argument that it is.
      const own = lowered.indexOf(value);
      return own >= 0 ? inputs[own] : wrap(native.track((value as Tensor).handle, level, false));
    };
    const result = step(lowered);
    return Array.isArray(result) ? result.map(raise) : raise(result);
  });
}
