import { float32, float64 } from '../../dtype.js';
import { describe } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { AveragingOptimizer } from '../base/averaging.js';
import type { CommonOptions, Parameters } from '../base/optimizer.js';
import { betas, type Definition, finite, flag, nonNegative, type Option } from '../engine/options.js';

interface ScheduleFreeGroup {
  /** L2 penalty, taken at the parameters of training; default 0. */
  weightDecay?: number;
  /** How many first steps the learning rate grows over, linearly; default 0. */
  warmupSteps?: number;
  /** The average weighs step t by t^r; default 0. */
  r?: number;
  /** The average weighs each step by the largest learning rate so far to this power; default 2. */
  weightLrPower?: number;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

/** Options of {@link SGDScheduleFree}, each of which a group can have for itself. */
export interface SGDScheduleFreeGroup extends ScheduleFreeGroup {
  /** The learning rate; default 1. */
  lr?: number;
  /** The weight of the average in the point where gradients are taken, in (0, 1); default 0.9. */
  momentum?: number;
}

/** Options of {@link AdamWScheduleFree}, each of which a group can have for itself. */
export interface AdamWScheduleFreeGroup extends ScheduleFreeGroup {
  /** The learning rate; default 0.0025. */
  lr?: number;
  /** The weight of the average in the point where gradients are taken, in (0, 1), and the decay rate of the mean square; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
}

const steps: Option = {
  default: 0,
  check: (name, value) =>
    Number.isSafeInteger(value) && (value as number) >= 0
      ? undefined
      : `Invalid warmup steps: ${describe(value)} ("${name}" must be an integer >= 0)`,
};

const shared = {
  weightDecay: nonNegative(0, 'weight_decay value'),
  warmupSteps: steps,
  r: finite(0, 'r'),
  weightLrPower: finite(2, 'weight_lr_power'),
  maximize: flag(false),
};

const sgd: Definition<SGDScheduleFreeGroup> = {
  name: 'SGDScheduleFree',
  options: {
    lr: nonNegative(1, 'learning rate'),
    momentum: {
      default: 0.9,
      check: (_, value) =>
        typeof value === 'number' && value > 0 && value < 1
          ? undefined
          : `Momentum must be between 0 and 1 exclusive: ${describe(value)}`,
    },
    ...shared,
  },
  rule: () => 'scheduleFreeSgd',
};

const adamw: Definition<AdamWScheduleFreeGroup> = {
  name: 'AdamWScheduleFree',
  options: {
    lr: nonNegative(0.0025, 'learning rate'),
    betas: betas([0.9, 0.999]),
    eps: nonNegative(1e-8, 'epsilon value'),
    ...shared,
  },
  rule: () => 'scheduleFreeAdam',
  check: ({ betas: [beta] }) =>
    beta > 0 ? undefined : 'Invalid beta parameter at index 0: 0 ("betas" must be 2 numbers in (0, 1) and [0, 1))',
};

// x of y = (1 - beta) z + beta x.
function average(param: Tensor, z: Tensor | null, beta: number): Tensor | null {
  if (z === null) return null;
  const { dtype } = z;
  return dtype === float32 || dtype === float64
    ? param.to({ dtype }).lerp(z, 1 - 1 / beta)
    : param.lerp(z, 1 - 1 / beta);
}

/**
 * Schedule-Free SGD: a constant learning rate with an average of the iterates instead of a schedule. The parameters hold the point
 * where gradients are taken; {@link eval} puts the average there.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option; `ERR_STATE` for a step between `eval()` and `train()`.
 * @see Defazio, Yang, Mehta, Mishchenko, Khaled & Cutkosky, "The road less scheduled", 2024.
 *
 * @example
 * const optimizer = new optim.SGDScheduleFree(model.parameters(), { lr: 1, warmupSteps: 100, clip: clip.norm(1) });
 */
export class SGDScheduleFree extends AveragingOptimizer<SGDScheduleFreeGroup> {
  constructor(params: Parameters<SGDScheduleFreeGroup>, options: SGDScheduleFreeGroup & CommonOptions = {}) {
    super(sgd, params, options);
  }

  protected results(): (Tensor | null)[] {
    const z = this.slots('z');
    const momenta = this.paramGroups.flatMap(({ params, momentum }) =>
      params.map((param) => [param, momentum] as const),
    );
    return momenta.map(([param, momentum], i) => average(param, z[i]!, momentum));
  }
}

/**
 * Schedule-Free AdamW: as {@link SGDScheduleFree}, with the directions of Adam's denominator. Weight decay is decoupled from
 * that.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option; `ERR_STATE` for a step between `eval()` and `train()`.
 * @see Defazio, Yang, Mehta, Mishchenko, Khaled & Cutkosky, "The road less scheduled", 2024.
 *
 * @example
 * const optimizer = new optim.AdamWScheduleFree(model.parameters(), { lr: 0.0025, warmupSteps: 100, clip: clip.norm(1) });
 * optimizer.eval(); // before the model is evaluated or saved
 * optimizer.train(); // before training goes on
 */
export class AdamWScheduleFree extends AveragingOptimizer<AdamWScheduleFreeGroup> {
  constructor(params: Parameters<AdamWScheduleFreeGroup>, options: AdamWScheduleFreeGroup & CommonOptions = {}) {
    super(adamw, params, options);
  }

  protected results(): (Tensor | null)[] {
    const z = this.slots('z');
    const rates = this.paramGroups.flatMap((group) => group.params.map((param) => [param, group.betas[0]] as const));
    return rates.map(([param, beta], i) => average(param, z[i]!, beta));
  }
}
