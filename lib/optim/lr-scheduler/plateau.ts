import { invalidArgument, TorchClipError } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Optimizer } from '../base/optimizer.js';
import {
  complete,
  finite,
  groupsOf,
  integer,
  type Kind,
  number,
  oneOf,
  orNull,
  perGroup,
  shared,
  spread,
} from './options.js';
import { type Fields, type LRSchedulerStateDict, parse, save } from './state.js';

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether a better metric is a lower or a higher one; default 'min'. */
  mode?: 'min' | 'max';
  /** What the rate is multiplied by, below 1; default 0.1. */
  factor?: number;
  /** How many epochs without a better metric are borne; default 10. */
  patience?: number;
  /** By how much a metric must be better; default 1e-4. */
  threshold?: number;
  /** Whether `threshold` is a part of the best metric or a difference; default 'rel'. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs after a reduction in which none counts as bad; default 0. */
  cooldown?: number;
  /** The lowest rate, or an array with one for each parameter group; default 0. */
  minLr?: number | readonly number[];
  /** A change of the rate of at most this is not made; default 1e-8. */
  eps?: number;
}

const modes = oneOf('min', 'max');
const thresholdModes = oneOf('rel', 'abs');
const belowOne = number('a number below 1', (x) => x < 1);
const anyNumber: Kind = { expected: 'a number or null', test: (value) => value === null || typeof value === 'number' };

const fields: Fields = {
  factor: belowOne,
  defaultMinLr: orNull(finite),
  minLrs: perGroup(finite),
  patience: integer(0),
  cooldown: integer(0),
  eps: finite,
  lastEpoch: integer(0),
  _lastLr: perGroup(finite),
  mode: modes,
  threshold: finite,
  thresholdMode: thresholdModes,
  best: anyNumber,
  cooldownCounter: integer(0),
  numBadEpochs: integer(0),
};

/**
 * Lowers the learning rate when a metric has stopped getting better, as `torch.optim.lr_scheduler.ReduceLROnPlateau`.
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
      minLr: [shared(finite), 0],
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
    this._lastLr = groups.map(({ lr }) => lr);
  }

  /**
   * Takes the metric of an epoch.
   *
   * @param metric a number, or a tensor of one element; a NaN is never better.
   * @throws {TorchClipError} `ERR_STATE` when groups were added and `minLr` was an array.
   */
  step(metric: number | Tensor): void {
    const current = isTensor(metric) ? Number(metric.item()) : metric;
    if (typeof current !== 'number') throw invalidArgument('metric', 'a number or a tensor of one element', metric);
    const groups = groupsOf(this.optimizer);
    if (groups.length !== this.minLrs.length) {
      if (this.defaultMinLr === null) {
        throw new TorchClipError(
          'ERR_STATE',
          `minLrs has ${this.minLrs.length} elements, the optimizer ${groups.length} parameter groups`,
        );
      }
      this.minLrs = spread(this.defaultMinLr, groups);
    }
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
        const lr = Math.max(group.lr * this.factor, this.minLrs[i]!);
        if (group.lr - lr > this.eps) group.lr = lr;
      });
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this._lastLr = groups.map(({ lr }) => lr);
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
    parse(this, fields, stateDict, this.optimizer.paramGroups.length)();
    this.best ??= this.#worst;
  }

  get #worst(): number {
    return this.mode === 'min' ? Infinity : -Infinity;
  }

  #isBetter(metric: number): boolean {
    const { best, threshold } = this;
    if (this.mode === 'min') {
      return metric < (this.thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    }
    return metric > (this.thresholdMode === 'rel' ? best * (threshold + 1) : best + threshold);
  }
}
