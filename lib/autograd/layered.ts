// An operation with a backward pass of its own inside of transforms of `torch.func`: it runs once, on plain tensors, and each transform
// that differentiates gets a node of its own.
import { native } from '../binding/index.js';
import { describe, TorchClipError } from '../errors.js';
import { refusePromise } from '../sync.js';
import { isTensor, type Tensor, wrap } from '../tensor.js';
import type { FunctionContext } from './context.js';
import { asSample, forAllSamples, randomnesses, samplesOf } from './vmap-rule.js';

declare module '../binding/index.js' {
  interface Native {
    /** The kinds of the transforms that this thread is inside of, the innermost last. */
    layers(): ('vmap' | 'grad' | 'jvp' | 'other')[];
    /** Runs `body` as if the innermost transform were not there, with recording on or off. */
    belowLayer(body: () => unknown, recording: boolean): unknown;
  }
}

/** An `autograd.Function`, without its types. */
export interface FunctionClass {
  name: string;
  forward(...args: unknown[]): unknown;
  setupContext?(ctx: FunctionContext, inputs: unknown[], output: unknown): void;
  backward?(ctx: FunctionContext, ...gradients: (Tensor | null)[]): unknown;
  jvp?(ctx: FunctionContext, ...tangents: (Tensor | null)[]): unknown;
  generateVmapRule?: boolean;
  vmap?(info: VmapInfo, inDims: (number | null)[], ...inputs: unknown[]): unknown;
}

/** What a rule of an `autograd.Function` for `vmap` is told. */
export interface VmapInfo {
  /** How many samples there are. */
  readonly batchSize: number;
  readonly randomness: (typeof randomnesses)[number];
}

/**
 * Applies a function inside of transforms.
 *
 * @param below applies a function to arguments as the transforms outside of the innermost one see them.
 * @param record puts a node between arguments and what `forward` makes of them.
 */
export function applyInside(
  operation: FunctionClass,
  inputs: readonly unknown[],
  below: (operation: FunctionClass, inputs: readonly unknown[]) => unknown,
  record: (forward: () => unknown) => unknown,
): unknown {
  const kinds = native.layers();
  const level = kinds.length;
  // Asked here, as a function's own forward pass is not recorded.
  const recording = native.gradEnabled();
  const step = (lowered: readonly unknown[], lower = operation) =>
    native.belowLayer(() => below(lower, lowered), recording);
  if (kinds.at(-1) === 'vmap') {
    const parts = inputs.map((input) => samplesOf(input, level));
    const values = parts.map(({ value }) => value);
    const dims = parts.map(({ dim }) => dim);
    if (dims.every((dim) => dim === null)) return step(inputs);
    const [batchSize, randomness] = native.batchOf(level);
    if (typeof operation.vmap === 'function') {
      const info = { batchSize, randomness: randomnesses[randomness]! };
      const result = native.belowLayer(() => operation.vmap!(info, dims, ...values), recording);
      return ruled(operation.name, result, level);
    }
    if (operation.generateVmapRule !== true || operation.setupContext === undefined) {
      throw new TorchClipError(
        'ERR_AUTOGRAD',
        `vmap() cannot map over ${operation.name}, an autograd.Function, unless it has a static setupContext() and generateVmapRule = true, or a static vmap()`,
      );
    }
    const { all, outDims } = forAllSamples(operation, dims, batchSize, randomness);
    const result = step(values, all);
    const raise = (value: unknown, i: number) => asSample({ value, dim: outDims()[i] ?? null }, level);
    return Array.isArray(result) ? result.map(raise) : raise(result, 0);
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

/** What a rule returned, as one sample sees it. */
function ruled(name: string, result: unknown, level: number): unknown {
  refusePromise(`${name}.vmap`, result);
  const [output, dims] = Array.isArray(result) && result.length === 2 ? (result as unknown[]) : [];
  const outputs: unknown[] = Array.isArray(output) ? output : [output];
  const list: unknown[] = Array.isArray(dims) ? dims : outputs.map(() => dims);
  const fits = outputs.every((value, i) => {
    const dim = list[i];
    return (
      dim === null ||
      (isTensor(value) && Number.isInteger(dim) && (dim as number) >= -value.ndim && (dim as number) < value.ndim)
    );
  });
  if (output === undefined || list.length !== outputs.length || !fits) {
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      `${name}.vmap() must return [output, outDims], with a dimension or null for each output, got ${describe(result)}`,
    );
  }
  const samples = outputs.map((value, i) => asSample({ value, dim: list[i] as number | null }, level));
  return Array.isArray(output) ? samples : samples[0];
}
