import { callable, check, instance, integer, orNull } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { sameShape } from '../shape.js';
import { isTensor, type Tensor } from '../tensor.js';
import { requireCuda } from './available.js';
import { Graph } from './graph.js';
import { stream } from './guards.js';
import { currentStream, Stream } from './stream.js';
import { tensorsIn } from './tensors-in.js';

/** Options of {@link graphStep}. */
export interface GraphStepOptions {
  /** How many calls run as usual, in a side stream, before the one that is recorded; default 3, at least 1. */
  warmup?: number;
  /** A graph whose memory this one may use again; default null. */
  pool?: Graph | null;
}

/** What {@link graphStep} returns. */
export interface GraphedStep<A extends readonly Tensor[], R> {
  (...inputs: A): R;
  /** The recorded graph; null until there is one. */
  readonly graph: Graph | null;
  /** Forgets the recording: the next calls warm up and record again, with other shapes perhaps. */
  reset(): void;
}

const readStep = optionsOf('cuda.graphStep()', {
  warmup: [integer(1), 3],
  pool: [orNull(instance(Graph, 'a cuda.Graph')), null],
});

/** The copies of the inputs that a graph reads. @internal */
export class StaticInputs {
  readonly #tensors: readonly Tensor[];

  constructor(inputs: readonly Tensor[]) {
    this.#tensors = inputs.map((input) => keep(input.detach().clone()));
  }

  get tensors(): readonly Tensor[] {
    return this.#tensors;
  }

  /** Copies new inputs over; they must be alike. */
  fill(inputs: readonly Tensor[]): void {
    const alike = (a: Tensor, b: Tensor) => a.dtype === b.dtype && sameShape(a.shape, b.shape);
    if (inputs.length !== this.#tensors.length) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `the step was recorded with ${this.#tensors.length} inputs, got ${inputs.length}`,
      );
    }
    this.#tensors.forEach((own, i) => {
      const given = inputs[i]!;
      if (alike(own, given)) return;
      const words = ({ dtype, shape }: Tensor) => `${dtype.name} [${shape.join(', ')}]`;
      throw new TorchClipError(
        'ERR_SHAPE',
        `input ${i} must be as it was recorded, ${words(own)}, got ${words(given)}`,
      );
    });
    this.#tensors.forEach((own, i) => {
      own.copy_(inputs[i]!.detach(), true);
    });
  }
}

/** @internal */
export function checkInputs(inputs: readonly unknown[]): asserts inputs is readonly Tensor[] {
  inputs.forEach((input, i) => {
    if (!isTensor(input)) throw invalidArgument(`inputs[${i}]`, 'a Tensor', input);
  });
}

/**
 * Makes a function of tensors that runs from a graph: the first calls run as usual, the next one records what it starts on the GPU, and
 * from then on a call copies its inputs, which may come from the host, and replays. A training step of many small kernels so costs the
 * host a few microseconds.
 *
 * Each call is one step, those that warm up and the one that records too: results are those of plain calls, bit for bit. What the step
 * does on the host, such as JavaScript variables and learning rates that are not an option of an optimizer's group, is done while it is
 * recorded and not in a replay; it must not wait for the GPU. Its results are the same tensors each time, which the next call overwrites.
 *
 * @param step a synchronous function of tensors on one GPU.
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU; `ERR_SHAPE` for inputs of another shape or dtype than recorded.
 *
 * @example
 * const step = torch.cuda.graphStep((x: Tensor, y: Tensor) => {
 *   optimizer.zeroGrad();
 *   const loss = nn.functional.mseLoss(model.forward(x), y);
 *   loss.backward();
 *   optimizer.step();
 *   return loss;
 * });
 * for (const [x, y] of loader) step(x.cuda(), y.cuda());
 */
export function graphStep<A extends readonly Tensor[], R>(
  step: (...inputs: A) => R,
  options: GraphStepOptions = {},
): GraphedStep<A, R> {
  check('step', step, callable());
  const { warmup, pool } = readStep(options);
  requireCuda('cuda.graphStep()');
  let calls = 0;
  let recorded: { graph: Graph; inputs: StaticInputs; result: R } | undefined;
  let side: Stream | undefined;

  const warm = (inputs: A): R => {
    side ??= new Stream();
    const main = currentStream();
    side.waitStream(main);
    const result = stream(side, () => step(...inputs));
    main.waitStream(side);
    // They were made in the side stream and are used in this one.
    for (const tensor of tensorsIn(result)) tensor.recordStream(main);
    return result;
  };
  const record = (inputs: A) => {
    const own = new StaticInputs(inputs);
    const graph = new Graph();
    const result = graph.capture(() => step(...(own.tensors as unknown as A)), { pool });
    return { graph, inputs: own, result };
  };
  const call = (...inputs: A): R => {
    checkInputs(inputs);
    if (recorded === undefined && calls < warmup) {
      const result = warm(inputs);
      calls++;
      return result;
    }
    if (recorded === undefined) recorded = record(inputs);
    else recorded.inputs.fill(inputs);
    recorded.graph.replay();
    return recorded.result;
  };
  return Object.defineProperties(call, {
    graph: { get: () => recorded?.graph ?? null },
    reset: {
      value: () => {
        recorded = undefined;
        calls = 0;
      },
    },
  }) as unknown as GraphedStep<A, R>;
}
