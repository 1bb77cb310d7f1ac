import { check, finitePositive, flag, type Kind, kind, orNull, synchronous } from '../../check.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import * as F from '../functional/loss.js';
import { Module } from '../module.js';
import type { LossOptions } from '../reduction.js';
import { lossTable, marginTable, multiMarginTable, tripletTable, weightedTable } from '../tables.js';
import { PairwiseDistance } from './distance.js';
import { Loss, WeightedLoss } from './loss.js';

const readMargin0 = optionsOf('MarginRankingLoss', marginTable(0));
const readMargin1 = optionsOf('HingeEmbeddingLoss', marginTable(1));

/**
 * x where the target is 1, max(0, margin - x) where it is -1.
 *
 * @param options.margin default 1.
 *
 * @example
 * new nn.HingeEmbeddingLoss().forward(torch.randn([3]), torch.tensor([1, -1, 1]));
 */
export class HingeEmbeddingLoss extends Loss {
  readonly margin: number;

  constructor(options: LossOptions & { margin?: number } = {}) {
    const { reduction, margin } = readMargin1(options, new.target.name);
    super(reduction);
    this.margin = margin;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1: `[n, d]`, `[n, d]` and `[n]`.
 *
 * @param options.margin from -1 to 1, 0 to 0.5 being usual; default 0.
 *
 * @example
 * new nn.CosineEmbeddingLoss().forward(torch.randn([3, 5]), torch.randn([3, 5]), torch.tensor([1, -1, 1]));
 */
export class CosineEmbeddingLoss extends Loss {
  readonly margin: number;

  constructor(options: LossOptions & { margin?: number } = {}) {
    const { reduction, margin } = readMargin0(options, new.target.name);
    super(reduction);
    this.margin = margin;
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * max(0, -target (a - b) + margin): a target of 1 asks for a larger first input, -1 for a larger second one.
 *
 * @param options.margin default 0.
 *
 * @example
 * new nn.MarginRankingLoss().forward(torch.randn([3]), torch.randn([3]), torch.tensor([1, -1, 1]));
 */
export class MarginRankingLoss extends Loss {
  readonly margin: number;

  constructor(options: LossOptions & { margin?: number } = {}) {
    const { reduction, margin } = readMargin0(options, new.target.name);
    super(reduction);
    this.margin = margin;
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}

const readLoss = optionsOf('SoftMarginLoss', lossTable);

/**
 * log(1 + exp(-target x)) for targets of 1 and -1.
 *
 * @example
 * new nn.SoftMarginLoss().forward(torch.randn([3]), torch.tensor([1, -1, 1]));
 */
export class SoftMarginLoss extends Loss {
  constructor(options: LossOptions = {}) {
    super(readLoss(options, new.target.name).reduction);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * The multi-label hinge loss of scores `[n, classes]` at lists of classes `[n, classes]` (int64), which end at the first -1.
 *
 * @example
 * new nn.MultiLabelMarginLoss().forward(torch.randn([1, 4]), torch.tensor([[3n, 0n, -1n, 1n]]));
 */
export class MultiLabelMarginLoss extends Loss {
  constructor(options: LossOptions = {}) {
    super(readLoss(options, new.target.name).reduction);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, { reduction: this.reduction });
  }
}

const readWeighted = optionsOf('MultiLabelSoftMarginLoss', weightedTable);

/**
 * The mean over the classes of the cross entropy of logits `[n, classes]` and targets in [0, 1] of that shape.
 *
 * @param options.weight one factor per class.
 *
 * @example
 * new nn.MultiLabelSoftMarginLoss().forward(torch.randn([3, 4]), torch.ones([3, 4]));
 */
export class MultiLabelSoftMarginLoss extends WeightedLoss {
  constructor(options: LossOptions & { weight?: Tensor | null } = {}) {
    super(readWeighted(options, new.target.name));
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

const readMultiMargin = optionsOf('MultiMarginLoss', multiMarginTable);

/**
 * The multi-class hinge loss of scores `[n, classes]` at classes `[n]` (int64).
 *
 * @param options.p 1 (default) or 2, the power of each difference.
 * @param options.margin default 1.
 * @param options.weight one factor per class.
 *
 * @example
 * new nn.MultiMarginLoss().forward(torch.randn([2, 4]), torch.tensor([3n, 0n]));
 */
export class MultiMarginLoss extends WeightedLoss {
  readonly p: 1 | 2;
  readonly margin: number;

  constructor(options: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor | null } = {}) {
    const read = readMultiMargin(options, new.target.name);
    super(read);
    this.p = read.p;
    this.margin = read.margin;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { p, margin, weight, reduction } = this;
    return F.multiMarginLoss(input, target, { p, margin, weight, reduction });
  }
}

const readTriplet = optionsOf('TripletMarginLoss', tripletTable);

/**
 * max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm as distance: three times `[n, d]`.
 *
 * @param options.margin greater than 0; default 1.
 *
 * @example
 * new nn.TripletMarginLoss({ margin: 0.5 }).forward(torch.randn([8, 4]), torch.randn([8, 4]), torch.randn([8, 4]));
 *
 * @see Balntas et al. 2016
 */
export class TripletMarginLoss extends Loss {
  readonly margin: number;
  readonly p: number;
  readonly eps: number;
  readonly swap: boolean;

  constructor(options: F.TripletMarginOptions = {}) {
    const { reduction, margin, p, eps, swap } = readTriplet(options, new.target.name);
    super(reduction);
    this.margin = check('margin', margin, finitePositive);
    this.p = p;
    this.eps = eps;
    this.swap = swap;
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this;
    return F.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction });
  }
}

/** How far two tensors are from each other: a function, or a module of two tensors. */
export type Distance = ((a: Tensor, b: Tensor) => Tensor) | (Module & { forward(a: Tensor, b: Tensor): Tensor });

const distance: Kind<Distance> = kind(
  'a synchronous function or a Module',
  (v) => synchronous().accepts(v) || v instanceof Module,
);
const readWithDistance = optionsOf('TripletMarginWithDistanceLoss', {
  ...marginTable(1),
  swap: [flag, false],
  distanceFunction: [orNull(distance), null],
});

/** Options of {@link TripletMarginWithDistanceLoss}. */
export interface TripletMarginWithDistanceOptions extends LossOptions {
  /** Default a {@link PairwiseDistance}. */
  distanceFunction?: Distance | null;
  /** Greater than 0; default 1. */
  margin?: number;
  /** Use the distance from the positive to the negative where that is smaller; default false. */
  swap?: boolean;
}

/**
 * {@link TripletMarginLoss} with a distance of one's own.
 *
 * @example
 * const cosine = (a: Tensor, b: Tensor) => torch.rsub(nn.functional.cosineSimilarity(a, b), 1);
 * new nn.TripletMarginWithDistanceLoss({ distanceFunction: cosine });
 */
export class TripletMarginWithDistanceLoss extends Loss {
  readonly distance_function: Distance;
  readonly margin: number;
  readonly swap: boolean;

  constructor(options: TripletMarginWithDistanceOptions = {}) {
    const { reduction, margin, swap, distanceFunction } = readWithDistance(options, new.target.name);
    super(reduction);
    this.margin = check('margin', margin, finitePositive);
    this.swap = swap;
    this.distance_function = distanceFunction ?? new PairwiseDistance();
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distance_function: d, margin, swap, reduction } = this;
    const distanceFunction = d instanceof Module ? (a: Tensor, b: Tensor) => d.forward(a, b) : d;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction });
  }
}
