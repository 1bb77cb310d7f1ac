import type { Optimizer } from '../base/optimizer.js';
import { pow } from './exact.js';
import { beginMomentum, setMomentum, usesBeta1 } from './momentum.js';
import {
  callable,
  complete,
  finite,
  flag,
  type Group,
  groupsOf,
  lastEpoch,
  number,
  oneOf,
  orNull,
  perGroup,
  shared,
  spread,
} from './options.js';
import { EpochScheduler, type Point } from './scheduler.js';
import type { LRSchedulerStateDict } from './state.js';

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions {
  /** The lowest learning rate, or an array with one for each parameter group. */
  baseLr: number | readonly number[];
  /** The highest learning rate, or an array with one for each parameter group. */
  maxLr: number | readonly number[];
  /** The steps of a rise; default 2000. */
  stepSizeUp?: number;
  /** The steps of a fall; default those of a rise. */
  stepSizeDown?: number | null;
  /** Whether cycles stay as high, are half as high each, or shrink by `gamma` a step; default 'triangular'. */
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** The factor a step in the mode 'exp_range'; default 1. */
  gamma?: number;
  /** The height of a cycle as a function of its number, from 1, or of the step; it replaces `mode`. */
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
const positive = number('a number > 0', (x) => x > 0);

/**
 * Moves the learning rate between two bounds at a constant pace, as `torch.optim.lr_scheduler.CyclicLR`; step it after every
 * batch. A `scaleFn` is not part of the state dict.
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
  /** The part of a cycle in which the rate rises. */
  declare stepRatio: number;
  declare mode: 'triangular' | 'triangular2' | 'exp_range';
  declare gamma: number;
  declare scaleMode: 'cycle' | 'iterations';
  declare cycleMomentum: boolean;
  declare baseMomentums: number[];
  declare maxMomentums: number[];
  declare protected scaleFn: ((x: number) => number) | null;

  constructor(optimizer: Optimizer, options: CyclicLROptions) {
    const table = {
      baseLr: [shared(finite)],
      maxLr: [shared(finite)],
      stepSizeUp: [positive, 2000],
      stepSizeDown: [orNull(number('a number >= 0', (x) => x >= 0)), null],
      mode: [modes, 'triangular'],
      gamma: [finite, 1],
      scaleFn: [orNull(callable), null],
      scaleMode: [scaleModes, 'cycle'],
      cycleMomentum: [flag, true],
      baseMomentum: [shared(finite), 0.8],
      maxMomentum: [shared(finite), 0.9],
      lastEpoch,
    } as const;
    const o = complete('CyclicLR', optimizer, table, options);
    const groups = groupsOf(optimizer);
    const useBeta1 = o.cycleMomentum && usesBeta1(groups);
    const baseLrs = spread(o.baseLr, groups);
    if (o.lastEpoch === -1) {
      groups.forEach((group, i) => {
        group.lr = baseLrs[i]!;
      });
      if (o.cycleMomentum) beginMomentum(groups, o.baseMomentum, o.maxMomentum);
    }
    const totalSize = o.stepSizeUp + (o.stepSizeDown ?? o.stepSizeUp);
    const ownScale = o.mode === 'exp_range' ? 'iterations' : 'cycle';
    const fields = {
      maxLrs: perGroup(finite),
      totalSize: positive,
      stepRatio: positive,
      mode: modes,
      gamma: finite,
      scaleMode: scaleModes,
      cycleMomentum: oneOf(o.cycleMomentum),
      ...(o.cycleMomentum && {
        useBeta1: oneOf(useBeta1),
        baseMomentums: perGroup(finite),
        maxMomentums: perGroup(finite),
      }),
    };
    super(optimizer, fields, {
      maxLrs: spread(o.maxLr, groups),
      totalSize,
      stepRatio: o.stepSizeUp / totalSize,
      mode: o.mode,
      gamma: o.gamma,
      scaleFn: o.scaleFn,
      scaleMode: o.scaleFn === null ? ownScale : o.scaleMode,
      cycleMomentum: o.cycleMomentum,
      useBeta1,
      baseMomentums: spread(o.baseMomentum, groups),
      maxMomentums: spread(o.maxMomentum, groups),
      lastEpoch: o.lastEpoch,
    } as { lastEpoch: number });
    this.baseLrs = baseLrs;
  }

  override stateDict(): LRSchedulerStateDict {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  protected override next({ group, baseLr, epoch }: Point): number {
    const [height, scale] = this.at(epoch);
    const max = this.maxLrs[this.optimizer.paramGroups.indexOf(group as never)]!;
    return baseLr + (max - baseLr) * height * scale;
  }

  protected override update(epoch: number | undefined, initial: boolean): void {
    super.update(epoch, initial);
    if (!this.cycleMomentum) return;
    const [height, scale] = this.at(this.lastEpoch);
    (this.optimizer.paramGroups as unknown as Group[]).forEach((group, i) => {
      const [base, max] = [this.baseMomentums[i]!, this.maxMomentums[i]!];
      setMomentum(group, max - (max - base) * height * scale);
    });
  }

  private at(step: number): [height: number, scale: number] {
    const cycle = Math.floor(1 + step / this.totalSize);
    const x = 1 + step / this.totalSize - cycle;
    const ratio = this.stepRatio;
    const height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    return [height, this.scale(this.scaleMode === 'cycle' ? cycle : step)];
  }

  private scale(x: number): number {
    if (this.scaleFn !== null) return this.scaleFn(x);
    if (this.mode === 'exp_range') return pow(this.gamma, x);
    return this.mode === 'triangular2' ? 1 / 2 ** (x - 1) : 1;
  }
}
