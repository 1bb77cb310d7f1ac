import { grad } from '../autograd/backward.js';
import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { enableGrad } from '../autograd/modes.js';
import { elementsOf, flag, instance, integer, orNull } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { onesLike } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { refuseLater } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';
import { requireCuda } from './available.js';
import { Graph } from './graph.js';
import { checkInputs, StaticInputs } from './graph-step.js';
import { stream } from './guards.js';
import { currentStream, Stream } from './stream.js';

type Result = Tensor | Tensor[];
type Callable = (...inputs: Tensor[]) => Result;
/** What {@link makeGraphedCallables} takes as a module. */
export interface GraphableModule {
  training: boolean;
  forward(...inputs: Tensor[]): Result;
  parameters(): Iterable<Tensor>;
}

/** Options of {@link makeGraphedCallables}. */
export interface GraphedCallablesOptions {
  /** How many forward and backward passes run before the ones that are recorded; default 3. */
  numWarmupIters?: number;
  /** Whether inputs and parameters may have no part in the outputs; default false. */
  allowUnusedInput?: boolean;
  /** A graph whose memory these may use again; default null. */
  pool?: Graph | null;
}

const readGraphed = optionsOf('cuda.makeGraphedCallables()', {
  numWarmupIters: [integer(1), 3],
  allowUnusedInput: [flag, false],
  pool: [orNull(instance(Graph, 'a cuda.Graph')), null],
});

const isModule = (value: unknown): value is GraphableModule =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as GraphableModule).forward === 'function' &&
  typeof (value as GraphableModule).parameters === 'function';

const listOf = (result: Result): Tensor[] => (isTensor(result) ? [result] : result);
const needGrad = (tensors: readonly Tensor[]) => tensors.filter((tensor) => tensor.requiresGrad);

interface Recording {
  forward: Graph;
  backward: Graph | undefined;
  inputs: StaticInputs;
  /** The inputs and the parameters, as the recorded passes see them. */
  surface: Tensor[];
  outputs: Tensor[];
  single: boolean;
  gradOutputs: (Tensor | null)[];
  /** One per tensor of the surface. */
  gradInputs: (Tensor | null)[];
}

/** The gradients of what requires them, as {@link Recording.gradInputs}. */
function gradients(
  outputs: Tensor[],
  surface: Tensor[],
  gradOutputs: (Tensor | null)[],
  allowUnused: boolean,
): (Tensor | null)[] {
  const wanted = needGrad(surface);
  const used = outputs.flatMap((output, i) => (output.requiresGrad ? [[output, gradOutputs[i]!] as const] : []));
  const found = grad(
    used.map(([output]) => output),
    wanted,
    { gradOutputs: used.map(([, gradient]) => gradient), allowUnused: true },
  );
  if (!allowUnused && found.includes(null)) {
    throw new TorchClipError(
      'ERR_AUTOGRAD',
      'an input or a parameter does not contribute to the outputs of the callable; pass { allowUnusedInput: true } if that is intended',
    );
  }
  let next = 0;
  return surface.map((tensor) => (tensor.requiresGrad ? found[next++]! : null));
}

/** As the user calls it: inputs first, then the parameters, so that autograd sees both. */
function callableOf(recording: Recording): Callable {
  const { forward, backward, inputs, outputs, single, gradOutputs, gradInputs } = recording;
  class Graphed extends AutogradFunction {
    static forward(_: FunctionContext, ...given: Tensor[]): Tensor[] {
      inputs.fill(given.slice(0, inputs.tensors.length));
      forward.replay();
      return outputs.map((output) => output.detach());
    }
    static backward(_: FunctionContext, ...given: (Tensor | null)[]): (Tensor | null)[] {
      gradOutputs.forEach((own, i) => {
        if (own !== null && given[i] !== null) own.copy_(given[i]!, true);
      });
      backward?.replay();
      return gradInputs.map((gradient) => gradient?.detach() ?? null);
    }
  }
  const parameters = recording.surface.slice(inputs.tensors.length);
  return (...given) => {
    checkInputs(given);
    if (given.length !== inputs.tensors.length) {
      throw invalidArgument('inputs', `${inputs.tensors.length} tensors, as recorded`, given.length);
    }
    const results = (Graphed as unknown as { apply(...all: Tensor[]): Tensor[] }).apply(...given, ...parameters);
    return single ? results[0]! : results;
  };
}

/**
 * Records the forward and the backward pass of a function or module as graphs, so that a call and its backward pass are one replay each;
 * what comes before and after it runs as usual. Several, which are called in the order of the list, share memory.
 *
 * A call copies its inputs into those that were recorded; its outputs, and the gradients, are overwritten by the next call. A module is
 * changed in place: in the mode (training or evaluation) in which it was recorded it runs from the graph, in the other as before.
 *
 * @param callables functions of tensors, or modules without hooks, whose parameters stay where they are.
 * @param sampleArgs the tensors that each is called with, of the shape, dtype, device and `requiresGrad` of later calls.
 * @returns functions of the same inputs, or the modules.
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 *
 * @example
 * const model = torch.cuda.makeGraphedCallables(new nn.Linear(64, 64).cuda(), [torch.randn([8, 64], { device: 'cuda' })]);
 * @see https://pytorch.org/docs/stable/generated/torch.cuda.make_graphed_callables.html
 */
