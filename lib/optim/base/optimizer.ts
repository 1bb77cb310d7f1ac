import { enableGrad } from '../../autograd.js';
import { native } from '../../binding/index.js';
import { Clipper } from '../../clip/clipper.js';
import { askCustom } from '../../clip/compose.js';
import { toNative } from '../../clip/native.js';
import { holdInGraph, isCapturing } from '../../cuda/graph.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { elementsOf } from '../../iterate.js';
import { given } from '../../options.js';
import { type Handle, isTensor, type Tensor, wrap } from '../../tensor.js';
import { type NativeOptimizer, type NativeStats, type Rule, rowLength, ruleOf } from '../engine/native.js';
import { complete, type Definition } from '../engine/options.js';
import { Held } from '../engine/saved.js';
import { type OptimizerStateDict, parseState, type Restored, type SavedGroup, saveState } from '../state/state-dict.js';

/** What a step does with gradients that hold NaN or inf. */
export type NonFinite = 'propagate' | 'skip' | 'zero' | 'error';

// In the order of the engine's enumeration.
const policies: readonly NonFinite[] = ['propagate', 'skip', 'zero', 'error'];

/** Options of every optimizer beside those of its groups. */
export interface CommonOptions {
  /** How gradients are clipped on their way into the step; default not at all. */
  clip?: Clipper | null;
  /**
   * What to do when some gradient is NaN or inf:
   * `'skip'`: leave parameters and all state as they are and count the step as skipped; the default with `clip`.
   * `'propagate'`: compute as PyTorch does; the default without `clip`.
   * `'zero'`: treat those elements as 0.
   * `'error'`: throw `ERR_NONFINITE` and change nothing.
   */
  nonFinite?: NonFinite;
  /** `step` throws `ERR_NONFINITE` when it has skipped more often than this in a row; default 100. */
  maxConsecutiveSkips?: number;
  /** Store the clipped gradients in `grad`, for code that reads them after the step; default false. */
  writeBack?: boolean;
}

/** A group of parameters with options of its own, as the constructor takes it. */
export type GroupInput<G> = G & { params: Tensor | Iterable<Tensor> };
/** What an optimizer optimizes: tensors, or groups of them. */
export type Parameters<G> = Iterable<Tensor> | Iterable<GroupInput<G>>;
/** A group as `paramGroups` holds it: assign to its options between steps. */
export type ParamGroup<G> = { -readonly [K in keyof G]-?: G[K] } & {
  readonly params: readonly Tensor[];
  initialLr?: number;
};

/** What the last step's clipping saw and did, on the device; nothing is read back until asked. */
export interface StageStats {
  /**
   * Norms before clipping, float64: without dimensions for the global scope, else one a group or tensor. NaN where the step
   * needed no norm.
   */
  norm: Tensor;
  /** What the gradients were multiplied by, float64, of the same shape; 0 for a skipped step. */
  coefficient: Tensor;
  /** What the norms were held against, float64, of the same shape; NaN where there was nothing. */
  threshold: Tensor;
  /** The share of decisions since the start, one a unit and step, for another coefficient than 1; float64. */
  clipped: Tensor;
  /** The last norms, oldest first, float64, for a clipper made by `clip.tap`; else empty. Reading it waits for a GPU, since its length depends on how many steps were skipped. */
  readonly history: Tensor;
}

/** The statistics of the first clipper, and of all of a chain. */
export interface ClipStats extends StageStats {
  /** One for each clipper of a chain. */
  stages: StageStats[];
  /** How many steps were skipped so far, int64. */
  skipped: Tensor;
}

// A step that a gradient scaler takes.
let scaled: { optimizer: object; inverse: Tensor; found: Tensor | null } | undefined;

/**
 * @internal Takes a step with gradients that are multiplied by a tensor of one number first; one that finds NaN or inf in them is
 * skipped.
 * @returns `found`: 1 where it was, else 0, on the device, null where no parameter has a gradient; `refusal`: the `ERR_NONFINITE` that
 * the step then threw.
 */
export function stepScaled(optimizer: Optimizer, inverse: Tensor): { found: Tensor | null; refusal?: TorchClipError } {
  const outer = scaled;
  scaled = { optimizer, inverse, found: null };
  try {
    optimizer.step();
    return { found: scaled.found };
  } catch (error) {
    const { found } = scaled;
    if (found === null || !(error instanceof TorchClipError) || error.code !== 'ERR_NONFINITE') throw error;
    return { found, refusal: error };
  } finally {
    scaled = outer;
  }
}

type Loose = Readonly<Record<string, unknown>>;
const outcomes = ['stepped', 'skipped', 'tooManySkips', 'nonFinite'] as const;

