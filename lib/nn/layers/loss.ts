import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
} from '../functional/index.js';
import { Module } from '../module.js';
import type { LossOptions, Reduction } from '../reduction.js';
import {
  crossEntropyTable,
  huberTable,
  klDivTable,
  lossTable,
  nllTable,
  smoothL1Table,
  weightedTable,
  withLogitsTable,
} from '../tables.js';

export type { CrossEntropyOptions, LossOptions, Reduction };

export abstract class Loss extends Module {
  readonly reduction: Reduction;
  private warned = false;

  constructor(reduction: Reduction) {
    super();
    this.reduction = reduction;
  }

  /** Warns once of sizes that broadcast: `[n]` against `[n, 1]` gives `[n, n]`, which is hardly ever meant. */
  protected warnOfBroadcast(input: Tensor, target: Tensor): void {
    if (this.warned || !isTensor(input) || !isTensor(target)) return;
    if (input.dim() === target.dim() && input.numel() === target.numel()) return;
    this.warned = true;
    const [a, b] = [input.shape.join(', '), target.shape.join(', ')];
    process.emitWarning(`${this.constructor.name} broadcasts an input of shape [${a}] and a target of shape [${b}]`);
  }
}

/** A loss with a weight, which is a buffer: it is saved and moved with the module. */
export abstract class WeightedLoss extends Loss {
  declare weight: Tensor | null;

  constructor({ reduction, weight }: { reduction: Reduction; weight: Tensor | null }) {
    super(reduction);
    this.registerBuffer('weight', weight);
  }
}

const readLoss = optionsOf('MSELoss', lossTable);

/**
 * (input - target)².
 *
 * @example
 * new nn.MSELoss().forward(model.forward(x), y);
 */
export class MSELoss extends Loss {
  constructor(options: LossOptions = {}) {
    super(readLoss(options, new.target.name).reduction);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return mseLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * |input - target|.
 *
 * @example
 * new nn.L1Loss({ reduction: 'sum' }).forward(model.forward(x), y);
 */
export class L1Loss extends Loss {
  constructor(options: LossOptions = {}) {
    super(readLoss(options, new.target.name).reduction);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return l1Loss(input, target, { reduction: this.reduction });
  }
}

const readSmoothL1 = optionsOf('SmoothL1Loss', smoothL1Table);

/**
 * Squared below `beta` (default 1), linear above.
 *
 * @example
 * new nn.SmoothL1Loss({ beta: 0.5 }).forward(values, returns);
 */
export class SmoothL1Loss extends Loss {
  readonly beta: number;

  constructor(options: LossOptions & { beta?: number } = {}) {
    const { reduction, beta } = readSmoothL1(options, new.target.name);
    super(reduction);
    this.beta = beta;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return smoothL1Loss(input, target, { reduction: this.reduction, beta: this.beta });
  }
}

const readHuber = optionsOf('HuberLoss', huberTable);

/**
 * Half the square below `delta` (default 1), linear above.
 *
 * @example
 * new nn.HuberLoss({ delta: 2 }).forward(values, returns);
 */
export class HuberLoss extends Loss {
  readonly delta: number;

  constructor(options: LossOptions & { delta?: number } = {}) {
    const { reduction, delta } = readHuber(options, new.target.name);
    super(reduction);
    this.delta = delta;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    this.warnOfBroadcast(input, target);
    return huberLoss(input, target, { reduction: this.reduction, delta: this.delta });
  }
}

const readCrossEntropy = optionsOf('CrossEntropyLoss', crossEntropyTable);

/**
 * Cross entropy of logits `[n, classes, ...]` with classes `[n, ...]` (int64) or probabilities `[n, classes, ...]`.
 *
 * @example
 * new nn.CrossEntropyLoss().forward(torch.randn([3, 5]), torch.tensor([1n, 0n, 4n]));
 */
export class CrossEntropyLoss extends WeightedLoss {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;

  constructor(options: CrossEntropyOptions = {}) {
    const read = readCrossEntropy(options, new.target.name);
    super(read);
    this.ignoreIndex = read.ignoreIndex;
    this.labelSmoothing = read.labelSmoothing;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction, ignoreIndex, labelSmoothing } = this;
    return crossEntropy(input, target, { weight, reduction, ignoreIndex, labelSmoothing });
  }
}

const readNLL = optionsOf('NLLLoss', nllTable);

/**
 * Minus the log-probability `[n, classes, ...]` of the target classes `[n, ...]` (int64).
 *
 * @example
 * new nn.NLLLoss().forward(nn.functional.logSoftmax(scores, 1), torch.tensor([0n, 2n]));
 */
export class NLLLoss extends WeightedLoss {
  readonly ignoreIndex: number;

  constructor(options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {}) {
    const read = readNLL(options, new.target.name);
    super(read);
    this.ignoreIndex = read.ignoreIndex;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction, ignoreIndex } = this;
    return nllLoss(input, target, { weight, reduction, ignoreIndex });
  }
}

const readKLDiv = optionsOf('KLDivLoss', klDivTable);

/**
 * Kullback-Leibler divergence of log-probabilities from target probabilities.
 *
 * @param options.reduction also `'batchmean'`: the sum divided by the batch size, which is the divergence as it is defined.
 * @param options.logTarget whether the target is log-probabilities too; default false.
 *
 * @example
 * new nn.KLDivLoss({ reduction: 'batchmean' }).forward(student, teacher);
 */
export class KLDivLoss extends Module {
  readonly reduction: Reduction | 'batchmean';
  readonly logTarget: boolean;

  constructor(options: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {}) {
    super();
    const { reduction, logTarget } = readKLDiv(options, new.target.name);
    this.reduction = reduction;
    this.logTarget = logTarget;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget });
  }
}

const readBCE = optionsOf('BCELoss', weightedTable);

/**
 * Cross entropy of probabilities with targets in [0, 1], of the same shape.
 *
 * @param options.weight a factor for each element, broadcast.
 *
 * @example
 * new nn.BCELoss().forward(scores.sigmoid(), labels);
 */
export class BCELoss extends WeightedLoss {
  constructor(options: LossOptions & { weight?: Tensor | null } = {}) {
    super(readBCE(options, new.target.name));
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

const readWithLogits = optionsOf('BCEWithLogitsLoss', withLogitsTable);

/**
 * {@link BCELoss} of the sigmoid of logits, computed without overflow.
 *
 * @param options.weight a factor for each element, broadcast.
 * @param options.posWeight a factor for the positive targets of each class, broadcast.
 *
 * @example
 * new nn.BCEWithLogitsLoss().forward(scores, labels);
 */
export class BCEWithLogitsLoss extends WeightedLoss {
  declare pos_weight: Tensor | null;

  constructor(options: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null } = {}) {
    const read = readWithLogits(options, new.target.name);
    super(read);
    this.registerBuffer('pos_weight', read.posWeight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight, reduction } = this;
    return binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}