export function makeGraphedCallables<C extends Callable | GraphableModule>(
  callables: C,
  sampleArgs: readonly Tensor[],
  options?: GraphedCallablesOptions,
): C;
export function makeGraphedCallables<C extends Callable | GraphableModule>(
  callables: readonly C[],
  sampleArgs: readonly (readonly Tensor[])[],
  options?: GraphedCallablesOptions,
): C[];
export function makeGraphedCallables(
  callables: (Callable | GraphableModule) | readonly (Callable | GraphableModule)[],
  sampleArgs: readonly Tensor[] | readonly (readonly Tensor[])[],
  options: GraphedCallablesOptions = {},
): unknown {
  const { numWarmupIters, allowUnusedInput, pool } = readGraphed(options);
  const one = !Array.isArray(callables);
  const list = (one ? [callables] : elementsOf<unknown>(callables)) as (Callable | GraphableModule)[];
  if (!Array.isArray(sampleArgs)) throw invalidArgument('sampleArgs', 'an array of tensors', sampleArgs);
  const samples = (one ? [sampleArgs] : elementsOf<unknown>(sampleArgs)) as (readonly Tensor[])[];
  list.forEach((each, i) => {
    if (typeof each !== 'function' && !isModule(each)) {
      throw invalidArgument(one ? 'callables' : `callables[${i}]`, 'a function or a module', each);
    }
    if (!Array.isArray(samples[i])) throw invalidArgument('sampleArgs', 'an array of tensors per callable', samples[i]);
    checkInputs(samples[i]!);
  });
  if (samples.length !== list.length) {
    throw invalidArgument('sampleArgs', `${list.length} arrays of tensors, one per callable`, samples.length);
  }
  requireCuda('cuda.makeGraphedCallables()');

  const bodies = list.map((each): Callable => {
    const body: Callable = isModule(each) ? each.forward.bind(each) : each;
    return (...inputs) => refuseLater('callables', body(...inputs));
  });
  const recordings = list.map((each, i): Omit<Recording, 'outputs' | 'single' | 'gradOutputs' | 'gradInputs'> => {
    const inputs = new StaticInputs(samples[i]!);
    inputs.tensors.forEach((own, k) => {
      own.requiresGrad_(samples[i]![k]!.requiresGrad);
    });
    const parameters = isModule(each) ? [...each.parameters()] : [];
    return { forward: new Graph(), backward: undefined, inputs, surface: [...inputs.tensors, ...parameters] };
  });

  return enableGrad(() => {
    const side = new Stream();
    const main = currentStream();
    side.waitStream(main);
    stream(side, () => {
      recordings.forEach(({ inputs, surface }, i) => {
        for (let k = 0; k < numWarmupIters; k++) {
          const outputs = listOf(bodies[i]!(...inputs.tensors));
          if (needGrad(outputs).length === 0 || needGrad(surface).length === 0) continue;
          gradients(
            outputs,
            surface,
            outputs.map((output) => (output.requiresGrad ? onesLike(output) : null)),
            allowUnusedInput,
          );
        }
      });
    });
    main.waitStream(side);

    // They share the memory of the first, as they are replayed in this order.
    let shared = pool;
    const forwards = recordings.map((recording, i) => {
      const result = recording.forward.capture(() => bodies[i]!(...recording.inputs.tensors), { pool: shared });
      shared ??= recording.forward;
      for (const output of listOf(result)) keep(output);
      return { ...recording, outputs: listOf(result), single: isTensor(result) };
    });
    const whole = forwards
      .map((recording): Recording => {
        const gradOutputs = recording.outputs.map((output) =>
          output.requiresGrad ? keep(onesLike(output.detach())) : null,
        );
        return { ...recording, gradOutputs, gradInputs: recording.surface.map(() => null) };
      })
      .reverse();
    for (const recording of whole) {
      const { outputs, surface, gradOutputs } = recording;
      if (needGrad(outputs).length === 0 || needGrad(surface).length === 0) continue;
      recording.backward = new Graph();
      recording.gradInputs = recording.backward.capture(
        () => gradients(outputs, surface, gradOutputs, allowUnusedInput),
        { pool: shared },
      );
      for (const gradient of recording.gradInputs) if (gradient !== null) keep(gradient);
    }
    const graphed = whole.reverse().map((recording, i) => install(list[i]!, callableOf(recording)));
    return one ? graphed[0] : graphed;
  });
}

/** Replaces a module's forward pass by a graphed one, for the mode in which it was recorded. */
function install(given: Callable | GraphableModule, graphed: Callable): Callable | GraphableModule {
  if (!isModule(given)) return graphed;
  const { training } = given;
  const plain = given.forward.bind(given);
  Object.defineProperty(given, 'forward', {
    value: (...inputs: Tensor[]): Result => (given.training === training ? graphed(...inputs) : plain(...inputs)),
    writable: true,
    configurable: true,
  });
  return given;
}
