import { check, finitePositive, flag, integer, numberIn, oneOf } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { alternativeOf, readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { AveragingOptimizer } from '../base/averaging.js';
import type { CommonOptions, Parameters } from '../base/optimizer.js';
import { type ClippingOptions, withClipper } from '../clipping-type/clipper.js';
import { complete, type Definition, option } from '../engine/definition.js';
import { type Original, originalSSTM } from '../originals/index.js';

/** Options of {@link ClippedSSTM}, each of which a group can have for itself. */
export interface ClippedSSTMGroup {
  /** The first step's size is lr / (2 L), or lr / L with the linear schedule: 1/a in the paper, > 0; default 1e-3. */
  lr?: number;
  /** The Lipschitz constant of the gradient, > 0; default 1. `optim.estimateLipschitz` measures it. */
  L?: number;
  /** The Hölder exponent of the gradient, in [0, 1], for the schedule `'holder'`; default 1. */
  nu?: number;
  /** The largest weight of y in x, in (0, 1]; below 1 it keeps x moving in long runs; default 1. */
  aKRatioUpperBound?: number;
  /**
   * How steps α grow with their number t: `'holder'`, lr / (2 L) · t^(2 nu / (1 + nu)), as in the Python package torch-clip, the
   * default; or `'linear'`, lr / (2 L) · (t + 1), as in the paper for smooth objectives.
   */
  schedule?: 'holder' | 'linear';
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
  /** A level of the group's own; with `reference: true` only. */
  clippingLevel?: number;
}

/** What {@link ClippedSSTM} takes: options of groups, of the clipping, and of every optimizer; `clip` only without a `clippingType`. */
export interface ClippedSSTMOptions extends ClippedSSTMGroup, ClippingOptions, CommonOptions {
  /** B, so that step t clips at B / α: default 1, for `layerWise` .3, for `coordinateWise` .1. */
  clippingLevel?: number;
  /** Instead of `clippingLevel`: the number of earlier steps, > 0, after which the level has come down to 1, by the first group's steps. Default: null. */
  clippingIterStart?: number | null;
  /**
   * Compute as the Python package torch-clip does, number for number; default false. It then takes no option of other optimizers, needs
   * `lr` and `L`, and can only train: the original does not hand out its result.
   */
  reference?: boolean;
}

const definition = {
  name: 'ClippedSSTM',
  options: {
    lr: option('learning rate', finitePositive, 1e-3),
    L: option('Lipschitz constant', finitePositive, 1),
    nu: option('nu', numberIn('[0, 1]'), 1),
    aKRatioUpperBound: option('a_k_ratio_upper_bound', numberIn('(0, 1]'), 1),
    schedule: [oneOf('holder', 'linear'), 'holder'],
    maximize: [flag, false],
  },
  rule: ({ schedule }: Required<ClippedSSTMGroup>) => (schedule === 'holder' ? 'sstmHolder' : 'sstm'),
} as unknown as Definition<ClippedSSTMGroup>;

/**
 * clipped-SSTM, an accelerated method with clipping for convex problems whose gradient noise is heavy-tailed. Gradients are taken at x, which
 * the parameters hold while training; the result is y, which {@link eval} puts there. A level λ of the clipper counts as λ / α, α the
 * step's size.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option; `ERR_STATE` for a step between `eval()` and `train()`.
 * @see Gorbunov, Danilova & Gasnikov, "Stochastic optimization with heavy-tailed noise via accelerated gradient clipping", 2020; with
 * Hölder steps: "Gradient clipping helps in non-smooth stochastic optimization with heavy-tailed noise", 2021.
 *
 * @example
 * const optimizer = new optim.ClippedSSTM(model.parameters(), { lr: 0.01, L: 10, clippingType: 'norm', clippingLevel: 1 });
 * for (const batch of batches) optimizer.step(() => loss(batch));
 * optimizer.eval();
 */
export class ClippedSSTM extends AveragingOptimizer<ClippedSSTMGroup> {
  readonly #reference: boolean;

  constructor(params: Parameters<ClippedSSTMGroup>, options: ClippedSSTMOptions = {}) {
    const { reference = false, ...rest } = readAll('ClippedSSTM', options) as ClippedSSTMOptions;
    check('reference', reference, flag);
    if (reference) {
      const original = originalSSTM(rest) as Original<ClippedSSTMGroup>;
      super(original.definition, params, original.options, original.stepper);
    } else {
      const { clippingIterStart = null, ...other } = rest;
      const clippingLevel = clippingIterStart === null ? other.clippingLevel : levelFrom(clippingIterStart, other);
      super(definition, params, withClipper({ ...other, clippingLevel }));
    }
    this.#reference = reference;
  }

  override eval(): void {
    if (this.#reference) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        'eval() is not available with reference: true: the original never exposes y',
      );
    }
    super.eval();
  }

  protected results(): (Tensor | null)[] {
    return this.slots('y');
  }
}

// B is the size of the step after `start` others: B / α is 1 there.
function levelFrom(start: unknown, { clippingLevel, ...options }: ClippedSSTMOptions): number {
  check('clippingIterStart', start, integer(1));
  alternativeOf('ClippedSSTM', { clippingIterStart: start, clippingLevel });
  const known = Object.entries(options).filter(([name]) => Object.hasOwn(definition.options, name));
  const { lr, L, nu, schedule } = complete(definition, Object.fromEntries(known), {});
  const t = (start as number) + 1;
  return (lr / (2 * L)) * (schedule === 'holder' ? t ** ((2 * nu) / (1 + nu)) : t + 1);
}
