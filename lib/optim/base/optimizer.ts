import { enableGrad, noGrad } from '../../autograd.js';
import { native } from '../../binding/index.js';
import { callable, check, flag, instance, integer, oneOf, orNull } from '../../check.js';
import { Clipper } from '../../clip/clipper.js';
import { askCustom } from '../../clip/compose.js';
import { toNative } from '../../clip/native.js';
import { holdInGraph, isCapturing } from '../../cuda/graph.js';
import { engine } from '../../engine.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { strided } from '../../layout.js';
import { optionsOf, readAll, unknownOption } from '../../options.js';
import { keep } from '../../scope.js';
import { type Handle, type HookHandle, isTensor, type Tensor, wrap } from '../../tensor.js';
import {
  blankStage,
  load,
  type NativeOptimizer,
  type ParameterState,
  type Rule,
  ruleOf,
  slotOf,
  stagesOf,
  statesOf,
} from '../engine/native.js';
import { AssignedOptions, complete, type Definition, ignoredOptions } from '../engine/options.js';
import { type OptimizerStateDict, parseState, type SavedGroup, saveState, withoutStates } from '../state/state-dict.js';
import {
  countSteps,
  countsItself,
  type HookKind,
  type HookOptions,
  type HooksOf,
  OptimizerHooks,
  type StateDictHook,
  type StepPostHook,
  type StepPreHook,
} from './hooks.js';
import { definitionOf, OwnStates, type ParameterStates } from './own-state.js';
import { type GroupInput, groupsOf, type Parameters, type ParamGroup, parametersOf } from './parameters.js';
import { type ClipStats, clipStatsOf } from './stats.js';
import { parseStepper, refuseStepper, type Stepper, type StepperGroup, saveStepper } from './stepper.js';

/** What a step does with gradients that hold NaN or inf. */
export type NonFinite = 'propagate' | 'skip' | 'zero' | 'error';

const policies = engine.policies as readonly NonFinite[];

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
   *
   * What the forward pass has written is written, whatever the step does: the running statistics of BatchNorm hold the NaN of their batch.
   */
  nonFinite?: NonFinite;
  /** `step` throws `ERR_NONFINITE` when it has skipped more often than this in a row; default 100. */
  maxConsecutiveSkips?: number;
  /** Store the clipped gradients in `grad`, for code that reads them after the step; default false. */
  writeBack?: boolean;
  /** Ignored, as every step is fused. */
  fused?: boolean | null;
  /** Ignored, as every step is fused. */
  foreach?: boolean | null;
  /** Ignored, as a graph can capture every step. */
  capturable?: boolean;
  /** Only false: autograd does not see a fused step. */
  differentiable?: false;
}

const commonTable = {
  clip: [{ ...orNull(instance(Clipper, 'a Clipper')), expected: 'a Clipper, such as clip.norm(1), or null' }, null],
  nonFinite: [oneOf(...policies), undefined],
  maxConsecutiveSkips: [integer(0), 100],
  writeBack: [flag, false],
} as const;

/** The options of every optimizer, checked, and those of groups. */
function splitOptions<G>(definition: Definition<G>, options: unknown, engine: boolean) {
  const read = readAll(definition.name, options);
  const known = [...Object.keys(definition.options), ...(engine ? Object.keys(commonTable) : [])];
  const unknown = Object.keys(read).find((name) => !known.includes(name) && !ignoredOptions.includes(name as never));
  if (unknown !== undefined) throw unknownOption(definition.name, unknown, known);
  const { clip, nonFinite, maxConsecutiveSkips, writeBack, ...own } = read;
  return { common: readCommon({ clip, nonFinite, maxConsecutiveSkips, writeBack }, definition.name), own };
}
const readCommon = optionsOf('an optimizer', commonTable);
const readZeroGrad = optionsOf('zeroGrad()', { setToNone: [flag, true] });

export type { GroupInput, Parameters, ParamGroup } from './parameters.js';

/** @internal What a subclass or a gradient scaler asks of one step. */
export interface StepRequest {
  /** Computes the step of a rule that leaves it to TypeScript; what it throws undoes the step. */
  readonly outside?: () => void;
  /** A tensor of one number that gradients are multiplied by first; a step that then finds NaN or inf in them is skipped. */
  readonly inverse?: Tensor;
  /** Waits for the answer where only the device knows it. */
  readonly exactly?: boolean;
}

