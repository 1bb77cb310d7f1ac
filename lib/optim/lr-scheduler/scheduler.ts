import { arrayOf, check, finite, integer, kind } from '../../check.js';
import { describe, type ErrorCode, invalidArgument, TorchClipError } from '../../errors.js';
import { refuseLater } from '../../sync.js';
import type { Optimizer } from '../base/optimizer.js';
import { warnOrder, watch } from './order.js';
import { type Group, groupsOf, perGroup, rateIn, setRate } from './per-group.js';
import { allOrNothing } from './restore.js';
import { checkFields, type Fields, type LRSchedulerStateDict, parse, save } from './state.js';

/**
 * The base of the schedulers whose `step()` needs no argument: it sets `lr` in the optimizer's groups, once when it is made
 * and then at every step, after the optimizer's.
 *
 * A rate that is a tensor is filled in place, as in PyTorch; {@link LRScheduler.getLastLr} and the state hold numbers.
 *
 * A group that is added later joins at the next step: its rate then is its `initialLr`. When a step throws, the rates and the
 * scheduler are as they were.
 *
 * @example
 * const last = (scheduler: optim.lrScheduler.LRScheduler) => scheduler.getLastLr()[0];
 */
export abstract class LRScheduler {
  /** The optimizer whose groups it sets. */
  abstract readonly optimizer: Optimizer;
  protected _lastLr: number[] = [];

  /** Advances by one epoch, or whatever a step stands for. */
  abstract step(): void;

  /** The learning rates that the last step set, one for each parameter group. */
  getLastLr(): number[] {
    return [...this._lastLr];
  }

  /** A copy of the state under PyTorch's names, without functions; it can be written as JSON. */
  abstract stateDict(): LRSchedulerStateDict;

  /**
   * Takes over a `stateDict()` of this scheduler or of PyTorch's. The learning rates themselves are in the optimizer's
   * state: load that too, after the scheduler was made.
   *
   * @throws {TorchClipError} `ERR_STATE` when it does not fit; nothing changes then.
   */
  loadStateDict(stateDict: LRSchedulerStateDict): void {
    this.parseState(stateDict)();
  }

  /** @internal This scheduler and those that it is made of. */
  abstract parts(): LRScheduler[];
  /** @internal Checks a state dict and returns what takes it over. */
  abstract parseState(stateDict: LRSchedulerStateDict): () => void;
  /** @internal step() without the check that the optimizer stepped first. */
  abstract advance(): void;
  /** @internal The first step, which sets the rates of epoch 0. */
  abstract begin(): void;
  /** @internal Starts at epoch 0 as a later phase of a SequentialLR. */
  abstract restart(): void;
  /** @internal Undoes the counting of the first step. */
  abstract undo(): void;
}

/** What a schedule reads to set the rate of one group. */
export interface Point {
  group: Group;
  /** The group's present rate, including what the user assigned. */
  lr: number;
  /** The rate from which the schedule started. */
  baseLr: number;
  /** The epoch that begins. */
  epoch: number;
  /** Whether the scheduler is being made. */
  initial: boolean;
}

// NaN too: a schedule that has a closed form goes on from there.
const anyNumber = kind<number>('a number', (x) => typeof x === 'number');

/** A rate times a factor >= 0. One that grows without end stays at the largest number, and 0 stays 0. */
export const grown = (rate: number, factor: number): number => (rate === 0 ? 0 : bounded(rate * factor));

/** The nearest number that is not infinite. */
export const bounded = (x: number): number => Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, x));

/** The option `lastEpoch` of every schedule. */
export const lastEpoch = [integer(-1), -1] as const;

const fields: Fields = {
  baseLrs: perGroup(finite),
  // Below -1 where a SequentialLR has taken back more than one first step.
  lastEpoch: integer(),
  _stepCount: integer(0),
  _lastLr: perGroup(finite),
};

/** A schedule that is not made of others. */
export abstract class EpochScheduler extends LRScheduler {
  readonly optimizer: Optimizer;
  /** The learning rates from which the schedule started, one for each parameter group. */
  baseLrs: number[];
  /** The epoch that the last step began. */
  lastEpoch: number;
  protected _stepCount = 0;
  readonly #own: Fields;
  readonly #fields: Fields;

  /**
   * @internal
   * @param own the fields of the class, of which `values` are the values.
   * @param prepare what a new run writes to the groups before the first rate is set.
   */
  protected constructor(
    optimizer: Optimizer,
    own: Fields,
    values: { lastEpoch: number },
    prepare: (groups: Group[]) => void = () => {},
  ) {
    super();
    const groups = groupsOf(optimizer);
    this.optimizer = optimizer;
    this.lastEpoch = values.lastEpoch;
    groups.forEach((group, i) => {
      if (this.lastEpoch !== -1 && group.initialLr === undefined) {
        throw invalidArgument(`paramGroups[${i}].initialLr`, 'set when lastEpoch >= 0', undefined);
      }
    });
    this.#own = own;
    this.#fields = { ...own, ...fields };
    this.baseLrs = [];
    // Subclasses declare their fields without initialisers, which would run after this.
    Object.assign(this, values);
    allOrNothing(optimizer, [], () => {
      prepare(groups);
      this.adopt(groups);
      this.begin();
    });
    watch(optimizer);
  }

