import {
  arrayOf,
  check,
  finite,
  finiteNonNegative,
  flag,
  integer,
  kind,
  oneOf,
  orNull,
  positive,
  probability,
} from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { isPlainObject } from '../../options.js';
import type { Optimizer } from '../base/optimizer.js';
import { cos } from './exact.js';
import { beginMomentum, checkMomenta, setMomentum, usesBeta1 } from './momentum.js';
import { complete, type Group, groupsOf, shared } from './per-group.js';
import { EpochScheduler, forGroups, lastEpoch, type Point } from './scheduler.js';

/** Options of {@link OneCycleLR}; `totalSteps`, or `epochs` and `stepsPerEpoch`, must be given. */
export interface OneCycleLROptions {
  /** The highest learning rate, >= 0, or an array with one for each parameter group. */
  maxLr: number | readonly number[];
  /** The steps of the whole cycle; default `epochs * stepsPerEpoch`. */
  totalSteps?: number | null;
  /** How many passes over the data there are; default null, where `totalSteps` is given. */
  epochs?: number | null;
  /** The steps of a pass; default null, where `totalSteps` is given. */
  stepsPerEpoch?: number | null;
  /** The fraction of the steps in which the rate rises, in [0, 1]; default 0.3. */
  pctStart?: number;
  /** The shape of the rise and the fall; default 'cos'. */
  annealStrategy?: 'cos' | 'linear';
  /** Whether momentum (`betas[0]` in Adam) falls while the rate rises; default true. */
  cycleMomentum?: boolean;
  /** The lowest momentum, or an array with one for each parameter group; default 0.85. */
  baseMomentum?: number | readonly number[];
  /** The highest momentum, or an array with one for each parameter group; default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is `maxLr / divFactor`, with a factor > 0, so that `Infinity` begins at 0; default 25. */
  divFactor?: number;
  /** The last rate is the first one divided by this, > 0, so that `Infinity` ends at 0; default 1e4. */
  finalDivFactor?: number;
  /** Whether the rate falls to the first one and then, in a third phase, to the last; default false. */
  threePhase?: boolean;
  /** The last step of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

// As in PyTorch's state dict; the names are those of values in the parameter groups.
const rates = { initial_lr: 'initialLr', max_lr: 'maxLr', min_lr: 'minLr' } as const;
const momenta = { max_momentum: 'maxMomentum', base_momentum: 'baseMomentum' } as const;
type Rate = keyof typeof rates;
type Momentum = keyof typeof momenta;
interface Phase {
  end_step: number;
  start_lr: Rate;
  end_lr: Rate;
  start_momentum: Momentum;
  end_momentum: Momentum;
}

const phase = (end_step: number, start_lr: Rate, end_lr: Rate, start_momentum: Momentum, end_momentum: Momentum) => ({
  end_step,
  start_lr,
  end_lr,
  start_momentum,
  end_momentum,
});

const phaseKind = kind<Phase>(
  'a phase with end_step and the names of its rates and momenta',
  (p) =>
    isPlainObject(p) &&
    finite.accepts(p.end_step) &&
    [p.start_lr, p.end_lr].every((name) => Object.hasOwn(rates, String(name))) &&
    [p.start_momentum, p.end_momentum].every((name) => Object.hasOwn(momenta, String(name))),
);
const phaseList = kind<readonly Phase[]>(
  `an array of phases, each ${phaseKind.expected}`,
  (value) => Array.isArray(value) && value.length > 0 && arrayOf(phaseKind).accepts(value),
);

const strategy = oneOf('cos', 'linear');

/**
 * Raises the learning rate to `maxLr` and then lowers it far below the first one, once, as
 * `torch.optim.lr_scheduler.OneCycleLR`; call `step()` after every batch.
 *
 * @throws {TorchClipError} `ERR_STATE` from `step` after more than `totalSteps` steps.
 *
 * @see Smith & Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018.
 *
 * @example
 * const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, { maxLr: 0.01, epochs: 10, stepsPerEpoch: loader.length });
 */
export class OneCycleLR extends EpochScheduler {
  declare totalSteps: number;
  declare cycleMomentum: boolean;
  declare protected bounds: Readonly<Required<OneCycleLROptions>>;
  /** How many groups have their bounds. */
  declare protected known: number;
  declare protected _schedulePhases: Phase[];
  declare protected _annealFuncType: 'cos' | 'linear';

  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    const table = {
      maxLr: [shared(finiteNonNegative)],
      totalSteps: [orNull(integer(1)), null],
      epochs: [orNull(integer(1)), null],
      stepsPerEpoch: [orNull(integer(1)), null],
      pctStart: [probability, 0.3],
      annealStrategy: [strategy, 'cos'],
      cycleMomentum: [flag, true],
      baseMomentum: [shared(finiteNonNegative), 0.85],
      maxMomentum: [shared(finiteNonNegative), 0.95],
      divFactor: [positive, 25],
      finalDivFactor: [positive, 1e4],
      threePhase: [flag, false],
      lastEpoch,
    } as const;
    const o = complete('OneCycleLR', optimizer, table, options);
    const totalSteps = o.totalSteps ?? (o.epochs ?? NaN) * (o.stepsPerEpoch ?? NaN);
    if (Number.isNaN(totalSteps)) {
      throw new TorchClipError('ERR_ARGUMENT', 'either totalSteps, or epochs and stepsPerEpoch, must be given');
    }
    const end = o.pctStart * totalSteps - 1;
    if (end === 0)
      throw invalidArgument('pctStart', 'large enough to leave more than one step for the rise', o.pctStart);
    for (const highest of [o.maxLr].flat()) {
      const first = highest / o.divFactor;
      if (!finite.accepts(first))
        throw invalidArgument('divFactor', 'a divisor that leaves the first rate finite', o.divFactor);
      if (!finite.accepts(first / o.finalDivFactor)) {
        throw invalidArgument('finalDivFactor', 'such that the last rate is finite', o.finalDivFactor);
      }
    }
    if (o.lastEpoch >= totalSteps) throw invalidArgument('lastEpoch', 'below the total number of steps', o.lastEpoch);
    const useBeta1 = o.cycleMomentum && usesBeta1(groupsOf(optimizer));
    if (o.cycleMomentum) checkMomenta(optimizer, o);
    const up = phase(end, 'initial_lr', 'max_lr', 'max_momentum', 'base_momentum');
    const down = o.threePhase
      ? [
          phase(2 * o.pctStart * totalSteps - 2, 'max_lr', 'initial_lr', 'base_momentum', 'max_momentum'),
          phase(totalSteps - 1, 'initial_lr', 'min_lr', 'max_momentum', 'max_momentum'),
        ]
      : [phase(totalSteps - 1, 'max_lr', 'min_lr', 'base_momentum', 'max_momentum')];
    const fields = {
      totalSteps: integer(1),
      _schedulePhases: phaseList,
      _annealFuncType: strategy,
      cycleMomentum: oneOf(o.cycleMomentum),
      ...(o.cycleMomentum && { useBeta1: oneOf(useBeta1) }),
    };
    super(optimizer, fields, {
      bounds: o,
      known: o.lastEpoch === -1 ? 0 : groupsOf(optimizer).length,
      totalSteps,
      _schedulePhases: [up, ...down],
      _annealFuncType: o.annealStrategy,
      cycleMomentum: o.cycleMomentum,
      useBeta1,
      lastEpoch: o.lastEpoch,
    } as { lastEpoch: number });
  }

