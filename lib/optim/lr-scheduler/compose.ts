import { anything, arrayOf, check, elementsOf, finite, integer, kind } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { optionsOf } from '../../options.js';
import { Optimizer } from '../base/optimizer.js';
import { type Group, groupsOf, perGroup, rateIn, setRate } from './per-group.js';
import { allOrNothing } from './restore.js';
import { LRScheduler } from './scheduler.js';
import { type Fields, type LRSchedulerStateDict, parse, save } from './state.js';

function members(given: unknown, optimizer?: Optimizer): LRScheduler[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw invalidArgument('schedulers', 'an array of at least one scheduler', given);
  }
  const schedulers = elementsOf<LRScheduler>(given);
  schedulers.forEach((scheduler: LRScheduler, i) => {
    if (!(scheduler instanceof LRScheduler)) {
      throw invalidArgument(`schedulers[${i}]`, 'a scheduler whose step() needs no metric', scheduler);
    }
    if (scheduler.optimizer !== (optimizer ?? schedulers[0]!.optimizer)) {
      throw new TorchClipError('ERR_ARGUMENT', `schedulers[${i}] belongs to another optimizer`);
    }
  });
  return schedulers;
}

abstract class Composite extends LRScheduler {
  readonly optimizer: Optimizer;
  protected readonly schedulers: readonly LRScheduler[];
  protected abstract readonly fields: Fields;

  constructor(schedulers: LRScheduler[]) {
    super();
    this.schedulers = schedulers;
    this.optimizer = schedulers[0]!.optimizer;
  }

  /** @internal */
  override parts(): LRScheduler[] {
    return [this, ...this.schedulers.flatMap((scheduler) => scheduler.parts())];
  }

  /** @internal */
  override begin(): void {
    this.advance();
  }

  /** @internal */
  override undo(): void {
    for (const scheduler of this.schedulers) scheduler.undo();
  }

  override stateDict(): LRSchedulerStateDict {
    return { ...save(this, this.fields), _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  /** @internal */
  override parseState(stateDict: LRSchedulerStateDict): () => void {
    const groups = this.optimizer.addedGroups.length;
    const more = ['_schedulers', '_step_count'];
    const takes = [parse(this, this.fields, stateDict, groups, more)];
    const saved = stateDict._schedulers;
    if (!Array.isArray(saved) || saved.length !== this.schedulers.length) {
      throw invalidArgument('_schedulers', `an array of ${this.schedulers.length} state dicts`, saved, 'ERR_STATE');
    }
    this.schedulers.forEach((scheduler, i) => {
      takes.push(scheduler.parseState(saved[i]));
    });
    return () => {
      for (const take of takes) take();
    };
  }

  protected record(): void {
    this._lastLr = groupsOf(this.optimizer).map(rateIn);
  }
}

/** Options of {@link SequentialLR}. */
export interface SequentialLROptions {
  /** The schedulers, in the order of their phases. */
  schedulers: readonly LRScheduler[];
  /** The epochs at which a phase ends and the next begins, one fewer than schedulers. */
  milestones: readonly number[];
  /** -1, the default: a resumed run needs {@link SequentialLR.loadStateDict}, since each phase has an epoch of its own. */
  lastEpoch?: number;
}

const readSequential = optionsOf('SequentialLR', {
  schedulers: [anything],
  milestones: [anything],
  lastEpoch: [kind<-1>('-1: a SequentialLR goes on from another run by loadStateDict()', (x) => x === -1), -1],
});

/**
 * Runs one scheduler after the other, as `torch.optim.lr_scheduler.SequentialLR`.
 *
 * Unlike in PyTorch, a phase after the first may itself be a SequentialLR or a ChainedScheduler.
 *
 * @example
 * const warmup = new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.1, totalIters: 20 });
 * const decay = new optim.lrScheduler.CosineAnnealingLR(optimizer, { TMax: 80 });
 * const scheduler = new optim.lrScheduler.SequentialLR(optimizer, { schedulers: [warmup, decay], milestones: [20] });
 */
export class SequentialLR extends Composite {
  /** The epoch that the last step began. */
  lastEpoch: number;
  protected _milestones: number[];
  protected readonly fields: Fields;

  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    const groups = groupsOf(optimizer);
    const { schedulers, milestones } = readSequential(options, new.target.name);
    const list = members(schedulers, optimizer);
    super(list);
    const epochs = arrayOf(integer(0), list.length - 1);
    const ascending = kind<readonly number[]>(
      `${list.length - 1} ascending integers >= 0, one fewer than schedulers`,
      (value) => epochs.accepts(value) && value.every((epoch, i) => i === 0 || value[i - 1]! <= epoch),
    );
    this.fields = { _milestones: ascending, lastEpoch: integer(0), _lastLr: perGroup(finite) };
    this._milestones = [...check('milestones', milestones, ascending)];
    this.lastEpoch = 0;
    allOrNothing(optimizer, this.parts(), () => {
      // A group that was added after the schedulers has no first rate yet.
      for (const group of groups as Group[]) if (group.initialLr !== undefined) setRate(group, group.initialLr);
      this.undo();
      this.#at(0).begin();
      this.record();
    });
  }

  override step(): void {
    this.#move((scheduler) => scheduler.step());
  }

  /** @internal */
  override advance(): void {
    this.#move((scheduler) => scheduler.advance());
  }

  /** @internal */
  override restart(): void {
    this.#at(0).restart();
    this.lastEpoch = 0;
    this.record();
  }

  #move(step: (scheduler: LRScheduler) => void): void {
    const epoch = check('lastEpoch', this.lastEpoch, integer(0)) + 1;
    allOrNothing(this.optimizer, this.parts(), () => {
      if (this._milestones.includes(epoch)) this.#at(epoch).restart();
      else step(this.#at(epoch));
      this.lastEpoch = epoch;
      this.record();
    });
  }

  #at(epoch: number): LRScheduler {
    return this.schedulers[this._milestones.filter((milestone) => milestone <= epoch).length]!;
  }
}

const readChained = optionsOf('ChainedScheduler', {
  optimizer: [kind<Optimizer>('an Optimizer', (value) => value instanceof Optimizer), undefined],
});

/**
 * Steps several schedulers at once, each starting from the rate that the previous one set, as
 * `torch.optim.lr_scheduler.ChainedScheduler`.
 *
 * @example
 * const warmup = new optim.lrScheduler.ConstantLR(optimizer, { factor: 0.1, totalIters: 20 });
 * const decay = new optim.lrScheduler.ExponentialLR(optimizer, { gamma: 0.9 });
 * const scheduler = new optim.lrScheduler.ChainedScheduler([warmup, decay]);
 */
export class ChainedScheduler extends Composite {
  protected readonly fields: Fields = { _lastLr: perGroup(finite) };

  constructor(schedulers: readonly LRScheduler[], options: { optimizer?: Optimizer } = {}) {
    super(members(schedulers, readChained(options, new.target.name).optimizer));
    this.record();
  }

  override step(): void {
    this.#each((scheduler) => scheduler.step());
  }

  /** @internal */
  override advance(): void {
    this.#each((scheduler) => scheduler.advance());
  }

  /** @internal */
  override restart(): void {
    this.#each((scheduler) => scheduler.restart());
  }

  #each(move: (scheduler: LRScheduler) => void): void {
    allOrNothing(this.optimizer, this.parts(), () => {
      this.schedulers.forEach(move);
      this.record();
    });
  }
}
