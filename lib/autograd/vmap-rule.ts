// The rule by which `vmap` maps over an `autograd.Function` that asks for one: its passes run inside of a `vmap` of their own.
import { native } from '../binding/index.js';
import { sameShape } from '../shape.js';
import { refusePromise } from '../sync.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { FunctionContext, inForward, read, take } from './context.js';

declare module '../binding/index.js' {
  interface Native {
    /** The dimension of the samples within the tensor that has them all; null where they do not differ. */
    batchDim(t: Handle, level: number): number | null;
    /** Of the innermost transform. */
    batchOf(level: number): [size: number, randomness: number];
  }
}

/** What random operations do inside of `vmap`, in libtorch's order. */
export const randomnesses = ['error', 'same', 'different'] as const;

/** A value with all samples, and their dimension; null where they share it. */
interface Samples {
  value: unknown;
  dim: number | null;
}

/** All samples of what one sample sees. */
export function samplesOf(value: unknown, level: number): Samples {
  const dim = isTensor(value) ? native.batchDim(value.handle, level) : null;
  return dim === null ? { value, dim } : { value: wrap(native.wrapperOf((value as Tensor).handle)![3]), dim };
}

/** What one sample sees. */
export const asSample = ({ value, dim }: Samples, level: number): unknown =>
  dim === null || !isTensor(value)
    ? value
    : wrap(native.addBatchDim(value.handle, dim < 0 ? dim + value.ndim : dim, level));

/** What is asked of a function here. */
interface Single {
  readonly name: string;
  forward(...args: unknown[]): unknown;
  setupContext?(ctx: FunctionContext, inputs: unknown[], output: unknown): void;
  backward?(ctx: FunctionContext, ...gradients: (Tensor | null)[]): unknown;
}

/** A gradient may have been broadcast: autograd would sum it, but sees the batch. */
const fitted = (gradient: unknown, shape: number[] | null | undefined): unknown =>
  isTensor(gradient) && shape && !sameShape(gradient.shape, shape) ? gradient.sumToSize(shape) : gradient;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/**
 * The function that does for whole batches what `single` does for a sample.
 *
 * @param dims the dimension of the samples of each argument.
 */
export function forAllSamples(single: Single, dims: readonly (number | null)[], size: number, randomness: number) {
  // The dimensions of the samples of the outputs, once the forward pass has run.
  let outDims: (number | null)[] = [];
  let gradientDims: (number | null)[] = [];
  // Of the arguments, as one sample sees them.
  let shapes: (number[] | null)[] = [];
  const inside = <T>(body: (level: number) => T): T => native.vmapLayer(size, randomness, body) as T;
  const asSamples = (values: readonly unknown[], of: readonly (number | null)[], level: number) =>
    values.map((value, i) => asSample({ value, dim: of[i] ?? null }, level));
  // A context per transform that records: what the function notes there is of that transform.
  const contexts = new WeakMap<FunctionContext, { own: FunctionContext; savedDims: (number | null)[] }>();

  const forward = (...inputs: unknown[]): unknown =>
    inside((level) => {
      const given = asSamples(inputs, dims, level);
      shapes = given.map((value) => (isTensor(value) ? value.shape : null));
      const result = refusePromise(`${single.name}.forward`, single.forward(...given));
      const parts = listOf(result).map((value) => samplesOf(value, level));
      outDims = parts.map(({ dim }) => dim);
      gradientDims = parts.filter(({ value }) => isTensor(value)).map(({ dim }) => dim);
      const values = parts.map(({ value }) => value);
      return Array.isArray(result) ? values : values[0];
    });

  const setupContext = (ctx: FunctionContext, inputs: unknown[], output: unknown): void =>
    inside((level) => {
      const outputs = listOf(output);
      const [ins, outs] = [asSamples(inputs, dims, level), asSamples(outputs, outDims, level)];
      const own = new FunctionContext();
      own.needsInputGrad = ctx.needsInputGrad;
      inForward(own, true);
      try {
        const set = single.setupContext!(own, ins, Array.isArray(output) ? outs : outs[0]);
        refusePromise(`${single.name}.setupContext`, set);
      } finally {
        inForward(own, false);
      }
      const notes = take(own);
      const saved = notes.saved.map((tensor) => samplesOf(tensor, level));
      contexts.set(ctx, { own, savedDims: saved.map(({ dim }) => dim) });
      ctx.saveForBackward(...saved.map(({ value }) => value as Tensor | null));
      const whole = (tensor: Tensor): Tensor => {
        const index = outs.indexOf(tensor);
        return (index >= 0 ? outputs[index] : (inputs[ins.indexOf(tensor)] ?? tensor)) as Tensor;
      };
      ctx.markNonDifferentiable(...notes.nonDifferentiable.map(whole));
      ctx.markDirty(...notes.dirty.map(whole));
      ctx.setMaterializeGrads(notes.materialize);
    });

  /** The gradient of an argument: summed over the samples where they share it. */
  const reduced = ({ value, dim }: Samples, to: number | null): unknown => {
    if (!isTensor(value)) return value;
    if (to === null) return dim === null ? value : value.sum(dim);
    if (dim !== null) return value.movedim(dim, to);
    const sizes = [...value.shape];
    sizes.splice(to, 0, size);
    return value.unsqueeze(to).expand(sizes);
  };

  const backward = (ctx: FunctionContext, ...gradients: (Tensor | null)[]): unknown =>
    inside((level) => {
      const { own, savedDims } = contexts.get(ctx)!;
      const before = read(own, asSamples(ctx.savedTensors, savedDims, level) as (Tensor | null)[]);
      try {
        const given = asSamples(gradients, gradientDims, level) as (Tensor | null)[];
        const result = refusePromise(`${single.name}.backward`, single.backward!(own, ...given));
        return listOf(result).map((gradient, i) =>
          reduced(samplesOf(fitted(gradient, shapes[i]), level), dims[i] ?? null),
        );
      } finally {
        read(own, before);
      }
    });

  const all = {
    name: single.name,
    forward,
    setupContext,
    ...(single.backward && { backward }),
    generateVmapRule: true,
  };
  return { all, outDims: () => outDims };
}