/** @internal The result of one step. */
export interface StepResult {
  /** False where the step was skipped; without `exactly` a GPU may say true of one that was. */
  readonly taken: boolean;
  /** With `inverse`: 1 where gradients held NaN or inf, else 0, on the device; null where no parameter has a gradient. */
  readonly found: Tensor | null;
  /** The error that the step must throw. */
  readonly refusal?: TorchClipError;
}

/** What an optimizer with a step of its own has no use for: the engine's options. */
function refuseCommon(name: string, options: object): void {
  const given = ['clip', 'nonFinite', 'maxConsecutiveSkips', 'writeBack'].find((option) =>
    Object.hasOwn(options, option),
  );
  if (given === undefined) return;
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `${name} has no option "${given}": it takes its steps itself; clip gradients before them, by nn.utils.clipGradNorm_ for example`,
  );
}

// Shared, so that an ordinary step allocates neither of them.
const ordinary: StepRequest = {};
const stepped: StepResult = { taken: true, found: null };
const skipped: StepResult = { taken: false, found: null };
const refused = (why: string): StepResult => ({ ...skipped, refusal: new TorchClipError('ERR_NONFINITE', why) });

const isSparseRefusal = (error: unknown) =>
  error instanceof TorchClipError && error.message.includes('a sparse gradient is not supported');

type Loose = Readonly<Record<string, unknown>>;

