import { native } from '../binding/index.js';
import { withoutHoles } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { refusePromise } from '../sync.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { blank, FunctionContext, forget, inForward, read, take } from './context.js';
import { applyInside, type FunctionClass, type VmapInfo } from './layered.js';
import { wrapAll } from './node.js';

export { FunctionContext } from './context.js';
export type { VmapInfo } from './layered.js';

type Handles = (Handle | null)[];

declare module '../binding/index.js' {
  interface Native {
    /** Runs `forward` outside the graph and puts the function into it; null for an output that is the very tensor it returned. */
    applyFunction(
      name: string,
      inputs: Handle[],
      forward: () => [
        outputs: Handle[],
        nonDifferentiable: Handle[],
        dirty: Handle[],
        saved: Handles,
        materialize: boolean,
      ],
      backward: (gradients: Handles, saved: Handles) => Handles,
      jvp: ((tangents: Handles) => Handles) | undefined,
    ): Handles;
    /** What the function that made a tensor has saved; null where it is none of these. */
    savedByFunction(output: Handle): Handles | null;
  }
}

type Maybe<T> = T | null | undefined;
/** What a backward pass or a jvp returns: one tensor, or one per input or output. */
export type Derivatives = Maybe<Tensor> | readonly Maybe<Tensor>[];

interface Common<R> {
  readonly name: string;
  backward?(ctx: FunctionContext, ...gradients: never[]): Derivatives;
  jvp?(ctx: FunctionContext, ...tangents: never[]): Derivatives;
  readonly generateVmapRule?: boolean;
  vmap?(info: VmapInfo, inDims: readonly (number | null)[], ...inputs: never[]): unknown;
  readonly prototype: AutogradFunction;
  /** @internal Only for the type. */
  readonly result?: R;
}
/** A class whose `forward` takes the context. */
export interface WithContext<A extends unknown[], R> extends Common<R> {
  forward(ctx: FunctionContext, ...inputs: A): R;
}
/** A class whose `forward` does without, as `setupContext` fills it afterwards. */
export interface WithSetup<A extends unknown[], R> extends Common<R> {
  forward(...inputs: A): R;
  setupContext(ctx: FunctionContext, inputs: A, output: R): void;
}

/**
 * An operation with a backward pass of its own, as `torch.autograd.Function`. A subclass has static methods: `forward(ctx, ...inputs)`,
 * and `backward(ctx, ...gradients)`, which is given the gradient of each output and returns that of each input, null for what has none.
 * It is called by `apply`.
 *
 * Tensors among the arguments themselves take part in the graph, not those inside of arrays or objects. `forward` runs without recording.
 * A `backward` made of recorded operations can itself be differentiated. Optional: `setupContext(ctx, inputs, output)`, with which
 * `forward` takes no context; `jvp(ctx, ...tangents)` for forward mode, which is given null for an input without a tangent.
 *
 * Inside of transforms of `torch.func` it needs `setupContext`. `vmap` also needs `static generateVmapRule = true`, where forward and
 * backward are made of operators, or a rule: `vmap(info, inDims, ...inputs)` is given the whole batches with the dimensions of their
 * samples, null where there is none, and returns `[output, outDims]`.
 *
 * @throws {TorchClipError} `ERR_AUTOGRAD` from the backward pass for another number of gradients than `apply` had arguments.
 *
 * @example
 * class Exp extends torch.autograd.Function {
 *   static forward(ctx: torch.autograd.FunctionContext, x: Tensor) {
 *     const y = x.exp();
 *     ctx.saveForBackward(y);
 *     return y;
 *   }
 *   static backward(ctx: torch.autograd.FunctionContext, gradient: Tensor) {
 *     const [y] = ctx.savedTensors;
 *     return gradient.mul(y!);
 *   }
 * }
 * Exp.apply(x).sum().backward();
 * @see https://pytorch.org/docs/stable/notes/extending.html
 */
// biome-ignore lint/complexity/noStaticOnlyClass: subclasses are operations, as in PyTorch
export abstract class AutogradFunction {
  /** Runs `forward` and records the function for the backward pass. */
  static apply<A extends unknown[], R>(this: WithSetup<A, R>, ...inputs: A): R;
  static apply<A extends unknown[], R>(this: WithContext<A, R>, ...inputs: A): R;
  static apply(this: Common<unknown>, ...inputs: unknown[]): unknown {
    // biome-ignore lint/complexity/noThisInStatic: the subclass that apply is called on
    const functionClass = this as unknown as FunctionClass;
    if (typeof functionClass.forward !== 'function') {
      throw new TorchClipError('ERR_ARGUMENT', `${functionClass.name} needs a static forward()`);
    }
    return applyAnywhere(functionClass, inputs);
  }
}

function applyAnywhere(functionClass: FunctionClass, inputs: readonly unknown[]): unknown {
  if (native.layers().length === 0) return record(functionClass, inputs);
  return applyInside(functionClass, inputs, applyAnywhere, (forward) => record(functionClass, inputs, forward));
}

