import { arrayOf, check, finite, finiteNonNegative, integer, kind, oneOf, orNull } from '../../check.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Optimizer } from '../base/optimizer.js';
import { complete, groupsOf, perGroup, rateIn, setRate, shared, spread } from './per-group.js';
import { allOrNothing } from './restore.js';
import { forGroups } from './scheduler.js';
import { checkFields, type Fields, type LRSchedulerStateDict, parse, save } from './state.js';

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether a better metric is a lower or a higher one; default 'min'. */
  mode?: 'min' | 'max';
  /** What the rate is multiplied by, below 1; default 0.1. */
  factor?: number;
  /** How many epochs without a better metric are tolerated; default 10. */
  patience?: number;
  /** How much better a metric must be to count as an improvement; default 1e-4. */
  threshold?: number;
  /** Whether `threshold` is relative to the best metric's magnitude or an absolute difference; default 'rel'. */
  thresholdMode?: 'rel' | 'abs';
  /** How many epochs after a reduction never count as bad; default 0. */
  cooldown?: number;
  /** The lowest rate, >= 0, or an array with one for each parameter group; default 0. */
  minLr?: number | readonly number[];
  /** Changes of the rate of at most this much are skipped; default 1e-8. */
  eps?: number;
}

const modes = oneOf('min', 'max');
const thresholdModes = oneOf('rel', 'abs');
const belowOne = kind<number>('a number below 1', (x) => finite.accepts(x) && x < 1);
// NaN included, which a metric may be.
const metricKind = kind<number>('a number or a tensor of one element', (x) => typeof x === 'number');
const saved = kind<number | null>('a number or null', (x) => x === null || typeof x === 'number');

const fields: Fields = {
  factor: belowOne,
  defaultMinLr: orNull(finiteNonNegative),
  minLrs: perGroup(finiteNonNegative),
  patience: integer(0),
  cooldown: integer(0),
  eps: finite,
  lastEpoch: integer(0),
  _lastLr: perGroup(finite),
  mode: modes,
  threshold: finite,
  thresholdMode: thresholdModes,
  best: saved,
  cooldownCounter: integer(0),
  numBadEpochs: integer(0),
};

/**
 * Lowers the learning rate when a metric has stopped improving, as `torch.optim.lr_scheduler.ReduceLROnPlateau`.
 *
 * A metric below 0 must be better by `threshold` times its magnitude; PyTorch multiplies the best metric itself, with which a
 * negative metric that is slightly worse counts as better.
 *
 * @example
 * const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { patience: 5 });
 * for (let epoch = 0; epoch < 100; epoch++) {
 *   train();
 *   scheduler.step(validate());
 * }
 */
export class ReduceLROnPlateau {
  readonly optimizer: Optimizer;
  factor: number;
  /** The lowest rates, one for each parameter group. */
  minLrs: number[];
  patience: number;
  cooldown: number;
  eps: number;
  lastEpoch = 0;
  mode: 'min' | 'max';
  threshold: number;
  thresholdMode: 'rel' | 'abs';
  /** The best metric so far. */
  best: number;
  cooldownCounter = 0;
  numBadEpochs = 0;
  protected defaultMinLr: number | null;
  protected _lastLr: number[];

  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    const table = {
      mode: [modes, 'min'],
      factor: [belowOne, 0.1],
      patience: [integer(0), 10],
      threshold: [finite, 1e-4],
      thresholdMode: [thresholdModes, 'rel'],
      cooldown: [integer(0), 0],
      minLr: [shared(finiteNonNegative), 0],
      eps: [finite, 1e-8],
    } as const;
    const o = complete('ReduceLROnPlateau', optimizer, table, options);
    const groups = groupsOf(optimizer);
    this.optimizer = optimizer;
    this.mode = o.mode;
    this.factor = o.factor;
    this.patience = o.patience;
    this.threshold = o.threshold;
    this.thresholdMode = o.thresholdMode;
    this.cooldown = o.cooldown;
    this.eps = o.eps;
    this.defaultMinLr = typeof o.minLr === 'number' ? o.minLr : null;
    this.minLrs = spread(o.minLr, groups);
    this.best = this.#worst;
    this._lastLr = groups.map(rateIn);
  }

  /**
   * Records the metric of an epoch, and lowers the rate when it is time to.
   *
   * @param metric a number, or a tensor of one element; a NaN is never better.
   * @throws {TorchClipError} `ERR_STATE` when groups were added and `minLr` was an array.
   */
  step(metric: number | Tensor): void {
    const current = check('metric', isTensor(metric) ? Number(metric.item()) : metric, metricKind);
    const groups = groupsOf(this.optimizer);
    allOrNothing(this.optimizer, [this], () => {
      check('minLrs', this.minLrs, arrayOf(finiteNonNegative));
      if (groups.length !== this.minLrs.length) {
        this.minLrs = forGroups(this, 'minLr', this.defaultMinLr ?? this.minLrs, groups);
      }
      checkFields(this, fields, groups.length);
      this.lastEpoch++;
      if (this.#isBetter(current)) {
        this.best = current;
        this.numBadEpochs = 0;
      } else {
        this.numBadEpochs++;
      }
      if (this.inCooldown) {
        this.cooldownCounter--;
        this.numBadEpochs = 0;
      }
      if (this.numBadEpochs > this.patience) {
        groups.forEach((group, i) => {
          const before = rateIn(group);
          const lr = Math.max(before * this.factor, this.minLrs[i]!);
          if (before - lr > this.eps) setRate(group, lr);
        });
        this.cooldownCounter = this.cooldown;
        this.numBadEpochs = 0;
      }
      this._lastLr = groups.map(rateIn);
    });
  }

  /** Whether a reduction is so recent that no epoch counts as bad. */
  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  /** The learning rates after the last step, one for each parameter group. */
  getLastLr(): number[] {
    return [...this._lastLr];
  }

  /** A copy of the state under PyTorch's names; as JSON, which has no infinity, `best` is null before the first metric. */
  stateDict(): LRSchedulerStateDict {
    return { ...save(this, fields), mode_worse: this.#worst };
  }

  /**
   * Takes over a `stateDict()` of this scheduler or of PyTorch's.
   *
   * @throws {TorchClipError} `ERR_STATE` when it does not fit; nothing changes then.
   */
  loadStateDict(stateDict: LRSchedulerStateDict): void {
    parse(this, fields, stateDict, this.optimizer.addedGroups.length)();
    this.best ??= this.#worst;
  }

  get #worst(): number {
    return this.mode === 'min' ? Infinity : -Infinity;
  }

  #isBetter(metric: number): boolean {
    const { best, threshold, mode, thresholdMode } = this;
    const sign = mode === 'min' ? -1 : 1;
    const wanted = thresholdMode === 'abs' ? best + sign * threshold : best * (1 + sign * Math.sign(best) * threshold);
    return mode === 'min' ? metric < wanted : metric > wanted;
  }
}
