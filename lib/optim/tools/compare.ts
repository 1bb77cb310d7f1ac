import { noGrad } from '../../autograd/index.js';
import { anything, check, integer, kind, synchronous } from '../../check.js';
import { DataLoader } from '../../data/loader.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { checkSeed, Generator } from '../../generator.js';
import { Module } from '../../nn/module.js';
import type { Parameter } from '../../nn/parameter.js';
import { getTotalNorm } from '../../nn/utils/clip-grad.js';
import { alternative, isPlainObject, optionsOf } from '../../options.js';
import { getRngState, manualSeed, setRngState } from '../../random.js';
import { refuseLater } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { Optimizer } from '../base/optimizer.js';

/** What {@link compare} needs: `epochs` or `steps`, one of them. */
export interface CompareOptions<M extends Module, B, N extends string = string> {
  /** Makes a new model for each optimizer. */
  model: () => M;
  /** Makes each optimizer from the model's parameters; the names are those of the results. */
  optimizers: Record<N, (params: Parameter[]) => Optimizer>;
  /** The batches of an epoch: a `DataLoader`, an array, or a function that gives an iterable for each epoch. */
  data: Iterable<B> | (() => Iterable<B>);
  /** The loss of a batch, a tensor of one element. */
  loss: (model: M, batch: B) => Tensor;
  /** Passes over the data; default as `steps` says. */
  epochs?: number;
  /** Steps, whatever number of epochs they make; default as `epochs` says. */
  steps?: number;
  /** An integer of 64 bits; default 0. */
  seed?: number | bigint;
  /** What to record after each epoch, such as the accuracy on other data; the model is in evaluation mode, and no gradient is recorded. Default: none. */
  metric?: (model: M) => number;
}

/** One optimizer's run, as plain data: one entry per step, or per epoch for `metrics`. */
export interface ComparedRun {
  losses: number[];
  /** The norm of the whole gradient before clipping. */
  gradientNorms: number[];
  /** What the clipper multiplied the gradient by, a list if its scope has several units; 0 for a skipped step, 1 without a clipper. */
  coefficients: (number | number[])[];
  /** How many steps were not taken because of NaN or inf in the gradient. */
  skipped: number;
  metrics: number[];
  /** The time of the steps in seconds, including their measurements but not batches and metrics. */
  seconds: number;
}

/**
 * Trains the same model under several optimizers, each from the same initial weights, on the same batches in the same order and with the
 * same random numbers (dropout, say).
 *
 * A loss that is not finite is recorded and training goes on; if an optimizer refuses such a step with an error, the step counts as
 * skipped. The global generator is restored afterwards. Optimizers with `train` and `eval` are switched for the metric.
 *
 * @returns a run for each optimizer, under its name and in the order given.
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option, or data that give no batch when iterated again.
 *
 * @example
 * const runs = optim.compare({
 *   model: () => new Net(),
 *   optimizers: {
 *     sgd: (params) => new optim.SGD(params, { lr: 0.1 }),
 *     clipped: (params) => new optim.SGD(params, { lr: 0.1, clip: clip.norm(1) }),
 *   },
 *   data: loader,
 *   loss: (model, [x, y]) => criterion.forward(model.forward(x), y),
 *   epochs: 3,
 * });
 * runs.clipped.losses;
 */
export function compare<M extends Module, B, N extends string>(
  options: CompareOptions<M, B, N>,
): Record<N, ComparedRun> {
  const checked = parse<M, B>(options);
  const { data, seed } = checked;
  const random = getRngState();
  // A loader's own generators advance with every epoch: each run starts them from the same state.
  const own = data instanceof DataLoader ? [data.generator, Reflect.get(data.sampler, 'generator')] : [];
  const generators = own
    .filter((generator) => generator instanceof Generator)
    .map((generator) => [generator, generator.getState()] as const);
  try {
    manualSeed(seed);
    const initial = Object.entries(built(checked.model).stateDict());
    const weights = Object.fromEntries(initial.map(([name, tensor]) => [name, tensor.clone()]));
    const runs = Object.entries(checked.optimizers).map(([name, make]) => {
      manualSeed(seed);
      for (const [generator, state] of generators) generator.setState(state);
      const model = built(checked.model);
      model.loadStateDict(weights);
      const optimizer = refuseLater(`optimizers.${name}`, make(model.parameters()));
      if (!(optimizer instanceof Optimizer)) {
        throw invalidArgument(`optimizers.${name}`, 'a function that returns an Optimizer', optimizer);
      }
      // Random numbers that the model and the optimizer drew so far must not change the batches.
      manualSeed(seed);
      return [name, train(name, model, optimizer, checked)] as const;
    });
    return Object.fromEntries(runs) as Record<N, ComparedRun>;
  } finally {
    for (const [generator, state] of generators) generator.setState(state);
    setRngState(random);
  }
}