/**
 * The base of all optimizers: it holds the parameter groups and takes one step of the engine at a time.
 *
 * Parameters are leaves of dtype float32, float64, float16, bfloat16, complex64 or complex128. State is kept in float32, or in
 * float64 for parameters of double precision. Parameters without a gradient are passed over.
 */
export abstract class Optimizer<G extends { lr?: number } = { lr?: number }> {
  /** The groups; their options can be assigned between steps. */
  readonly paramGroups: ParamGroup<G>[] = [];
  /** The clipping rule, or null. */
  readonly clip: Clipper | null;
  /** What a step does with gradients that hold NaN or inf. */
  readonly nonFinite: NonFinite;
  readonly #definition: Definition<G>;
  readonly #defaults: Loose;
  readonly #native: NativeOptimizer;
  readonly #maxConsecutiveSkips: number;
  readonly #custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined;
  #rows = new Float64Array(0);

  /** @internal */
  protected constructor(definition: Definition<G>, params: Parameters<G>, options: G & CommonOptions) {
    if (new.target === Optimizer) {
      throw new TorchClipError('ERR_ARGUMENT', 'Optimizer is the base class; make one of its kinds, such as optim.SGD');
    }
    if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
    const {
      clip = null,
      nonFinite,
      maxConsecutiveSkips = 100,
      writeBack = false,
      ...defaults
    } = options as CommonOptions;
    if (clip !== null && !(clip instanceof Clipper))
      throw invalidArgument('clip', 'a Clipper, such as clip.norm(1)', clip);
    const policy = nonFinite ?? (clip === null ? 'propagate' : 'skip');
    if (!policies.includes(policy)) throw invalidArgument('nonFinite', `one of ${policies.join(', ')}`, nonFinite);
    if (!Number.isSafeInteger(maxConsecutiveSkips) || maxConsecutiveSkips < 0) {
      throw invalidArgument('maxConsecutiveSkips', 'an integer >= 0', maxConsecutiveSkips);
    }
    if (typeof writeBack !== 'boolean') throw invalidArgument('writeBack', 'true or false', writeBack);
    this.clip = clip;
    this.nonFinite = policy;
    this.#definition = definition;
    this.#defaults = complete(definition, defaults as Loose, {}) as Loose;
    this.#maxConsecutiveSkips = maxConsecutiveSkips;
    const stages = clip?.stages ?? [];
    this.#native = native.optimCreate(stages.map(toNative), policies.indexOf(policy), maxConsecutiveSkips, writeBack);
    if (stages.some(({ custom }) => custom !== undefined)) {
      this.#custom = (stage, norms, numels) =>
        askCustom(
          stages[stage]!.custom!,
          wrap(norms).toTypedArray<Float64Array<ArrayBuffer>>(),
          wrap(numels).toTypedArray<BigInt64Array<ArrayBuffer>>(),
        );
    }

    const groups = groupsOf<G>(params);
    if (groups.length === 0) throw new TorchClipError('ERR_ARGUMENT', 'optimizer got an empty parameter list');
    for (const group of groups) this.addParamGroup(group);
  }

