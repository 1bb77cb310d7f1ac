import { finite, flag, integer, nonNegative, openFraction } from '../../check.js';
import { float32, float64 } from '../../dtype.js';
import { describe } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { AveragingOptimizer } from '../base/averaging.js';
import type { CommonOptions, Parameters } from '../base/optimizer.js';
import { betas, type Definition, option } from '../engine/definition.js';

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

const shared = {
  weightDecay: option('weight_decay value', nonNegative, 0),
  warmupSteps: option('warmup steps', integer(0), 0),
  r: option('r', finite, 0),
  weightLrPower: option('weight_lr_power', finite, 2),
  maximize: [flag, false],
} as const;

const sgd: Definition<SGDScheduleFreeGroup> = {
  name: 'SGDScheduleFree',
  options: {
    lr: option('learning rate', nonNegative, 1),
    momentum: [
      {
        ...openFraction,
        sentence: (name, value) =>
          `Momentum must be between 0 and 1 exclusive: ${describe(value)} ("${name}" must be ${openFraction.expected})`,
      },
      0.9,
    ],
    ...shared,
  },
  rule: () => 'scheduleFreeSgd',
};

const adamw: Definition<AdamWScheduleFreeGroup> = {
  name: 'AdamWScheduleFree',
  options: {
    lr: option('learning rate', nonNegative, 0.0025),
    betas: betas([0.9, 0.999]),
    eps: option('epsilon value', nonNegative, 1e-8),
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
    const momenta = this.acceptedGroups.flatMap(({ params, momentum }) =>
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
    const rates = this.acceptedGroups.flatMap((group) => group.params.map((param) => [param, group.betas[0]] as const));
    return rates.map(([param, beta], i) => average(param, z[i]!, beta));
  }
}
