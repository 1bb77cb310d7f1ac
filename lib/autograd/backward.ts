import { native } from '../binding/index.js';
import { anything, elementsOf, flag } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { onesLike } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { type BackwardOptions, type Handle, handlesOf, isTensor, leavesOf, type Tensor, wrap } from '../tensor.js';
import { refuseBackwardInTransforms, runBackward } from './anomaly.js';
import { edgeOf, GradientEdge } from './node.js';

declare module '../binding/index.js' {
  interface Native {
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

const graphTable = { createGraph: [flag, false], retainGraph: [flag, undefined] } as const;
const readBackward = optionsOf('autograd.backward()', { ...graphTable, inputs: [anything, undefined] });
const readGrad = optionsOf('autograd.grad()', {
  gradOutputs: [anything, undefined],
  ...graphTable,
  allowUnused: [flag, false],
});

/** What has a gradient: a tensor, or an edge of the graph. */
export type Differentiable = Tensor | GradientEdge;

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

/**
 * The gradients of `outputs` with respect to `inputs`, without touching any `grad`.
 *
 * @returns one tensor per input, of its shape; null for an unused one with `allowUnused`.
 * @throws {TorchClipError} `ERR_AUTOGRAD` when an input was not used in the graph or there is no graph.
 *
 * @example
 * const [dx] = torch.autograd.grad(x.pow(3).sum(), [x], { createGraph: true });
 */
export function grad(
  outputs: Differentiable | readonly Differentiable[],
  inputs: Differentiable | readonly Differentiable[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Differentiable | readonly Differentiable[],
  inputs: Differentiable | readonly Differentiable[],
  options?: GradOptions,
): Tensor[];
export function grad(
  outputs: Differentiable | readonly Differentiable[],
  inputs: Differentiable | readonly Differentiable[],
  options?: GradOptions,
): (Tensor | null)[] {
  const { gradOutputs, createGraph, retainGraph = createGraph, allowUnused } = readGrad(options);
  const [from, to] = [listOfSources('outputs', outputs), listOfSources('inputs', inputs)];
  const seeds = seedsOf('gradOutputs', isTensor(gradOutputs) ? [gradOutputs] : gradOutputs, from.length);
  const handles =
    from.every(isTensor) && to.every(isTensor)
      ? runBackward(() =>
          native.gradOf(
            from.map((tensor) => tensor.handle),
            to.map((tensor) => tensor.handle),
            seeds,
            retainGraph,
            createGraph,
            allowUnused,
          ),
        )
      : gradOfEdges(from, seeds, to, retainGraph, createGraph, allowUnused);
  return handles.map((handle) => (handle === null ? null : wrap(handle)));
}

function listOfSources(name: string, value: unknown): Differentiable[] {
  if (isTensor(value) || value instanceof GradientEdge) return [value];
  if (!Array.isArray(value)) throw invalidArgument(name, 'a Tensor, a GradientEdge or an array of them', value);
  return elementsOf(value as readonly unknown[]).map((source, i) => {
    if (isTensor(source) || source instanceof GradientEdge) return source;
    throw invalidArgument(`${name}[${i}]`, 'a Tensor or a GradientEdge', source);
  });
}

function gradOfEdges(
  from: readonly Differentiable[],
  seeds: (Handle | null)[],
  to: readonly Differentiable[],
  retainGraph: boolean,
  createGraph: boolean,
  allowUnused: boolean,
): (Handle | null)[] {
  const held = from.map((source, i) => {
    if (seeds[i] !== null) return null;
    if (isTensor(source) && source.numel() === 1) return onesLike(source);
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      `gradOutputs[${i}] must be given, as outputs[${i}] is not a Tensor of one element`,
    );
  });
  const gradients = seeds.map((seed, i) => seed ?? held[i]!.handle);
  const edges = (sources: readonly Differentiable[]) => sources.map(edgeOf);
  const handles = runBackward(() => native.gradOfEdges(edges(from), gradients, edges(to), retainGraph, createGraph));
  const unused = allowUnused ? -1 : handles.indexOf(null);
  if (unused >= 0) {
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      `inputs[${unused}] was not used in the graph of the outputs; set allowUnused to true to get null for it`,
    );
  }
  return handles;
}

/** The handles of the outputs' own gradients; null for each where none are given. */
function seedsOf(name: string, tensors: unknown, count: number): (Handle | null)[] {
  if (tensors === undefined || tensors === null) return new Array<null>(count).fill(null);
  if (!Array.isArray(tensors) || tensors.length !== count) {
    throw invalidArgument(name, `an array of ${count} Tensors`, tensors);
  }
  return elementsOf<unknown>(tensors).map((t, i) => {
    if (t !== null && !isTensor(t)) throw invalidArgument(`${name}[${i}]`, 'a Tensor or null', t);
    return t === null ? null : t.handle;
  });
}

/**
 * Accumulates the gradients of several outputs at once, as `torch.autograd.backward`.
 *
 * @param tensors the outputs.
 * @param gradTensors one gradient per output, null for outputs of one element.
 * @param options as those of {@link Tensor.backward}.
 *
 * @example
 * torch.autograd.backward([loss, penalty]);
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradTensors?: readonly (Tensor | null)[] | null,
  options?: Omit<BackwardOptions, 'gradient'>,
): void {
  const { createGraph, retainGraph = createGraph, inputs } = readBackward(options);
  const outputs = handlesOf('tensors', isTensor(tensors) ? [tensors] : tensors);
  const seeds = seedsOf('gradTensors', gradTensors, outputs.length);
  const leaves = leavesOf(inputs);
  refuseBackwardInTransforms();
  runBackward(() => native.backward(outputs, seeds, retainGraph, createGraph, leaves));
}
