import { native } from './binding/index.js';
import { anything, check, flag } from './check.js';
import { invalidArgument } from './errors.js';
import { optionsOf } from './options.js';
import { refuseAsync, refusePromise } from './sync.js';
import { type Handle, handlesOf, isTensor, type Tensor, wrap } from './tensor.js';

export { type GradcheckOptions, gradcheck } from './gradcheck.js';

declare module './binding/index.js' {
  interface Native {
    /** Sets the grad mode where a value is given; returns the mode before. */
    gradEnabled(enabled?: boolean): boolean;
    inferencePush(enabled: boolean): void;
    inferencePop(): void;
    inferenceEnabled(): boolean;
    gradOf(
      outputs: Handle[],
      inputs: Handle[],
      gradOutputs: (Handle | null)[],
      retainGraph: boolean,
      createGraph: boolean,
      allowUnused: boolean,
    ): (Handle | null)[];
  }
}

function withGrad<T>(name: string, enabled: boolean, body: () => T): T {
  refuseAsync(name, body);
  const before = native.gradEnabled(enabled);
  try {
    return refusePromise(name, body());
  } finally {
    native.gradEnabled(before);
  }
}

/**
 * Runs `body` without recording for autograd; the mode is restored also when `body` throws.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 *
 * @example
 * const accuracy = torch.noGrad(() => model.forward(x).argmax({ dim: 1 }).eq(y).to({ dtype: torch.float32 }).mean().item());
 */
export function noGrad<T>(body: () => T): T {
  return withGrad('noGrad', false, body);
}

/** Runs `body` with recording on, inside a {@link noGrad} for instance; a synchronous function only. */
export function enableGrad<T>(body: () => T): T {
  return withGrad('enableGrad', true, body);
}

/** Runs `body` with recording on or off; a synchronous function only. */
export function setGradEnabled<T>(enabled: boolean, body: () => T): T {
  check('enabled', enabled, flag);
  return withGrad('setGradEnabled', enabled, body);
}

/** Whether operations are recorded now. */
export function isGradEnabled(): boolean {
  return native.gradEnabled();
}

/**
 * Runs `body` in inference mode: as {@link noGrad}, and the tensors made inside can never take part in a graph, which
 * makes them cheaper. A synchronous function only.
 */
export function inferenceMode<T>(body: () => T): T {
  refuseAsync('inferenceMode', body);
  native.inferencePush(true);
  try {
    return refusePromise('inferenceMode', body());
  } finally {
    native.inferencePop();
  }
}

/** Whether inference mode is on. */
export function isInferenceModeEnabled(): boolean {
  return native.inferenceEnabled();
}

/** Options of {@link grad}. */
export interface GradOptions {
  /** One gradient per output (null for outputs of one element); default all null. */
  gradOutputs?: Tensor | readonly (Tensor | null)[];
  /** Keep the graph for another use; default `createGraph`. */
  retainGraph?: boolean;
  /** Record the gradients' own graph; default false. */
  createGraph?: boolean;
  /** Return null for an input that the outputs do not depend on instead of throwing; default false. */
  allowUnused?: boolean;
}

const graphTable = { createGraph: [flag, false], retainGraph: [flag, undefined] } as const;
const readGrad = optionsOf('autograd.grad()', {
  gradOutputs: [anything, undefined],
  ...graphTable,
  allowUnused: [flag, false],
});

/**
 * The gradients of `outputs` with respect to `inputs`, without touching any `grad`.
 *
 * @returns one tensor an input, of its shape; null for an unused one with `allowUnused`.
 * @throws {TorchClipError} `ERR_AUTOGRAD` when an input was not used in the graph or there is no graph.
 *
 * @example
 * const [dx] = torch.autograd.grad(x.pow(3).sum(), [x], { createGraph: true });
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const { gradOutputs, createGraph, retainGraph = createGraph, allowUnused } = readGrad(options);
  const list = (value: Tensor | readonly Tensor[]) => (isTensor(value) ? [value] : value);
  const out = handlesOf('outputs', list(outputs));
  const seeds = seedsOf('gradOutputs', isTensor(gradOutputs) ? [gradOutputs] : gradOutputs, out.length);
  return native
    .gradOf(out, handlesOf('inputs', list(inputs)), seeds, retainGraph, createGraph, allowUnused)
    .map((handle) => (handle === null ? null : wrap(handle)));
}

/** The handles of the outputs' own gradients; null for each where none are given. */
function seedsOf(name: string, tensors: unknown, count: number): (Handle | null)[] {
  if (tensors === undefined || tensors === null) return new Array<null>(count).fill(null);
  if (!Array.isArray(tensors) || tensors.length !== count) {
    throw invalidArgument(name, `an array of ${count} Tensors`, tensors);
  }
  return tensors.map((t: unknown, i) => {
    if (t !== null && !isTensor(t)) throw invalidArgument(`${name}[${i}]`, 'a Tensor or null', t);
    return t === null ? null : t.handle;
  });
}

const readBackward = optionsOf('autograd.backward()', graphTable);

/**
 * Accumulates the gradients of several outputs at once, as `torch.autograd.backward`.
 *
 * @param tensors the outputs.
 * @param gradTensors one gradient an output, null for outputs of one element.
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradTensors?: readonly (Tensor | null)[] | null,
  options: { retainGraph?: boolean; createGraph?: boolean } = {},
): void {
  const { createGraph, retainGraph = createGraph } = readBackward(options);
  const outputs = handlesOf('tensors', isTensor(tensors) ? [tensors] : tensors);
  const seeds = seedsOf('gradTensors', gradTensors, outputs.length);
  native.backward(outputs, seeds, retainGraph, createGraph);
}
