// `torch.utils.checkpoint`: activations that are computed again instead of kept.

import { AutogradFunction, type FunctionContext, savedBy } from '../autograd/function.js';
import { enableGrad, isGradEnabled } from '../autograd/modes.js';
import { refuseSavingInTransforms, savedTensorsHooks } from '../autograd/saved-tensors.js';
import { native } from '../binding/index.js';
import { check, elementsOf, flag, integer, kind, oneOf, withoutHoles } from '../check.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { empty } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { getRngState, setRngState } from '../random.js';
import { keep } from '../scope.js';
import { refuseAsync, refuseLater, refusePromise } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';

declare module '../binding/index.js' {
  interface Native {
    /** Whether the backward pass that runs now keeps its graph. */
    graphTaskKeeps(): boolean;
  }
}

/** Options of {@link checkpoint}. */
export interface CheckpointOptions {
  /** Draw the same random numbers again, from the CPU's default generator, such as those of dropout; default true. */
  preserveRngState?: boolean;
  /** Whether the tensors of the second run must have the shapes, dtypes and devices of the first's; default `'default'`. */
  determinismCheck?: 'default' | 'none';
  /** Stop the second run when it has everything that the backward pass needs; default true. */
  earlyStop?: boolean;
  /** Only false, the default, is there: PyTorch advises against the other kind. */
  useReentrant?: false;
}

const readOptions = optionsOf('checkpoint()', {
  preserveRngState: [flag, true],
  determinismCheck: [oneOf('default', 'none'), 'default'],
  earlyStop: [kind<boolean | undefined>('true or false', (x) => x === undefined || typeof x === 'boolean'), undefined],
  useReentrant: [oneOf(false), false],
});

/**
 * Runs `body`, in which checkpoints that are made stop early or not, whatever their own options say.
 *
 * @example
 * torch.utils.checkpoint.setCheckpointEarlyStop(false, () => model.forward(x));
 */
export function setCheckpointEarlyStop<T>(enable: boolean, body: () => T): T {
  check('enable', enable, flag);
  refuseAsync('setCheckpointEarlyStop', body);
  const outer = forced;
  forced = enable;
  try {
    return refusePromise('setCheckpointEarlyStop', body());
  } finally {
    forced = outer;
  }
}
let forced: boolean | undefined;

/**
 * Runs `fn` and keeps, of what its operations save for their backward passes, nothing: the backward pass runs `fn` once more. That
 * trades time for memory. Values and gradients are the same, random numbers included. Checkpoints nest.
 *
 * @param fn must do the same the second time. A synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @param args what `fn` is called with; tensors among them are saved as other operations save theirs.
 * @returns what `fn` returns.
 * @throws {TorchClipError} `ERR_STATE` from the backward pass where the second run saves other tensors than the first.
 *
 * @example
 * const y = torch.utils.checkpoint.checkpoint((x) => block.forward(x), [x]);
 * @see Chen, Xu, Zhang & Guestrin, "Training deep nets with sublinear memory cost", 2016.
 * @see https://pytorch.org/docs/stable/checkpoint.html
 */
export function checkpoint<A extends unknown[], R>(
  fn: (...args: A) => R,
  args: readonly [...A],
  options?: CheckpointOptions,
): R {
  const { preserveRngState, determinismCheck, earlyStop } = readOptions(options);
  refuseAsync('checkpoint', fn);
  if (!Array.isArray(args)) throw invalidArgument('args', 'an array of what fn is called with', args);
  const given = withoutHoles<unknown>('args', args) as A;
  if (!isGradEnabled()) return refusePromise('checkpoint', fn(...given));
  refuseSavingInTransforms();
  const frame = new Frame(
    fn as (...args: unknown[]) => unknown,
    given,
    preserveRngState,
    determinismCheck === 'default',
    forced ?? earlyStop ?? true,
  );
  return savedTensorsHooks(
    (tensor) => frame.save(tensor),
    (holder) => frame.unpack(holder),
    () => refusePromise('checkpoint', fn(...given)),
  );
}

/** Stands for a tensor that was not kept. */
interface Holder {
  readonly number: number;
  /** What the second run computed, by the backward pass that asked. */
  readonly values: Map<number, Tensor>;
  readonly was: string;
}

const looks = ({ shape, dtype, device }: Tensor) =>
  `shape [${shape.join(', ')}], dtype ${dtype.name}, device ${device}`;

// Thrown through the function that is run again.
const enough = new Error('everything that a checkpoint needs was computed');

/** Saves the tensors among a checkpoint's arguments, through the hooks of the checkpoint that it is in. */
class SaveInputs extends AutogradFunction {
  static forward(ctx: FunctionContext, _: Tensor, ...tensors: Tensor[]): Tensor {
    ctx.saveForBackward(...tensors);
    return empty([0]);
  }
  static backward(): never {
    throw new TorchClipError('ERR_INTERNAL', 'nothing depends on what a checkpoint saves');
  }
}

/** One call of `checkpoint`. */
class Frame {
  readonly #fn: (...args: unknown[]) => unknown;
  // With a hole for each tensor.
  readonly #args: unknown[];
  readonly #positions: number[];
  readonly #saver: Tensor;
  readonly #checks: boolean;
  readonly #earlyStop: boolean;
  readonly #random: Tensor | undefined;
  readonly #autocast = deviceTypes.map((type) => [type, native.autocastState(type)] as const);
  readonly #holders: Holder[] = [];
  readonly #done = new Set<number>();
  #outside = -1;

