import { noGrad } from '../../autograd/index.js';
import { native } from '../../binding/index.js';
import { callable, check, flag, type Kind } from '../../check.js';
import { type Clipper, describeStage } from '../../clip/clipper.js';
import { toNative } from '../../clip/native-stage.js';
import type { ProcessGroup } from '../../distributed/group.js';
import type { ShardedParameters } from '../../distributed/sharded-parameters.js';
import { TorchClipError } from '../../errors.js';
import { optionsOf, readAll } from '../../options.js';
import type { HookHandle, Tensor } from '../../tensor.js';
import { announceGradients } from '../engine/arrivals.js';
import type { Definition } from '../engine/definition.js';
import { type NativeOptimizer, slotOf, statesOf } from '../engine/native-optimizer.js';
import type { OptimizerStateDict, ShardedStateDict } from '../state/state-dict.js';
import { lossOf } from './closure.js';
import { type CommonOptions, type NonFinite, refuseCommon, splitOptions } from './common-options.js';
import { EngineSteps, ordinary, type StepRequest, type StepResult } from './engine-steps.js';
import { AddedGroups, groupsText } from './groups.js';
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
import { OptimizerState } from './optimizer-state.js';
import { definitionOf, OwnStates, type ParameterStates } from './own-state.js';
import { type GroupInput, groupsOf, type Options, type Parameters, type ParamGroup } from './parameters.js';
import { isSparseRefusal, type SparseState, withDenseGradients, withSparseUpdates } from './sparse.js';
import { type ClipStats, clipStatsOf } from './stats.js';
import type { Stepper, StepperGroup } from './stepper.js';

export type { CommonOptions, NonFinite } from './common-options.js';
export type { GroupInput, Options, Parameters, ParamGroup } from './parameters.js';