/** Runs a function and puts it into the graph; `compute` stands for its `forward`. */
function record(functionClass: FunctionClass, inputs: readonly unknown[], compute?: () => unknown): unknown {
  const ctx = new FunctionContext();
  ctx.needsInputGrad = inputs.map((input) => isTensor(input) && input.requiresGrad);
  const tensors = inputs.filter(isTensor);
  let result: unknown;
  let outputs: Tensor[] = [];
  // Held until the call returns: a handle alone keeps no tensor.
  let notes = blank();
  const forward = () => {
    result = runForward(functionClass, ctx, inputs, compute);
    outputs = outputsOf(functionClass, result);
    notes = take(ctx);
    const handle = (tensor: Tensor) => tensor.handle;
    const { saved, dirty, nonDifferentiable, materialize } = notes;
    return [
      outputs.map(handle),
      nonDifferentiable.map(handle),
      dirty.map(handle),
      saved.map(handleOrNull),
      materialize,
    ] as ReturnType<Parameters<typeof native.applyFunction>[2]>;
  };
  const differentiable = inputs.map(isTensor);
  let handles: Handles;
  try {
    handles = native.applyFunction(
      functionClass.name,
      tensors.map((tensor) => tensor.handle),
      forward,
      backwardOf(functionClass, ctx, differentiable),
      jvpOf(functionClass, ctx, differentiable),
    );
  } finally {
    // The graph holds the context, which must not hold tensors of the graph.
    forget(ctx);
  }
  const wrapped = outputs.map((output, i) => {
    const handle = handles[i];
    return handle === null || handle === undefined ? output : wrap(handle);
  });
  if (isTensor(result)) return wrapped[0];
  let next = 0;
  return (result as unknown[]).map((value) => (isTensor(value) ? wrapped[next++] : value));
}

function runForward(
  functionClass: FunctionClass,
  ctx: FunctionContext,
  inputs: readonly unknown[],
  compute?: () => unknown,
): unknown {
  inForward(ctx, true);
  try {
    if (functionClass.setupContext === undefined) {
      return refusePromise(`${functionClass.name}.forward`, functionClass.forward(ctx, ...inputs));
    }
    const run = compute ?? (() => functionClass.forward(...inputs));
    const result = refusePromise(`${functionClass.name}.forward`, run());
    refusePromise(`${functionClass.name}.setupContext`, functionClass.setupContext(ctx, [...inputs], result));
    return result;
  } finally {
    inForward(ctx, false);
  }
}

function outputsOf({ name }: FunctionClass, result: unknown): Tensor[] {
  if (isTensor(result)) return [result];
  const tensors = Array.isArray(result) ? withoutHoles(`${name}.forward()'s result`, result).filter(isTensor) : [];
  if (tensors.length > 0) return tensors;
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `${name}.forward() must return a Tensor or an array with Tensors, got ${describe(result)}`,
  );
}

const handleOrNull = (tensor: Tensor | null) => (tensor === null ? null : tensor.handle);

/** Apart from `apply`, whose variables would otherwise live as long as the graph. */
function backwardOf(functionClass: FunctionClass, ctx: FunctionContext, differentiable: readonly boolean[]) {
  return (gradients: Handles, saved: Handles): Handles => {
    const { name } = functionClass;
    if (typeof functionClass.backward !== 'function') {
      throw new TorchClipError('ERR_AUTOGRAD', `${name} needs a static backward() to be differentiated`);
    }
    const before = read(ctx, wrapAll(saved));
    try {
      const result = refusePromise(`${name}.backward`, functionClass.backward(ctx, ...wrapAll(gradients)));
      return derivatives(`${name}.backward()`, 'gradient', result, differentiable);
    } finally {
      read(ctx, before);
    }
  };
}

function jvpOf(functionClass: FunctionClass, ctx: FunctionContext, differentiable: readonly boolean[]) {
  if (typeof functionClass.jvp !== 'function') return undefined;
  const { name, jvp } = functionClass;
  return (tangents: Handles): Handles => {
    const given = wrapAll(tangents);
    let next = 0;
    const before = read(ctx, take(ctx).forForward);
    try {
      const result = refusePromise(
        `${name}.jvp`,
        jvp.call(functionClass, ctx, ...differentiable.map((is) => (is ? given[next++]! : null))),
      );
      const list = Array.isArray(result) ? withoutHoles(`${name}.jvp()'s result`, result) : [result];
      return derivatives(
        `${name}.jvp()`,
        'tangent',
        list,
        list.map(() => true),
      );
    } finally {
      read(ctx, before);
    }
  };
}

/** The handles of those results that belong to tensors. */
function derivatives(what: string, noun: string, result: unknown, differentiable: readonly boolean[]): Handles {
  const list: unknown[] = Array.isArray(result) ? withoutHoles(`${what}'s result`, result) : [result];
  const rest = list.slice(differentiable.length);
  if (list.length < differentiable.length || rest.some((value) => value !== null && value !== undefined)) {
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      `${what} must return one ${noun} per argument of apply(), ${differentiable.length}, got ${list.length}`,
    );
  }
  const handles: Handles = [];
  for (const [i, is] of differentiable.entries()) {
    const value = list[i] ?? null;
    if (value !== null && !(is && isTensor(value))) {
      const expected = is ? 'a Tensor or null' : 'null, as the argument is not a Tensor';
      throw new TorchClipError('ERR_AUTOGRAD', `${noun} ${i} of ${what} must be ${expected}, got ${describe(value)}`);
    }
    if (is) handles.push(handleOrNull(value as Tensor | null));
  }
  return handles;
}

/** @internal What the function that made `output` has saved; null where it is no {@link AutogradFunction}. */
export function savedBy(output: Tensor): (Tensor | null)[] | null {
  const handles = native.savedByFunction(output.handle);
  return handles && wrapAll(handles);
}