/**
 * The base of all optimizers: it holds the parameter groups and takes one step of the engine at a time.
 *
 * Parameters are leaves of dtype float32, float64, float16, bfloat16, complex64 or complex128. State is kept in float32, or in
 * float64 for parameters of double precision. Parameters without a gradient are passed over.
 *
 * A subclass of your own calls the constructor with the parameters and the defaults of its options, overrides `step`, and keeps what it
 * remembers of a parameter in {@link state}. Schedulers, gradient scalers, hooks and state dicts work with it as with the others.
 *
 * @example
 * class SignSGD extends optim.Optimizer<{ lr?: number }> {
 *   constructor(params: Iterable<Tensor>, { lr = 0.01 } = {}) {
 *     super(params, { lr });
 *   }
 *   override step(): undefined {
 *     torch.noGrad(() => {
 *       for (const { params, lr } of this.paramGroups) {
 *         for (const p of params) if (p.grad) p.sub_(p.grad.sign(), { alpha: lr });
 *       }
 *     });
 *   }
 * }
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
  readonly #assigned: AssignedOptions<G>;
  readonly #native: NativeOptimizer;
  readonly #maxConsecutiveSkips: number;
  readonly #writeBack: boolean;
  readonly #custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined;
  readonly #stepper: Stepper<G> | null;
  readonly #own: OwnStates | null;
  // The lists of parameters that the engine knows, in its order.
  readonly #known: (readonly Tensor[])[] = [];
  #hooks: OptimizerHooks<this> | undefined;
  #running = false;
  #engineRuns = false;
  // What a stepper keeps that belongs to no parameter, before its first step.
  readonly #initial: Readonly<Record<string, unknown>>;
  #settings = new Float64Array(0);
  /** @internal How many steps were requested, taken or not. */
  stepCalls = 0;

  /** For a subclass with a step of its own: the parameters or groups, and the options with their defaults. */
  protected constructor(params: Parameters<G>, defaults: G);
  /**
   * @internal
   * @param stepper takes the steps instead of the engine.
   */
  protected constructor(
    definition: Definition<G>,
    params: Parameters<G>,
    options: G & CommonOptions,
    stepper?: Stepper<G> | null,
  );
  protected constructor(
    first: Definition<G> | Parameters<G>,
    second: Parameters<G> | G,
    third?: G & CommonOptions,
    stepper: Stepper<G> | null = null,
  ) {
    if (new.target === Optimizer) {
      throw new TorchClipError('ERR_ARGUMENT', 'Optimizer is the base class; make one of its kinds, such as optim.SGD');
    }
    const extended = third === undefined;
    const options = (extended ? second : third) as G & CommonOptions;
    const params = (extended ? first : second) as Parameters<G>;
    const definition = extended
      ? definitionOf(new.target.name, readAll(new.target.name, options) as G)
      : (first as Definition<G>);
    const stepsItself = extended || definition.own === true;
    if (stepsItself) refuseCommon(definition.name, options);
    const { common, own } = splitOptions(definition, options, stepper === null && !stepsItself);
    const { clip, maxConsecutiveSkips, writeBack } = common;
    const policy = common.nonFinite ?? (clip === null ? 'propagate' : 'skip');
    this.clip = clip;
    this.nonFinite = policy;
    this.#definition = definition;
    this.#defaults = complete(definition, own, {}) as Loose;
    this.#assigned = new AssignedOptions(definition);
    this.#maxConsecutiveSkips = maxConsecutiveSkips;
    this.#writeBack = writeBack;
    this.#stepper = stepper;
    this.#own = stepsItself ? new OwnStates() : null;
    countSteps(new.target.prototype);
    const stages = clip?.stages ?? [];
    this.#native = native.optimCreate({ stages: stages.map(toNative), policy, maxConsecutiveSkips, writeBack });
    if (stages.some(({ custom }) => custom !== undefined)) {
      this.#custom = (stage, norms, numels) =>
        askCustom(
          stages[stage]!.custom!,
          wrap(norms).toTypedArray<Float64Array<ArrayBuffer>>(),
          wrap(numels).toTypedArray<BigInt64Array<ArrayBuffer>>(),
        );
    }

    for (const group of groupsOf<G>(params)) this.addParamGroup(group);
    this.#initial = stepper?.save(this.#params()).shared ?? {};
  }

  /**
   * Adds a group, such as the layers that fine-tuning has unfrozen.
   *
   * @param group `params`, and the options that differ from the constructor's.
   */
  addParamGroup(group: GroupInput<G>): void {
    const owner = `a parameter group of ${this.#definition.name}`;
    const { params, ...own } = readAll(owner, group) as GroupInput<G>;
    const { list, names } = parametersOf(params);
    const options = complete(this.#definition, own, this.#defaults, { owner });
    for (const param of list) {
      const problem = this.#definition.parameter?.(param);
      if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', problem);
    }
    native.optimAddGroup(
      this.#native,
      list.map((param) => param.handle),
    );
    const added = Object.defineProperty(options, 'params', { value: list, enumerable: true }) as ParamGroup<G>;
    if (names !== undefined) Object.defineProperty(added, 'paramNames', { value: names, enumerable: true });
    this.paramGroups.push(added);
    this.#known.push(list);
    this.#settings = new Float64Array(this.paramGroups.length * engine.groupLength);
  }

  /**
   * Clips the gradients and updates the parameters, in one call of the engine.
   *
   * A closure computes the loss again; it runs before the update, with gradients recorded.
   *
   * @returns what the closure returned.
   * @throws {TorchClipError} `ERR_NONFINITE` as `nonFinite` and `maxConsecutiveSkips` say, `ERR_STATE` where `paramGroups` no longer holds
   * the groups that were added. When a step throws, parameters and state are as they were.
   *
   * @example
   * optimizer.zeroGrad();
   * loss.backward();
   * optimizer.step();
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    if (closure !== undefined) check('closure', closure, callable());
    return this.#hooks === undefined || this.#running
      ? this.#step(closure)
      : this.#hooked(closure === undefined ? [] : [closure], (args) => this.#step(args[0] as (() => T) | undefined));
  }

  #step<T>(closure: (() => T) | undefined): T | undefined {
    if (this.#own !== null) throw new TorchClipError('ERR_STATE', `${this.constructor.name} has no step() of its own`);
    this.stepCalls++;
    this.beforeStep();
    const loss = closure && enableGrad(closure);
    // The closure may have changed what the step is to find.
    if (closure !== undefined) this.beforeStep();
    const stepper = this.#stepper;
    if (stepper === null) {
      const { refusal } = this.#take(ordinary);
      if (refusal !== undefined) throw refusal;
    } else {
      this.#checkAssigned();
      noGrad(() => stepper.step(this.paramGroups as unknown as readonly StepperGroup<G>[]));
    }
    return loss;
  }

  #hooked<T>(args: readonly unknown[], body: (args: readonly unknown[]) => T): T {
    this.#running = true;
    try {
      const given = this.#hooks?.beforeStep(this, args) ?? args;
      const result = body(given);
      this.#hooks?.afterStep(this, given);
      return result;
    } finally {
      this.#running = false;
    }
  }

  /** @internal Runs a step that a subclass has overridden, with the hooks. */
  runOwnStep<T>(args: readonly unknown[], body: (args: readonly unknown[]) => T): T {
    if (this.#running) return body(args);
    this.stepCalls++;
    return this.#hooked(args, body);
  }

  /** @internal Whether {@link stepScaled} takes the step that `step` would take. */
  get takesScaledSteps(): boolean {
    return this.#stepper === null && this.#own === null && this.step === Optimizer.prototype.step;
  }

  /** @internal As `step`, with gradients that are first multiplied by a tensor of one number; returns the refusal instead of throwing it. */
  stepScaled(inverse: Tensor): StepResult {
    const take = () => {
      this.stepCalls++;
      this.beforeStep();
      return this.#take({ inverse });
    };
    return this.#hooks === undefined ? take() : this.#hooked([], take);
  }

  #take(request: StepRequest): StepResult {
    this.#engineRuns = true;
    try {
      return this.takeStep(request);
    } catch (error) {
      if (!this.#definition.sparse || !isSparseRefusal(error)) throw error;
      return this.#takeDense(request);
    } finally {
      this.#engineRuns = false;
    }
  }

  /** Takes the step with sparse gradients made dense. The refusal that led here has changed nothing. */
  #takeDense(request: StepRequest): StepResult {
    const sparse = this.#params().flatMap((param) => {
      const { grad } = param;
      return grad === null || grad.layout === strided ? [] : [[param, grad, keep(grad.toDense())] as const];
    });
    for (const [param, , dense] of sparse) param.grad = dense;
    try {
      return this.takeStep(request);
    } finally {
      if (!this.#writeBack) for (const [param, grad] of sparse) param.grad = grad;
    }
  }

  /** @internal Whether the engine is in the middle of a step, from which custom clippers are called. */
  protected get engineRuns(): boolean {
    return this.#engineRuns;
  }

  /** @internal Refuses a step by an error, before anything else of it happens and again after its closure. */
  protected beforeStep(): void {}

  /** @internal Has the engine take a step. */
  protected takeStep({ outside, inverse, exactly = false }: StepRequest): StepResult {
    if (exactly && isCapturing()) {
      throw new TorchClipError(
        'ERR_STATE',
        'a graph cannot capture a step of an optimizer whose learning rate depends on how many steps were taken',
      );
    }
    this.#fillSettings();
    holdInGraph(this);
    const before = exactly ? this.#skipped() : 0;
    const [optimizer, settings, custom] = [this.#native, this.#settings, this.#custom];
    if (inverse === undefined) {
      const result = this.#resultOf(native.optimStep(optimizer, settings, custom, outside));
      return exactly && result.taken && this.#skipped() > before ? skipped : result;
    }
    const { outcome, found: handle } = native.optimStep(optimizer, settings, custom, outside, inverse.handle);
    const found = handle === null ? null : wrap(handle);
    const { taken, refusal } = this.#resultOf(outcome);
    return { taken: taken && !(exactly && (this.#skipped() > before || found?.item() !== 0)), found, refusal };
  }

  #resultOf(outcome: number): StepResult {
    switch (engine.outcomes[outcome]) {
      case 'stepped':
        return stepped;
      case 'tooManySkips':
        return refused(
          `more than maxConsecutiveSkips = ${this.#maxConsecutiveSkips} steps in a row had gradients with NaN or inf and were skipped`,
        );
      case 'nonFinite':
        return refused('gradients hold NaN or inf, and nonFinite is "error": nothing was changed');
    }
    return skipped;
  }

  #skipped(): number {
    return native.optimCounters(this.#native).skipped;
  }

  /** @internal Tells the engine the options that the steps of a graph use in its next replay. */
  beforeReplay(): void {
    this.#fillSettings();
    native.optimRefresh(this.#native, this.#settings);
  }

  /** @internal The engine's own state tensors of that name, one per parameter, null before its first step. */
  protected slots(name: string): (Tensor | null)[] {
    return this.paramGroups
      .flatMap((group) => {
        const slot = this.#rule(group).slots.indexOf(name);
        return group.params.map(() => slot);
      })
      .map((slot, parameter) => slotOf(this.#native, parameter, slot));
  }

  /**
   * Clears the gradients of all parameters.
   *
   * @param options.setToNone drop them, which frees their memory, instead of filling them with 0; default true.
   */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const { setToNone } = readZeroGrad(options);
    native.optimZeroGrad(this.#native, setToNone);
  }

  /** What the last step's clipping saw: tensors of their own, which later steps leave alone. */
  get clipStats(): ClipStats {
    return clipStatsOf(this.#native, this.clip?.stages.length ?? 1);
  }

  /**
   * What is remembered of each parameter, under the names of PyTorch's state; empty before the first step. Of a subclass with a step of its
   * own, which reads and writes it: `get` then makes an empty entry where there is none. Of the others, the engine's own tensors, as they
   * are now.
   */
  get state(): ParameterStates {
    if (this.#own !== null) return this.#own;
    const states = new OwnStates();
    const { state } = this.liveDict();
    for (const [number, param] of this.#params().entries()) {
      const entry = state[number];
      if (entry !== undefined) states.set(param, entry);
    }
    return states;
  }

  /**
   * Copies of all state and options, in the layout and under the names of PyTorch's optimizer of the same name, which can load
   * it; `clip` holds what PyTorch has no place for.
   */
  stateDict(): OptimizerStateDict {
    this.#hooks?.beforeStateDict(this);
    const dict = this.saveDict();
    return this.#hooks?.afterStateDict(this, dict) ?? dict;
  }

  /** @internal {@link stateDict} without its hooks. */
  protected saveDict(): OptimizerStateDict {
    const dict = this.#save(true);
    if (this.#own !== null) this.#own.save(dict, this.#params());
    return this.#stepper === null ? dict : saveStepper(dict, this.#stepper, this.#params());
  }

  /** @internal A state dict of the very tensors, for {@link state}. */
  protected liveDict(): OptimizerStateDict {
    const dict = this.#save(false);
    return this.#stepper === null ? dict : saveStepper(dict, this.#stepper, this.#params());
  }

  #save(copies: boolean): OptimizerStateDict {
    this.#checkAssigned();
    return saveState({
      groups: this.paramGroups as unknown as readonly SavedGroup[],
      rules: this.paramGroups.map((group) => this.#rule(group)),
      states: copies ? statesOf(this.#native) : this.#liveStates(),
      begins: this.paramGroups.map((group) => this.#definition.begin?.(group as unknown as Required<G>)),
      clip: this.clip,
      counters: native.optimCounters(this.#native),
      stages: stagesOf(this.#native),
    });
  }

  #liveStates(): ParameterState[] {
    return statesOf(this.#native).map((state, parameter) => ({
      ...state,
      slots: state.slots.map((slot, k) => slot && slotOf(this.#native, parameter, k)),
    }));
  }

  /**
   * Takes over the options and state of a `stateDict()` of this optimizer, or of PyTorch's of the same name: the next
   * steps are those that its owner would have taken, bit for bit.
   *
   * @throws {TorchClipError} `ERR_STATE` when it was saved for other groups, shapes or another clipper (delete its `clip` to load
   * it under another one); nothing changes then.
   */
  loadStateDict(stateDict: OptimizerStateDict): void {
    const given = this.#hooks?.beforeLoadStateDict(this, stateDict) ?? stateDict;
    this.loadDict(given);
    this.#hooks?.afterLoadStateDict(this);
  }

  /** @internal {@link loadStateDict} without its hooks. */
  protected loadDict(stateDict: OptimizerStateDict): void {
    this.#checkGroups();
    if (this.#own !== null) {
      const takeOver = this.#own.parse(stateDict, this.paramGroups);
      this.#load(withoutStates(stateDict));
      takeOver();
      return;
    }
    if (this.#stepper === null) {
      refuseStepper(stateDict);
      this.#load(stateDict);
      return;
    }
    const takeOver = parseStepper(stateDict, this.#stepper, this.paramGroups);
    // The engine has no state; it checks the groups, and changes nothing where they do not fit.
    this.#load(withoutStates(stateDict));
    takeOver();
  }

  /**
   * Forgets what the parameters' state and the clippers' memories hold, as if no step had been taken; groups, options and the counts of
   * skipped steps stay.
   */
  resetState(): void {
    this.forget();
  }

  /** @internal {@link resetState}, for subclasses that remember more. */
  protected forget(): void {
    this.#checkGroups();
    const blank = this.#known.flat().map(() => ({ step: 0, slots: [], scalars: [] }));
    const stages = stagesOf(this.#native).map(blankStage);
    load(this.#native, { ...native.optimCounters(this.#native), states: blank, stages });
    this.#own?.clear();
    this.#stepper?.parse({ own: this.#params().map(() => null), shared: this.#initial }, this.#params())();
  }

  #checkGroups(): void {
    const same =
      this.paramGroups.length === this.#known.length &&
      this.#known.every((list, i) => this.paramGroups[i]!.params === list);
    if (same) return;
    throw new TorchClipError(
      'ERR_STATE',
      'paramGroups must hold the groups that were added, in their order: to stop training a group, set its lr to 0 or make another optimizer',
    );
  }

  /** Calls `hook` before each step with the arguments of `step`; an array that it returns takes their place. */
  registerStepPreHook(hook: StepPreHook<this>, options?: HookOptions): HookHandle {
    return this.#hook('stepPre', hook, options);
  }
  /** Calls `hook` after each step with the arguments of `step`. */
  registerStepPostHook(hook: StepPostHook<this>, options?: HookOptions): HookHandle {
    return this.#hook('stepPost', hook, options);
  }
  /** Calls `hook` before `stateDict()`. */
  registerStateDictPreHook(hook: (optimizer: this) => void, options?: HookOptions): HookHandle {
    return this.#hook('saving', hook, options);
  }
  /** Calls `hook` with what `stateDict()` returns; a state dict that it returns takes its place. */
  registerStateDictPostHook(hook: StateDictHook<this>, options?: HookOptions): HookHandle {
    return this.#hook('saved', hook, options);
  }
  /** Calls `hook` with what `loadStateDict()` is given; a state dict that it returns takes its place. */
  registerLoadStateDictPreHook(hook: StateDictHook<this>, options?: HookOptions): HookHandle {
    return this.#hook('loading', hook, options);
  }
  /** Calls `hook` after `loadStateDict()`. */
  registerLoadStateDictPostHook(hook: (optimizer: this) => void, options?: HookOptions): HookHandle {
    return this.#hook('loaded', hook, options);
  }

  #hook<K extends HookKind>(kind: K, hook: HooksOf<this>[K], options?: HookOptions): HookHandle {
    this.#hooks ??= new OptimizerHooks<this>();
    return this.#hooks.add(kind, hook, options);
  }

  #load(stateDict: OptimizerStateDict): void {
    const { groups, states, clip } = parseState<G>(stateDict, this.#definition, this.paramGroups, this.clip);
    const { counters, stages } = clip ?? {
      counters: native.optimCounters(this.#native),
      stages: stagesOf(this.#native),
    };
    load(this.#native, { ...counters, states, stages });
    for (const [i, options] of groups.entries()) Object.assign(this.paramGroups[i]!, options);
  }

  #params(): Tensor[] {
    return this.paramGroups.flatMap(({ params }) => params);
  }

  /** The options of each group, as PyTorch prints an optimizer. */
  toString(): string {
    const groups = this.paramGroups.map((group, i) => {
      const options = Object.entries(group).filter(([name]) => name !== 'params' && name !== 'paramNames');
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

  /** Options that were assigned since the last step are those that the constructor accepts. */
  #checkAssigned(): void {
    this.#checkGroups();
    // What the options of a user's own optimizer may be is the user's to say.
    if (this.#own !== null && this.#definition.own !== true) return;
    for (let i = 0; i < this.paramGroups.length; i++) this.#assigned.check(this.paramGroups[i] as unknown as Loose, i);
  }

  #fillSettings(): void {
    this.#checkAssigned();
    let start = 0;
    for (const [i, group] of this.paramGroups.entries()) {
      const options = group as unknown as Loose;
      const rule = this.#rule(group);
      let at = start;
      this.#settings[at++] = rule.index;
      this.#settings[at++] = Number(options.maximize);
      for (const { option, read } of rule.readers) {
        let value = read(options);
        if (isTensor(value) && value.numel() === 1) value = value.item();
        if (value === null && this.#definition.options[option as keyof G][1] === null) value = Number.NaN;
        if (typeof value !== 'number' && typeof value !== 'boolean') {
          throw invalidArgument(`paramGroups[${i}].${option}`, 'a number', value);
        }
        this.#settings[at++] = Number(value);
      }
      start += engine.groupLength;
    }
  }
}

countsItself(Optimizer.prototype.step);
