import { arrayOf, check, flag, instance, integer, orNull, probability } from '../../check.js';
import { mustHave } from '../../errors.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { linearCrossEntropy } from '../functional/linear-cross-entropy.js';
import * as F from '../functional/loss.js';
import type { FactoryOptions } from '../module.js';
import * as print from '../print.js';
import type { LossOptions } from '../reduction.js';
import { ctcTable, factoryTable, gaussianTable, poissonTable, weightedTable } from '../tables.js';
import { Linear } from './linear.js';
import { Loss, WeightedLoss } from './loss.js';

const readPoisson = optionsOf('PoissonNLLLoss', poissonTable);

/** Options of {@link PoissonNLLLoss}. */
export interface PoissonNLLOptions extends LossOptions {
  /** Whether the input is the logarithms of the rates; default true. */
  logInput?: boolean;
  /** Whether to add Stirling's approximation of the logarithm of the target's factorial; default false. */
  full?: boolean;
  /** Keeps the logarithm finite where `logInput` is false; default 1e-8. */
  eps?: number;
}

/**
 * The negative log-likelihood of counts under Poisson distributions whose rates are the input.
 *
 * @example
 * new nn.PoissonNLLLoss().forward(torch.randn([5, 2]), torch.randint(0, 5, [5, 2]).to({ dtype: torch.float32 }));
 */
export class PoissonNLLLoss extends Loss {
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;

  constructor(options: PoissonNLLOptions = {}) {
    const { reduction, logInput, full, eps } = readPoisson(options, new.target.name);
    super(reduction);
    this.logInput = logInput;
    this.full = full;
    this.eps = eps;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { logInput, full, eps, reduction } = this;
    return F.poissonNllLoss(input, target, { logInput, full, eps, reduction });
  }
}

const readGaussian = optionsOf('GaussianNLLLoss', gaussianTable);

/**
 * The negative log-likelihood of targets under Gaussians whose means are the input and whose variances are given beside it.
 *
 * @param options.full whether to add the constant log(2 pi) / 2; default false.
 * @param options.eps the least that a variance counts; default 1e-6.
 *
 * @example
 * new nn.GaussianNLLLoss().forward(torch.randn([5, 2]), torch.randn([5, 2]), torch.ones([5, 2]));
 *
 * @see Nix and Weigend 1994
 */
export class GaussianNLLLoss extends Loss {
  readonly full: boolean;
  readonly eps: number;

  constructor(options: LossOptions & { full?: boolean; eps?: number } = {}) {
    const { reduction, full, eps } = readGaussian(options, new.target.name);
    super(reduction);
    this.full = full;
    this.eps = eps;
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    const { full, eps, reduction } = this;
    return F.gaussianNllLoss(input, target, variance, { full, eps, reduction });
  }
}

const readCtc = optionsOf('CTCLoss', ctcTable);

/**
 * The connectionist temporal classification loss: see {@link functional.ctcLoss} for the shapes.
 *
 * @param options.blank the class of the blank label; default 0.
 * @param options.zeroInfinity zero instead of infinite losses, where a target is longer than its input; default false.
 *
 * @example
 * const logProbs = torch.randn([50, 16, 20]).logSoftmax(2);
 * const targets = torch.randint(1, 20, [16, 30]);
 * new nn.CTCLoss().forward(logProbs, targets, torch.full([16], 50n), torch.randint(10, 30, [16]));
 *
 * @see Graves et al. 2006
 */
export class CTCLoss extends Loss {
  readonly blank: number;
  readonly zeroInfinity: boolean;

  constructor(options: F.CtcLossOptions = {}) {
    const { reduction, blank, zeroInfinity } = readCtc(options, new.target.name);
    super(reduction);
    this.blank = blank;
    this.zeroInfinity = zeroInfinity;
  }

  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    const { blank, zeroInfinity, reduction } = this;
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, { blank, zeroInfinity, reduction });
  }
}

const linearKind = instance(Linear, 'a Linear');
const readLinearCrossEntropy = optionsOf('LinearCrossEntropyLoss', {
  ...weightedTable,
  ignoreIndex: [orNull(integer()), null],
  labelSmoothing: [probability, 0],
  outFeatures: [arrayOf(integer(1)), []],
  bias: [flag, false],
  ...factoryTable,
});

/** Options of {@link LinearCrossEntropyLoss}. */
export interface LinearCrossEntropyLossOptions extends LossOptions, FactoryOptions {
  /** Sizes of further dimensions of the logits, after the classes; default none. */
  outFeatures?: readonly number[];
  /** Default false. */
  bias?: boolean;
  /** A factor for each class; default null, 1 for all. */
  weight?: Tensor | null;
  /** A class that does not count; default null, which is -100. */
  ignoreIndex?: number | null;
  /** Share of the target spread over all classes, in [0, 1]; default 0. */
  labelSmoothing?: number;
}

/**
 * A linear layer and the cross entropy of the logits that it gives: inputs `[n, inFeatures]` and classes `[n]` (int64) or
 * probabilities `[n, numClasses]`.
 *
 * @example
 * new nn.LinearCrossEntropyLoss(16, 5).forward(torch.randn([8, 16]), torch.randint(0, 5, [8])).backward();
 */
export class LinearCrossEntropyLoss extends WeightedLoss {
  readonly numClasses: number;
  readonly outFeatures: readonly number[];
  readonly ignoreIndex: number | null;
  readonly labelSmoothing: number;
  linear: Linear;

  constructor(inFeatures: number, numClasses: number, options: LinearCrossEntropyLossOptions = {}) {
    const { outFeatures, bias, device, dtype, ...read } = readLinearCrossEntropy(options, new.target.name);
    check('numClasses', numClasses, integer(1));
    if (read.weight && String(read.weight.shape) !== String([numClasses])) {
      throw mustHave('weight', `shape [${numClasses}]`, read.weight.shape);
    }
    super(read);
    this.numClasses = numClasses;
    this.outFeatures = outFeatures;
    this.ignoreIndex = read.ignoreIndex;
    this.labelSmoothing = read.labelSmoothing;
    const rows = this.outFeatures.reduce((product, n) => product * n, numClasses);
    this.linear = new Linear(inFeatures, rows, { bias, device, dtype });
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction, ignoreIndex, labelSmoothing } = this;
    const linear = field(this, 'linear', linearKind);
    const leading = [field(this, 'numClasses', integer(1)), ...field(this, 'outFeatures', arrayOf(integer(1)))];
    const linearBias = linear.bias?.reshape(leading) ?? null;
    const rest = { linearBias, weight, reduction, ignoreIndex, labelSmoothing };
    return linearCrossEntropy(input, linear.weight.reshape([...leading, linear.inFeatures]), target, rest);
  }

  override extraRepr(): string {
    const { linear, numClasses, outFeatures, reduction, ignoreIndex, labelSmoothing } = this;
    return (
      `in_features=${linear.inFeatures}, num_classes=${numClasses}, out_features=${print.size(outFeatures)}, ` +
      `bias=${print.bool(linear.bias !== null)}, reduction=${reduction}, ignore_index=${ignoreIndex ?? 'None'}, ` +
      `label_smoothing=${print.float(labelSmoothing)}, options=None`
    );
  }
}
