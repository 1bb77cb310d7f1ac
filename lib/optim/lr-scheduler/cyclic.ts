import {
  arrayOf,
  check,
  finite,
  finiteNonNegative,
  finitePositive,
  flag,
  oneOf,
  orNull,
  synchronous,
} from '../../check.js';
import { TorchClipError } from '../../errors.js';
import type { Optimizer } from '../base/optimizer.js';
import { roundedZero } from '../engine/definition.js';
import { pow } from './exact.js';
import { beginMomentum, checkComputed, checkMomenta, setMomentum, usesBeta1 } from './momentum.js';
import { complete, type Group, groupsOf, perGroup, setRate, shared, spread } from './per-group.js';
import { bounded, EpochScheduler, forGroups, lastEpoch, type Point } from './scheduler.js';
import type { LRSchedulerStateDict } from './state.js';

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions {
  /** The lowest learning rate, >= 0, or an array with one for each parameter group. */
  baseLr: number | readonly number[];
  /** The highest learning rate, >= 0, or an array with one for each parameter group. */
  maxLr: number | readonly number[];
  /** The steps of a rise; default 2000. */
  stepSizeUp?: number;
  /** The steps of a fall; default those of a rise. */
  stepSizeDown?: number | null;
  /** Whether all cycles have the same height, each has half the height of the one before, or the height shrinks by `gamma` per step; default 'triangular'. */
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** The factor per step in the mode 'exp_range', >= 0; default 1. Above 1 cycles grow, and momentum with them. */
  gamma?: number;
  /** The height of a cycle as a function of its number, counted from 1, or of the step; it replaces `mode`. Default: null. */
  scaleFn?: ((x: number) => number) | null;
  /** What `scaleFn` is a function of; default 'cycle'. */
  scaleMode?: 'cycle' | 'iterations';
  /** Whether momentum (`betas[0]` in Adam) falls while the rate rises; default true. */
  cycleMomentum?: boolean;
  /** The lowest momentum, or an array with one for each parameter group; default 0.8. */
  baseMomentum?: number | readonly number[];
  /** The highest momentum, or an array with one for each parameter group; default 0.9. */
  maxMomentum?: number | readonly number[];
  /** The last step of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

const modes = oneOf('triangular', 'triangular2', 'exp_range');
const scaleModes = oneOf('cycle', 'iterations');

/**
 * Moves the learning rate back and forth between two bounds at a constant pace, as `torch.optim.lr_scheduler.CyclicLR`; call
 * `step()` after every batch. A `scaleFn` is not part of the state dict.
 *
 * @see Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
 *
 * @example
 * const scheduler = new optim.lrScheduler.CyclicLR(optimizer, { baseLr: 0.001, maxLr: 0.1, mode: 'triangular2' });
 */
export class CyclicLR extends EpochScheduler {
  declare maxLrs: number[];
  /** The steps of a cycle. */
  declare totalSize: number;
  /** The fraction of a cycle in which the rate rises. */
  declare stepRatio: number;
  declare mode: 'triangular' | 'triangular2' | 'exp_range';
  declare gamma: number;
  declare scaleMode: 'cycle' | 'iterations';
  declare cycleMomentum: boolean;
  declare baseMomentums: number[];
  declare maxMomentums: number[];
  declare protected bounds: Record<'baseLr' | 'maxLr' | 'baseMomentum' | 'maxMomentum', number | readonly number[]>;
  declare protected scaleFn: ((x: number) => number) | null;

  constructor(optimizer: Optimizer, options: CyclicLROptions) {
    const table = {
      baseLr: [shared(finiteNonNegative)],
      maxLr: [shared(finiteNonNegative)],
      stepSizeUp: [finitePositive, 2000],
      stepSizeDown: [orNull(finiteNonNegative), null],
      mode: [modes, 'triangular'],
      gamma: [finite, 1],
      scaleFn: [orNull(synchronous<(x: number) => number>()), null],
      scaleMode: [scaleModes, 'cycle'],
      cycleMomentum: [flag, true],
      baseMomentum: [shared(finiteNonNegative), 0.8],
      maxMomentum: [shared(finiteNonNegative), 0.9],
      lastEpoch,
    } as const;
    const o = complete('CyclicLR', optimizer, table, options);
    const gamma = o.mode === 'exp_range' && o.scaleFn === null ? finiteNonNegative : finite;
    check('gamma', o.gamma, gamma);
    const useBeta1 = o.cycleMomentum && usesBeta1(groupsOf(optimizer));
    if (o.cycleMomentum) checkMomenta(optimizer, o);
    const totalSize = o.stepSizeUp + (o.stepSizeDown ?? o.stepSizeUp);
    const ownScale = o.mode === 'exp_range' ? 'iterations' : 'cycle';
    const fields = {
      maxLrs: perGroup(finiteNonNegative),
      totalSize: finitePositive,
      stepRatio: finitePositive,
      mode: modes,
      gamma,
      scaleMode: scaleModes,
      cycleMomentum: oneOf(o.cycleMomentum),
      ...(o.cycleMomentum && {
        useBeta1: oneOf(useBeta1),
        baseMomentums: perGroup(finiteNonNegative),
        maxMomentums: perGroup(finiteNonNegative),
      }),
    };
    const values = {
      bounds: {
        baseLr: o.baseLr,
        maxLr: o.maxLr,
        baseMomentum: o.baseMomentum,
        maxMomentum: o.maxMomentum,
      },
      maxLrs: [],
      totalSize,
      stepRatio: o.stepSizeUp / totalSize,
      mode: o.mode,
      gamma: o.gamma,
      scaleFn: o.scaleFn,
      scaleMode: o.scaleFn === null ? ownScale : o.scaleMode,
      cycleMomentum: o.cycleMomentum,
      useBeta1,
      baseMomentums: [],
      maxMomentums: [],
      lastEpoch: o.lastEpoch,
    };
    super(optimizer, fields, values, (groups) => {
      if (o.lastEpoch !== -1) return;
      const baseLrs = spread(o.baseLr, groups);
      groups.forEach((group, i) => {
        setRate(group, baseLrs[i]!);
      });
    });
    // As in PyTorch only now: a first rate that a group had before is that of epoch 0.
    this.baseLrs = spread(o.baseLr, this.maxLrs);
  }

  protected override adopt(groups: readonly Group[]): void {
    const known = check('maxLrs', this.maxLrs, arrayOf(finiteNonNegative)).length;
    if (known === groups.length) return;
    super.adopt(groups);
    const { baseLr, maxLr, baseMomentum, maxMomentum } = this.bounds;
    // The bounds are those of the options, whatever rate a group has.
    if (known > 0) this.baseLrs = forGroups(this, 'baseLr', baseLr, groups);
    this.maxLrs = forGroups(this, 'maxLr', maxLr, groups);
    this.baseMomentums = forGroups(this, 'baseMomentum', baseMomentum, groups);
    this.maxMomentums = forGroups(this, 'maxMomentum', maxMomentum, groups);
    if (!this.cycleMomentum || (known === 0 && this.lastEpoch !== -1)) return;
    usesBeta1(groups);
    beginMomentum(groups.slice(known), this.baseMomentums.slice(known), this.maxMomentums.slice(known));
  }

  override stateDict(): LRSchedulerStateDict {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  protected override next({ group, baseLr, epoch }: Point): number {
    const [height, scale] = this.at(epoch);
    const i = this.optimizer.paramGroups.indexOf(group as never);
    const rate = baseLr + bounded((this.maxLrs[i]! - baseLr) * height * scale);
    if (rate > roundedZero) return rate;
    throw new TorchClipError(
      'ERR_STATE',
      `CyclicLR must compute a learning rate that is >= 0, got ${rate} for paramGroups[${i}] at epoch ${epoch}: the cycles have grown from "baseLr" downwards`,
    );
  }

  protected override update(epoch: number | undefined, initial: boolean): void {
    super.update(epoch, initial);
    if (!this.cycleMomentum) return;
    const [height, scale] = this.at(this.lastEpoch);
    // Those that the step has moved: `scaleFn` may have added one.
    const groups = this.optimizer.paramGroups.slice(0, this.baseMomentums.length) as unknown as Group[];
    const momenta = groups.map((_, i) => {
      const [base, max] = [this.baseMomentums[i]!, this.maxMomentums[i]!];
      return max - bounded((max - base) * height * scale);
    });
    checkComputed(this, momenta);
    groups.forEach((group, i) => {
      setMomentum(group, momenta[i]!);
    });
  }

  private at(step: number): [height: number, scale: number] {
    const cycle = Math.floor(1 + step / this.totalSize);
    // After more cycles than a number can count, one begins.
    const x = Number.isFinite(cycle) ? 1 + step / this.totalSize - cycle : 0;
    const ratio = this.stepRatio;
    const height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    return [height, this.scale(this.scaleMode === 'cycle' ? cycle : step, step)];
  }

  private scale(x: number, step: number): number {
    if (this.scaleFn !== null) return this.answer('scaleFn', this.scaleFn(x), 'scaleFn', step);
    if (this.mode === 'exp_range') return bounded(pow(this.gamma, x));
    return this.mode === 'triangular2' ? 1 / 2 ** (x - 1) : 1;
  }
}