  constructor(fn: (...args: unknown[]) => unknown, args: unknown[], random: boolean, checks: boolean, stop: boolean) {
    this.#fn = fn;
    this.#args = args.map((arg) => (isTensor(arg) ? undefined : arg));
    this.#positions = args.flatMap((arg, i) => (isTensor(arg) ? [i] : []));
    this.#saver = keep(SaveInputs.apply(empty([0], { requiresGrad: true }), ...args.filter(isTensor)));
    this.#random = random ? keep(getRngState()) : undefined;
    this.#checks = checks;
    this.#earlyStop = stop;
  }

  save(tensor: Tensor): Holder {
    const holder = { number: this.#holders.length, values: new Map(), was: this.#checks ? looks(tensor) : '' };
    this.#holders.push(holder);
    return holder;
  }

  unpack(holder: Holder): Tensor {
    let task = native.graphTask();
    // Outside of a backward pass each question is one of its own.
    if (task < 0) task = --this.#outside;
    if (!this.#done.has(task)) this.#again(task);
    const value = holder.values.get(task);
    if (value === undefined) {
      throw new TorchClipError(
        'ERR_STATE',
        'a checkpoint cannot return a saved tensor twice in one backward pass unless retainGraph is true',
      );
    }
    if (task < 0) this.#forget(task);
    else if (!native.graphTaskKeeps()) holder.values.delete(task);
    return value;
  }

  #forget(task: number): void {
    for (const { values } of this.#holders) values.delete(task);
    this.#done.delete(task);
  }

  #again(task: number): void {
    // What earlier passes have left, those that an error ended too.
    for (const old of this.#done) if (old > task || !native.graphTaskKeeps()) this.#forget(old);
    const saved = savedBy(this.#saver);
    const args = [...this.#args];
    for (const [i, position] of this.#positions.entries()) args[position] = saved![i];
    let count = 0;
    const pack = (tensor: Tensor): Tensor => {
      const value = keep(tensor.detach());
      const holder = this.#holders[count++];
      if (holder !== undefined) {
        if (this.#checks && looks(value) !== holder.was) {
          throw differs(`tensor ${holder.number} had ${holder.was}, and then ${looks(value)}`);
        }
        holder.values.set(task, value);
      }
      if (this.#earlyStop && count === this.#holders.length) throw enough;
      return value;
    };
    try {
      this.#asBefore(() =>
        savedTensorsHooks(
          pack,
          (tensor) => tensor,
          () => enableGrad(() => this.#fn(...args)),
        ),
      );
    } catch (error) {
      if (error !== enough) {
        this.#forget(task);
        throw error;
      }
    }
    if (count < this.#holders.length || (this.#checks && !this.#earlyStop && count !== this.#holders.length)) {
      this.#forget(task);
      throw differs(`it saved ${this.#holders.length} tensors, and then ${count}`);
    }
    this.#done.add(task);
  }

  /** With the random numbers and in the autocast of the first run. */
  #asBefore(body: () => void): void {
    const random = this.#random && getRngState();
    const outer = deviceTypes.map((type) => native.autocastState(type));
    for (const [type, state] of this.#autocast) native.autocastEnter(type, ...state);
    try {
      if (this.#random !== undefined) setRngState(this.#random);
      body();
    } finally {
      for (const [i, type] of deviceTypes.entries()) native.autocastExit(type, ...outer[i]!);
      if (random !== undefined) setRngState(random);
    }
  }
}

const deviceTypes = ['cpu', 'cuda'] as const;

const differs = (how: string) =>
  new TorchClipError('ERR_STATE', `the function of a checkpoint must do the same when it runs again: ${how}`);

/** A module, or a function of one tensor. */
type Step = ((x: Tensor) => Tensor) | { forward(x: Tensor): Tensor };

/**
 * Runs modules or functions one after the other, in segments that are each a {@link checkpoint} but the last.
 *
 * @param functions an array, or a module with children such as `nn.Sequential`.
 * @param segments how many, an integer from 1 to the number of functions.
 *
 * @example
 * const y = torch.utils.checkpoint.checkpointSequential(model, 4, x);
 */
export function checkpointSequential(
  functions: readonly Step[] | { children(): Iterable<unknown> },
  segments: number,
  input: Tensor,
  options?: CheckpointOptions,
): Tensor {
  const steps = stepsOf(functions);
  check('segments', segments, integer(1, steps.length));
  if (!isTensor(input)) throw invalidArgument('input', 'a Tensor', input);
  const size = Math.floor(steps.length / segments);
  const run = (part: readonly Step[]) => (x: Tensor) =>
    part.reduce((value, step) => {
      const next: unknown = refuseLater('functions', typeof step === 'function' ? step(value) : callOf(step)(value));
      return check('the result of each of functions', next, tensorKind);
    }, x);
  let x = input;
  for (let i = 0; i < segments - 1; i++) x = checkpoint(run(steps.slice(i * size, (i + 1) * size)), [x], options);
  return run(steps.slice((segments - 1) * size))(x);
}

/** A module runs with its hooks. */
const callOf =
  (step: Exclude<Step, (...args: never[]) => unknown>) =>
  (x: Tensor): Tensor =>
    'call' in step && typeof step.call === 'function' ? (step.call(x) as Tensor) : step.forward(x);

function stepsOf(functions: unknown): Step[] {
  const list: unknown =
    typeof functions === 'object' &&
    functions !== null &&
    'children' in functions &&
    typeof functions.children === 'function'
      ? [...functions.children()]
      : functions;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalidArgument('functions', 'an array of modules or functions, or a module with children', functions);
  }
  return elementsOf<unknown>(list).map((step, i) => {
    const fits = typeof step === 'function' || (typeof step === 'object' && step !== null && 'forward' in step);
    if (!fits)
      throw new TorchClipError('ERR_ARGUMENT', `functions[${i}] must be a module or a function, got ${describe(step)}`);
    return step as Step;
  });
}