const readZeroGrad = optionsOf('zeroGrad()', { setToNone: [flag, true] });

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
  readonly #native: NativeOptimizer;
  readonly #groups: AddedGroups<G>;
  readonly #steps: EngineSteps<G>;
  readonly #writeBack: boolean;
  readonly #stepper: Stepper<G> | null;
  readonly #own: OwnStates | null;
  #hooks: OptimizerHooks<this> | undefined;
  #running = false;
  #engineRuns = false;
  #sharedBy: ProcessGroup | null = null;
  #savesParts = false;
  readonly #state: OptimizerState<G>;
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
    options: Options<G> & CommonOptions,
    stepper?: Stepper<G> | null,
  );
  protected constructor(
    first: Definition<G> | Parameters<G>,
    second: Parameters<G> | G,
    third?: Options<G> & CommonOptions,
    stepper: Stepper<G> | null = null,
  ) {
    if (new.target === Optimizer) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        'Optimizer is the base class: create one of its subclasses, such as optim.SGD',
      );
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
    this.#groups = new AddedGroups(definition, own, extended);
    this.#writeBack = writeBack;
    this.#stepper = stepper;
    this.#own = stepsItself ? new OwnStates() : null;
    countSteps(new.target.prototype);
    const stages = clip?.stages ?? [];
    this.#native = native.optimCreate({ stages: stages.map(toNative), policy, maxConsecutiveSkips, writeBack });
    this.#steps = new EngineSteps(this.#native, this.#groups, { stages, maxConsecutiveSkips });

    for (const group of groupsOf<G>(params)) this.addParamGroup(group);
    this.#state = new OptimizerState({
      native: this.#native,
      added: this.#groups,
      groups: () => this.paramGroups,
      clip,
      own: this.#own,
      stepper,
    });
  }

  /**
   * Adds a group, such as the layers that fine-tuning has unfrozen.
   *
   * @param group `params`, and the options that differ from the constructor's.
   */
  addParamGroup(group: GroupInput<G>): void {
    this.#groups.check(this.paramGroups);
    const outside = this.#own !== null || this.#stepper !== null;
    this.paramGroups.push(this.#groups.add(this.#native, group, outside));
    this.#steps.fit(this.paramGroups.length);
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
    return this.#sharedBy === null || this.#running
      ? this.#withHooks(closure)
      : this.#together(() => this.#withHooks(closure));
  }

  #withHooks<T>(closure: (() => T) | undefined): T | undefined {
    return this.#hooks === undefined || this.#running
      ? this.#step(closure)
      : this.#hooked(closure === undefined ? [] : [closure], (args) => this.#step(args[0] as (() => T) | undefined));
  }

  // A step that all ranks take: where this one fails before it asks the engine, the others' fail, too.
  #together<T>(take: () => T): T {
    if (this.#sharedBy?.busy !== undefined) {
      throw new TorchClipError(
        'ERR_STATE',
        'step() cannot follow a collective that is under way: await that one first',
      );
    }
    const { asked } = this.#steps;
    try {
      return take();
    } catch (error) {
      if (this.#steps.asked === asked) native.optimFail(this.#native);
      throw error;
    }
  }

  #step<T>(closure: (() => T) | undefined): T | undefined {
    if (this.#own !== null) throw new TorchClipError('ERR_STATE', `${this.constructor.name} has no step() of its own`);
    this.stepCalls++;
    this.beforeStep();
    const loss = closure && lossOf(closure);
    // The closure may have changed what the step is to find.
    if (closure !== undefined) this.beforeStep();
    const stepper = this.#stepper;
    if (stepper === null) {
      const { refusal } = this.#take(ordinary);
      if (refusal !== undefined) throw refusal;
    } else {
      this.#groups.checkAssigned(this.paramGroups);
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
    const hooked = () => (this.#hooks === undefined ? take() : this.#hooked([], take));
    return this.#sharedBy === null ? hooked() : this.#together(hooked);
  }

  #take(request: StepRequest): StepResult {
    this.#engineRuns = true;
    try {
      return this.takeStep(request);
    } catch (error) {
      if (this.#sharedBy !== null || !this.#groups.definition.sparse || !isSparseRefusal(error)) throw error;
      return this.#takeSparse(request);
    } finally {
      this.#engineRuns = false;
    }
  }

  // On its own, since a closure in #take would cost every step an allocation.
  #takeSparse(request: StepRequest): StepResult {
    const { sparseRule } = this.#groups.definition;
    const plain = this.clip === null && this.nonFinite === 'propagate' && request.inverse === undefined;
    if (sparseRule !== undefined && plain) {
      const groups = this.paramGroups as unknown as readonly (Required<G> & { readonly params: readonly Tensor[] })[];
      const result = withSparseUpdates(
        groups,
        sparseRule,
        (parameter) => this.#stateOf(parameter),
        () => this.takeStep(request),
      );
      if (result !== undefined) return result;
    }
    return withDenseGradients(this.#state.params(), this.#writeBack, () => this.takeStep(request));
  }

  #stateOf(parameter: number): SparseState {
    return {
      advance: () => native.optimAdvance(this.#native, parameter),
      slot: (name) => this.slots(name)[parameter]!,
    };
  }

  /** @internal Whether the engine is in the middle of a step, from which custom clippers are called. */
  protected get engineRuns(): boolean {
    return this.#engineRuns;
  }

  /** @internal Refuses a step by an error, before anything else of it happens and again after its closure. */
  protected beforeStep(): void {}

  /** @internal Has the engine take a step. */
  protected takeStep(request: StepRequest): StepResult {
    return this.#steps.take(this, request);
  }

  /** @internal Tells the engine the options that the steps of a graph use in its next replay. */
  beforeReplay(): void {
    this.#steps.refresh(this.paramGroups);
  }

  /** @internal {@link paramGroups}, where they are the groups that were added; what their options hold has not been looked at. */
  get addedGroups(): readonly ParamGroup<G>[] {
    this.#groups.check(this.paramGroups);
    return this.paramGroups;
  }

  /** @internal {@link addedGroups} to which a schedule can write. */
  get writableGroups(): readonly ParamGroup<G>[] {
    this.#groups.checkWritable(this.paramGroups);
    return this.paramGroups;
  }

  /** @internal {@link addedGroups} with options that the constructor would accept. */
  get acceptedGroups(): readonly ParamGroup<G>[] {
    this.#groups.checkAssigned(this.paramGroups);
    return this.paramGroups;
  }

  /** @internal What an option of a group must be; undefined where it has none of that name, or anything may be assigned to it. */
  optionKind(name: string): Kind | undefined {
    return this.#groups.optionKind(name);
  }

  /** @internal The group whose ranks share this optimizer's state; see `optim.shard`. */
  get sharedBy(): ProcessGroup | null {
    return this.#sharedBy;
  }

  /** @internal How many averages that backward passes have begun steps have used, and could not use. */
  get earlyAverages(): [used: number, wasted: number] {
    return native.optimEarly(this.#native);
  }

  /** @internal Shares the state out among the ranks of a group, which all call this; `modules` have some of the parameters. */
  shareState(group: ProcessGroup, averageGradients: boolean, modules: readonly ShardedParameters[]): void {
    const { definition } = this.#groups;
    const wholeTensors = this.acceptedGroups.some((one) => definition.rule(one as unknown as Required<G>) === 'adopt');
    const why =
      this.#own !== null
        ? 'takes its steps itself'
        : this.#stepper !== null
          ? 'runs the code of its authors'
          : wholeTensors
            ? 'works on whole tensors'
            : this.#writeBack
              ? 'writes clipped gradients back'
              : undefined;
    if (why !== undefined) {
      throw new TorchClipError('ERR_ARGUMENT', `${definition.name} cannot be sharded, because it ${why}`);
    }
    const stages = this.clip?.stages.map(describeStage);
    const signature = JSON.stringify([definition.name, stages, this.nonFinite]);
    const parameters = modules.map((each) => each.native);
    native.optimShare(this.#native, group.native, averageGradients, signature, parameters);
    this.#sharedBy = group;
    if (averageGradients && group.size > 1) {
      announceGradients(
        this.#native,
        this.addedGroups.flatMap((one) => one.params),
      );
    }
  }

  /**
   * @internal The engine's own state tensors of that name, one per parameter, null before its first step; where ranks share the state,
   * copies of whole tensors, for which all ranks have to ask.
   */
  protected slots(name: string): (Tensor | null)[] {
    const whole = this.#sharedBy === null ? undefined : statesOf(this.#native);
    return this.addedGroups
      .flatMap((group) => {
        const slot = this.#groups.rule(group).slots.indexOf(name);
        return group.params.map(() => slot);
      })
      .map((slot, parameter) =>
        whole === undefined ? slotOf(this.#native, parameter, slot) : (whole[parameter]!.slots[slot] ?? null),
      );
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
    for (const [number, param] of this.#state.params().entries()) {
      const entry = state[number];
      if (entry !== undefined) states.set(param, entry);
    }
    return states;
  }

  /**
   * Copies of all state and options, in the layout and under the names of PyTorch's optimizer of the same name, which can load
   * it; `clip` holds what the format of PyTorch has no key for.
   */
  stateDict(): OptimizerStateDict {
    this.#hooks?.beforeStateDict(this);
    const dict = this.saveDict();
    return this.#hooks?.afterStateDict(this, dict) ?? dict;
  }

  /**
   * The state dict of a sharded optimizer with the parts of state tensors that this rank has, each an `io.TensorPart`, for
   * `distributed.saveCheckpoint`: no rank needs room for all. Of others it is {@link stateDict}.
   */
  shardedStateDict(): ShardedStateDict {
    this.#savesParts = this.#sharedBy !== null;
    try {
      return this.stateDict();
    } finally {
      this.#savesParts = false;
    }
  }

  /** @internal {@link stateDict} without its hooks. */
  protected saveDict(): OptimizerStateDict {
    return this.#state.save(this.#savesParts ? 'parts' : 'copies');
  }

  /** @internal A state dict of the very tensors, for {@link state}. */
  protected liveDict(): OptimizerStateDict {
    return this.#state.save('tensors');
  }

  /**
   * Takes over the options and state of a `stateDict()` of this optimizer, or of PyTorch's of the same name: the next
   * steps are those that its owner would have taken, bit for bit.
   *
   * @throws {TorchClipError} `ERR_STATE` when it was saved for other groups, shapes or another clipper (delete its `clip` to load
   * it under another one); nothing changes then, nor when a hook throws.
   */
  loadStateDict(stateDict: OptimizerStateDict): void {
    const hooks = this.#hooks;
    const given = hooks?.beforeLoadStateDict(this, stateDict) ?? stateDict;
    const before = hooks?.has('loaded') ? this.saveDict() : undefined;
    this.loadDict(given);
    try {
      hooks?.afterLoadStateDict(this);
    } catch (error) {
      if (before !== undefined) this.loadDict(before);
      throw error;
    }
  }

  /** @internal {@link loadStateDict} without its hooks. */
  protected loadDict(stateDict: OptimizerStateDict): void {
    this.#state.load(stateDict);
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
    this.#state.clear();
  }

  /** Calls `hook` before each step with the arguments of `step`; an array that it returns replaces them. */
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
  /** Calls `hook` with what `stateDict()` returns; a state dict that it returns replaces it. */
  registerStateDictPostHook(hook: StateDictHook<this>, options?: HookOptions): HookHandle {
    return this.#hook('saved', hook, options);
  }
  /** Calls `hook` with what `loadStateDict()` is given; a state dict that it returns replaces it. */
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

  /** The options of each group, as PyTorch prints an optimizer. */
  toString(): string {
    return groupsText(this.#groups.definition.name, this.paramGroups);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

countsItself(Optimizer.prototype.step);