function batchesOf<B>(data: Iterable<B> | (() => Iterable<B>)): Iterable<B> {
  const batches = typeof data === 'function' ? refuseLater('data', data()) : data;
  if (typeof (batches as Partial<Iterable<B>> | null)?.[Symbol.iterator] === 'function') return batches;
  throw invalidArgument('the result of data()', 'an iterable of batches', batches);
}

function train<M extends Module, B>(
  name: string,
  model: M,
  optimizer: Optimizer,
  { data, loss, epochs = Infinity, steps = Infinity, metric }: CompareOptions<M, B>,
): ComparedRun {
  const run: ComparedRun = { losses: [], gradientNorms: [], coefficients: [], skipped: 0, metrics: [], seconds: 0 };
  let refused = 0;
  for (let epoch = 0; epoch < epochs && run.losses.length < steps; epoch++) {
    const before = run.losses.length;
    for (const batch of batchesOf(data)) {
      const started = performance.now();
      model.zeroGrad();
      const value: unknown = refuseLater('loss', loss(model, batch));
      if (!isTensor(value)) throw invalidArgument('the result of loss', 'a Tensor of one element', value);
      value.backward();
      run.losses.push(value.item());
      const grads = model.parameters().flatMap(({ grad }) => grad ?? []);
      run.gradientNorms.push(getTotalNorm(grads).item());
      if (!taken(optimizer)) refused++;
      run.coefficients.push(optimizer.clipStats.coefficient.tolist() as number | number[]);
      run.seconds += (performance.now() - started) / 1000;
      if (run.losses.length >= steps) break;
    }
    if (run.losses.length === before) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"data" must give batches each time it is iterated, got none in epoch ${epoch} of "${name}"`,
      );
    }
    if (metric !== undefined) run.metrics.push(evaluated(model, optimizer, metric));
  }
  run.skipped = Math.max(refused, optimizer.clipStats.skipped.item());
  return run;
}

/** Takes a step; returns false if the optimizer refuses the gradients. */
function taken(optimizer: Optimizer): boolean {
  try {
    optimizer.step();
    return true;
  } catch (error) {
    if (error instanceof TorchClipError && error.code === 'ERR_NONFINITE') return false;
    throw error;
  }
}

function evaluated<M extends Module>(model: M, optimizer: Optimizer, metric: (model: M) => number): number {
  // Some optimizers evaluate with other weights than they train with.
  const averaging = optimizer as { train?(): unknown; eval?(): unknown };
  averaging.eval?.();
  model.eval();
  const value = noGrad(() => refuseLater('metric', metric(model)));
  model.train();
  averaging.train?.();
  if (typeof value !== 'number') throw invalidArgument('metric', 'a function that returns a number', value);
  return value;
}

const optimizersKind = kind<Record<string, unknown>>('an object of functions, one for each optimizer', isPlainObject);
const batchesKind = kind(
  'an iterable of batches, or a function that returns one',
  (data) =>
    synchronous().accepts(data) ||
    (typeof data === 'object' && data !== null && Symbol.iterator in data && !isTensor(data)),
);
const readOptions = optionsOf('compare()', {
  model: [{ ...synchronous(), expected: 'a function that returns a Module' }],
  optimizers: [optimizersKind],
  data: [batchesKind],
  loss: [synchronous()],
  epochs: [integer(1), undefined],
  steps: [integer(1), undefined],
  seed: [anything, 0],
  metric: [synchronous(), undefined],
});

function parse<M extends Module, B>(options: CompareOptions<M, B>) {
  const given = readOptions(options);
  const { optimizers, epochs, steps, seed } = given;
  const functions = Object.entries(optimizers);
  if (functions.length === 0) throw invalidArgument('optimizers', optimizersKind.expected, optimizers);
  for (const [name, make] of functions) check(`optimizers.${name}`, make, synchronous());
  alternative('compare()', { epochs, steps });
  return { ...given, optimizers: Object.fromEntries(functions), seed: checkSeed(seed) } as unknown as CompareOptions<
    M,
    B
  > & { seed: number | bigint };
}

function built<M extends Module>(make: () => M): M {
  const model: unknown = refuseLater('model', make());
  if (model instanceof Module) return model as M;
  throw invalidArgument('model', 'a function that returns a Module', model);
}