  protected override adopt(groups: readonly Group[]): void {
    const { known, bounds } = this;
    if (known < groups.length) {
      const maxLrs = forGroups(this, 'maxLr', bounds.maxLr, groups);
      groups.forEach((group, i) => {
        if (i < known) return;
        group.initialLr = maxLrs[i]! / bounds.divFactor;
        group.maxLr = maxLrs[i]!;
        group.minLr = group.initialLr / bounds.finalDivFactor;
      });
      if (this.cycleMomentum) {
        usesBeta1(groups);
        const bases = forGroups(this, 'baseMomentum', bounds.baseMomentum, groups);
        const maxima = forGroups(this, 'maxMomentum', bounds.maxMomentum, groups);
        beginMomentum(groups.slice(known), bases.slice(known), maxima.slice(known));
      }
      this.known = groups.length;
    }
    super.adopt(groups);
  }

  protected override next({ group, epoch }: Point): number {
    if (epoch > this.totalSteps) {
      throw new TorchClipError('ERR_STATE', `step ${epoch} is more than the total number of steps, ${this.totalSteps}`);
    }
    const { phase, part } = this.at(epoch);
    return this.anneal(group, rates[phase.start_lr], rates[phase.end_lr], part);
  }

  protected override update(epoch: number | undefined, initial: boolean): void {
    super.update(epoch, initial);
    if (!this.cycleMomentum) return;
    const { phase, part } = this.at(this.lastEpoch);
    for (const group of this.optimizer.paramGroups as unknown as Group[]) {
      const momentum = this.anneal(group, momenta[phase.start_momentum], momenta[phase.end_momentum], part);
      // Rounding of the smallest numbers may lead below 0.
      setMomentum(group, Math.max(0, momentum));
    }
  }

  private at(step: number): { phase: Phase; part: number } {
    const phases = this._schedulePhases;
    const found = phases.findIndex(({ end_step }) => step <= end_step);
    const i = found < 0 ? phases.length - 1 : found;
    const start = i === 0 ? 0 : phases[i - 1]!.end_step;
    const length = phases[i]!.end_step - start;
    // A phase without a length is at its end at once.
    return { phase: phases[i]!, part: length === 0 ? 1 : (step - start) / length };
  }

  private anneal(group: Group, from: keyof Group, to: keyof Group, part: number): number {
    const [start, end] = [check(from, group[from], finite), check(to, group[to], finite)];
    // The step after the last one would lead beyond the end, below 0.
    if (this._annealFuncType === 'linear') return (end - start) * Math.min(1, part) + start;
    return end + ((start - end) / 2) * (cos(Math.PI * part) + 1);
  }
}