  /** @param epoch where to jump to, instead of on by one; by the closed form where there is one, as in PyTorch. */
  override step(epoch?: number): void {
    if (epoch !== undefined) check('epoch', epoch, integer(0));
    if (this._stepCount === 1) warnOrder(this.optimizer);
    allOrNothing(this.optimizer, [this], () => {
      this.update(epoch, false);
      this._stepCount++;
    });
  }

  /** The fields that can be assigned hold what a state dict could. */
  protected checkFields(): void {
    check('lastEpoch', this.lastEpoch, integer());
    check('baseLrs', this.baseLrs, arrayOf(finite));
    checkFields(this, this.#own, this.baseLrs.length);
  }

  override stateDict(): LRSchedulerStateDict {
    try {
      allOrNothing(this.optimizer, [this], () => this.adopt(groupsOf(this.optimizer)));
    } catch {
      // A schedule that has an option for each of fewer groups says so when it steps; what it has can be saved.
    }
    return save(this, this.#fields);
  }

  /** @internal */
  override parts(): LRScheduler[] {
    return [this];
  }

  /** @internal */
  override parseState(stateDict: LRSchedulerStateDict): () => void {
    return parse(this, this.#fields, stateDict, this.optimizer.addedGroups.length);
  }

  /** @internal */
  override advance(): void {
    this.update(undefined, false);
    this._stepCount++;
  }

  /** @internal */
  override begin(): void {
    this.update(undefined, true);
    this._stepCount = 1;
  }

  /** @internal */
  override restart(): void {
    this.update(0, false);
  }

  /** @internal */
  override undo(): void {
    this.lastEpoch--;
  }

  /** The rate of the next epoch from the present one. */
  protected abstract next(point: Point): number;
  /** The rate of any epoch from the base. */
  protected closedForm?(point: Point): number;

  /** Takes in the groups that were added since the last step: the rate that they have is the one they start from. */
  protected adopt(groups: readonly Group[]): void {
    const added = groups.slice(this.baseLrs.length);
    for (const [i, group] of added.entries()) {
      const first = group.initialLr ?? rateIn(group);
      group.initialLr = check(`paramGroups[${this.baseLrs.length + i}].initialLr`, first, finite);
    }
    // Another array, since this may be taken back.
    if (added.length > 0) this.baseLrs = [...this.baseLrs, ...added.map(({ initialLr }) => initialLr!)];
  }

  protected update(epoch: number | undefined, initial: boolean): void {
    check('lastEpoch', this.lastEpoch, integer());
    check('baseLrs', this.baseLrs, arrayOf(finite));
    const at = epoch ?? this.lastEpoch + 1;
    const jump = epoch !== undefined && this.closedForm !== undefined;
    this.set(at, initial, (point) => {
      const lr = jump ? this.closedForm!(point) : this.next(point);
      // From a rate of 0, as a factor of 0 leaves it, a recurrence leads nowhere.
      return Number.isFinite(lr) || this.closedForm === undefined ? lr : this.closedForm(point);
    });
  }

  /** The number that a function of the user's has returned. */
  protected answer(name: string, result: unknown, of: string, epoch: number): number {
    const number = refuseLater(name, result);
    if (!finite.accepts(number)) throw this.notFinite(number, of, epoch, 'ERR_ARGUMENT');
    return number;
  }

  private notFinite(got: unknown, of: string, epoch: number, code: ErrorCode): TorchClipError {
    return new TorchClipError(
      code,
      `${this.constructor.name} must compute a finite learning rate, got ${describe(got)} for ${of} at epoch ${epoch}`,
    );
  }

  /** Sets what `rate` computes for each group; nothing, when one of them is not a finite number. */
  protected set(epoch: number, initial: boolean, rate: (point: Point) => number): void {
    // A copy: a function of the user's may add a group, which joins at the next step.
    const groups = [...this.optimizer.addedGroups] as unknown as Group[];
    this.adopt(groups);
    this.checkFields();
    const rates = groups.map((group, i) => {
      const present = check(`paramGroups[${i}].lr`, rateIn(group), anyNumber);
      const lr = rate({ group, lr: present, baseLr: this.baseLrs[i]!, epoch, initial });
      if (!finite.accepts(lr)) throw this.notFinite(lr, `paramGroups[${i}]`, epoch, 'ERR_STATE');
      return lr;
    });
    groups.forEach((group, i) => {
      setRate(group, rates[i]!);
    });
    this.lastEpoch = Math.floor(epoch);
    this._lastLr = groups.map(rateIn);
  }
}

/** A value for each group, of an option that was given for all of them or for each; refuses the latter when groups were added. */
export function forGroups<T>(scheduler: object, name: string, given: T | readonly T[], groups: readonly Group[]): T[] {
  if (!Array.isArray(given)) return groups.map(() => given as T);
  if (given.length === groups.length) return [...given];
  throw new TorchClipError(
    'ERR_STATE',
    `"${name}" of ${scheduler.constructor.name} has ${given.length} elements, the optimizer ${groups.length} parameter groups`,
  );
}