  /**
   * Adds a group, such as the layers that fine-tuning has unfrozen.
   *
   * @param group `params`, and the options that differ from the constructor's.
   */
  addParamGroup(group: GroupInput<G>): void {
    if (typeof group !== 'object' || group === null) throw invalidArgument('paramGroup', 'an object', group);
    const { params, ...own } = group;
    const list = Object.freeze(isTensor(params) ? [params] : elementsOf(iterable('params', params)));
    for (const param of list) checkParameter(param);
    const options = complete(this.#definition, own as Loose, this.#defaults);
    for (const param of list) {
      const problem = this.#definition.parameter?.(param);
      if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', problem);
    }
    native.optimAddGroup(
      this.#native,
      list.map((param) => param.handle),
    );
    this.paramGroups.push(Object.defineProperty(options, 'params', { value: list, enumerable: true }) as ParamGroup<G>);
    this.#rows = new Float64Array(this.paramGroups.length * rowLength);
  }

  /**
   * Clips the gradients and updates the parameters, in one call of the engine.
   *
   * A closure computes the loss again; it runs before the update, with gradients recorded.
   *
   * @returns what the closure returned.
   * @throws {TorchClipError} `ERR_NONFINITE` as `nonFinite` and `maxConsecutiveSkips` say. When a step throws, parameters and
   * state are as they were.
   *
   * @example
   * optimizer.zeroGrad();
   * loss.backward();
   * optimizer.step();
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    if (closure !== undefined && typeof closure !== 'function') throw invalidArgument('closure', 'a function', closure);
    const loss = closure && enableGrad(closure);
    this.takeStep();
    return loss;
  }

  /**
   * @internal
   * @param outside computes the step of a rule that leaves it to TypeScript; what it throws undoes the step.
   * @param exactly waits for the answer where only the device knows it.
   * @returns whether the step was taken: false where it was skipped; without `exactly` a GPU may say true of one that was skipped.
   */
  protected takeStep(outside?: () => void, exactly = false): boolean {
    if (exactly && isCapturing()) {
      throw new TorchClipError('ERR_STATE', 'a graph cannot capture a step whose learning rate counts the steps taken');
    }
    this.#fillRows();
    holdInGraph(this);
    const skipped = exactly ? this.#skipped() : 0;
    const outcome = outcomes[this.#ask(outside)];
    if (outcome === 'tooManySkips') {
      throw new TorchClipError(
        'ERR_NONFINITE',
        `more than maxConsecutiveSkips = ${this.#maxConsecutiveSkips} steps in a row had gradients with NaN or inf and were skipped`,
      );
    }
    if (outcome === 'nonFinite') {
      throw new TorchClipError(
        'ERR_NONFINITE',
        'gradients hold NaN or inf, and nonFinite is "error": nothing was changed',
      );
    }
    if (!exactly || outcome !== 'stepped') return outcome === 'stepped';
    return this.#skipped() === skipped && !(scaled?.optimizer === this && scaled.found?.item());
  }

  #skipped(): number {
    return native.optimCounters(this.#native)[0];
  }

  #ask(outside: (() => void) | undefined): number {
    if (scaled?.optimizer !== this) return native.optimStep(this.#native, this.#rows, this.#custom, outside);
    const { inverse } = scaled;
    const [outcome, found] = native.optimStepScaled(this.#native, this.#rows, this.#custom, outside, inverse.handle);
    scaled = { optimizer: this, inverse, found: found === null ? null : wrap(found) };
    return outcome;
  }

  /** @internal Tells the engine the options that steps in a graph are to go by in its next replay. */
  beforeReplay(): void {
    this.#fillRows();
    native.optimRefresh(this.#native, this.#rows);
  }

  /** @internal The engine's own state tensors of that name, one a parameter, null before its first step. */
  protected slots(name: string): (Tensor | null)[] {
    return this.paramGroups
      .flatMap((group) => {
        const slot = this.#rule(group).slots.indexOf(name);
        return group.params.map(() => slot);
      })
      .map((slot, parameter) => {
        const handle = native.optimSlot(this.#native, parameter, slot);
        return handle === null ? null : wrap(handle);
      });
  }

  /**
   * Clears the gradients of all parameters.
   *
   * @param options.setToNone drop them, which frees their memory, instead of filling them with 0; default true.
   */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const { setToNone = true } = given(options);
    if (typeof setToNone !== 'boolean') throw invalidArgument('setToNone', 'true or false', setToNone);
    native.optimZeroGrad(this.#native, setToNone);
  }

  /** What the last step's clipping saw: tensors of their own, which later steps leave alone. */
  get clipStats(): ClipStats {
    const stages = [new Seen(native.optimStats(this.#native, 0))];
    const count = this.clip?.stages.length ?? 0;
    for (let i = 1; i < count; i++) stages.push(new Seen(native.optimStats(this.#native, i)));
    return new SeenByAll(stages);
  }

  /**
   * Copies of all state and options, in the layout and under the names of PyTorch's optimizer of the same name, which can load
   * it; `clip` holds what PyTorch has no place for.
   */
  stateDict(): OptimizerStateDict {
    return saveState({
      groups: this.paramGroups as unknown as readonly SavedGroup[],
      rules: this.paramGroups.map((group) => this.#rule(group)),
      states: native.optimState(this.#native),
      begins: this.paramGroups.map((group) => this.#definition.begin?.(group as unknown as Required<G>)),
      clip: this.clip,
      counters: native.optimCounters(this.#native),
      stages: native.optimStages(this.#native),
    });
  }

  /**
   * Takes over the options and state of a `stateDict()` of this optimizer, or of PyTorch's of the same name: the next
   * steps are those that its owner would have taken, bit for bit.
   *
   * @throws {TorchClipError} `ERR_STATE` when it was saved for other groups, shapes or another clipper (delete its `clip` to load
   * it under another one); nothing changes then.
   */
  loadStateDict(stateDict: OptimizerStateDict): void {
    const held = new Held();
    const restored: Restored<G> = parseState(stateDict, this.#definition, this.paramGroups, this.clip, held);
    const [skipped, consecutive] = restored.clip?.counters ?? native.optimCounters(this.#native);
    const stages = restored.clip?.stages ?? native.optimStages(this.#native);
    if (restored.clip === undefined) {
      // What the engine hands out has an owner, too.
      for (const [, , , numbers, history, lengths, tap, elements] of stages) {
        for (const handle of [numbers, history, lengths, tap, ...elements])
          if (handle !== null) held.handle(wrap(handle));
      }
    }
    native.optimLoad(this.#native, restored.states, skipped, consecutive, stages, held);
    for (const [i, options] of restored.groups.entries()) Object.assign(this.paramGroups[i]!, options);
  }

  /** The options of each group, as PyTorch prints an optimizer. */
  toString(): string {
    const groups = this.paramGroups.map((group, i) => {
      const options = Object.entries(group).filter(([name]) => name !== 'params');
      const lines = options
        .sort()
        .map(([name, value]) => `    ${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : value}\n`);
      return `Parameter Group ${i}\n${lines.join('')}`;
    });
    return `${this.#definition.name} (\n${groups.join('\n')})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  #rule(group: ParamGroup<G>): Rule {
    return ruleOf(this.#definition.rule(group as unknown as Required<G>));
  }

  #fillRows(): void {
    let start = 0;
    for (const [i, group] of this.paramGroups.entries()) {
      const options = group as unknown as Loose;
      const rule = this.#rule(group);
      let at = start;
      this.#rows[at++] = rule.index;
      this.#rows[at++] = Number(options.maximize);
      for (const { option, read } of rule.readers) {
        let value = read(options);
        if (value === null && this.#definition.options[option as keyof G].default === null) value = Number.NaN;
        if (typeof value !== 'number' && typeof value !== 'boolean') {
          throw invalidArgument(`paramGroups[${i}].${option}`, 'a number', value);
        }
        this.#rows[at++] = Number(value);
      }
      start += rowLength;
    }
  }
}

// Classes: V8 puts the getter of an object literal into its old space, and with it all that it reads, until that is marked.
class Seen implements StageStats {
  readonly norm: Tensor;
  readonly coefficient: Tensor;
  readonly threshold: Tensor;
  readonly clipped: Tensor;
  readonly skipped: Tensor;
  // No #names: `scope` keeps what it finds.
  private readonly tap: Tensor;
  private readonly taps: Tensor | null;

  constructor([norm, coefficient, threshold, clipped, tap, taps, skipped]: NativeStats) {
    // Each has an owner, whether it is asked for or not.
    this.norm = wrap(norm);
    this.coefficient = wrap(coefficient);
    this.threshold = wrap(threshold);
    this.clipped = wrap(clipped);
    this.skipped = wrap(skipped);
    this.tap = wrap(tap);
    this.taps = taps && wrap(taps);
  }

  get history(): Tensor {
    return this.taps === null ? this.tap : unrolled(this.tap, this.taps.item());
  }
}

class SeenByAll implements ClipStats {
  readonly norm: Tensor;
  readonly coefficient: Tensor;
  readonly threshold: Tensor;
  readonly clipped: Tensor;
  readonly skipped: Tensor;

  constructor(readonly stages: Seen[]) {
    const [first] = stages as [Seen];
    this.norm = first.norm;
    this.coefficient = first.coefficient;
    this.threshold = first.threshold;
    this.clipped = first.clipped;
    this.skipped = first.skipped;
  }

  get history(): Tensor {
    return this.stages[0]!.history;
  }
}

// What a ring holds, oldest first, after so many numbers have been written.
function unrolled(ring: Tensor, written: bigint | number): Tensor {
  const size = ring.numel();
  const count = Number(written);
  return count < size ? ring.narrow(0, 0, count) : ring.roll(-(count % size));
}

function iterable<T>(name: string, value: Iterable<T>): Iterable<T> {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value) || isTensor(value)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `${name} argument given to the optimizer should be an iterable of Tensors or groups, but got ${describe(value)}`,
    );
  }
  return value;
}

function groupsOf<G extends object>(params: Parameters<G>): GroupInput<G>[] {
  const list = elementsOf(iterable<Tensor | GroupInput<G>>('params', params));
  const isGroup = (entry: unknown): entry is GroupInput<G> =>
    typeof entry === 'object' && entry !== null && !isTensor(entry) && Object.hasOwn(entry, 'params');
  if (list.some(isGroup)) {
    list.forEach((entry, i) => {
      if (!isGroup(entry)) throw invalidArgument(`params[${i}]`, 'a parameter group, as others are', entry);
    });
    return list as GroupInput<G>[];
  }
  return list.length === 0 ? [] : [{ params: list as Tensor[] } as GroupInput<G>];
}

function checkParameter(param: unknown): asserts param is Tensor {
  if (!isTensor(param)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `optimizer can only optimize Tensors, but one of the params is ${describe(param)}`,
    );
  }
  if (!param.isLeaf && !param.retainsGrad())
    throw new TorchClipError('ERR_ARGUMENT', "can't optimize a non-leaf Tensor");
}
