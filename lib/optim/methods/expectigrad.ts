import {
  check,
  finiteNonNegative,
  finitePositive,
  flag,
  integer,
  numberIn,
  orNull,
  positive,
  synchronous,
} from '../../check.js';
import { type Clipper, single } from '../../clip/clipper.js';
import { value } from '../../clip/norm.js';
import { alternativeOf, readAll } from '../../options.js';
import { refuseLater } from '../../sync.js';
import type { StepRequest, StepResult } from '../base/engine-steps.js';
import { type CommonOptions, type GroupInput, Optimizer, type Parameters } from '../base/optimizer.js';
import { type Definition, option } from '../engine/definition.js';
import { type Original, originalExpectigrad } from '../originals/index.js';
import type { OptimizerStateDict } from '../state/state-dict.js';

/** A learning rate by the number of steps taken before, 0 for the first. */
export type LearningRate = (step: number) => number;

/** What a group of {@link Expectigrad} holds. */
export interface ExpectigradGroup {
  /** The learning rate, > 0; default 1e-3. */
  lr?: number;
  /** How much of the running mean of normalised steps is kept, in [0, 1); default 0.9. */
  beta?: number;
  /** Added to the denominator, > 0; default 1e-8. */
  eps?: number;
  /** Average squares over the steps in which an element's gradient was not 0, instead of over all; default true. */
  sparseCounter?: boolean;
  /** The learning rate is lr / (1 + decay · iterations); >= 0, default 0. */
  decay?: number;
  /** How many steps were taken, for `decay` and a learning rate that is a function; counted by `step()`. */
  iterations?: number;
  /** The function that `lr` follows, where it was given as one. */
  lrFunction?: LearningRate | null;
  /** Ascend instead of descend; default false. */
  maximize?: boolean;
}

/** {@link ExpectigradGroup} as the constructor and `addParamGroup` take it: `lr` may be a function of the step. */
export type ExpectigradInput = Omit<ExpectigradGroup, 'lr' | 'lrFunction'> & {
  /** The learning rate, > 0, or a function of the number of steps taken before; default 1e-3. */
  lr?: number | LearningRate;
};

/** What {@link Expectigrad} takes; at most one of `clip` and Keras's three ways of clipping. */
export interface ExpectigradOptions extends ExpectigradInput, CommonOptions {
  /** The largest norm of a parameter's gradient: g · min(1, clipnorm / ‖g‖). Default: null. */
  clipnorm?: number | null;
  /** The largest magnitude of a gradient's element; default null. */
  clipvalue?: number | null;
  /** The largest norm of all gradients together; default null. */
  globalClipnorm?: number | null;
  /**
   * Compute as the author's code does, number for number: `true` or `'pytorch'`, the form for PyTorch; `'tensorflow'`, the one for Keras;
   * default false.
   */
  reference?: boolean | 'pytorch' | 'tensorflow';
}

const definition: Definition<ExpectigradGroup> = {
  name: 'Expectigrad',
  options: {
    lr: option('learning rate', finitePositive, 1e-3),
    beta: option('beta', numberIn('[0, 1)'), 0.9),
    eps: option('epsilon value', finitePositive, 1e-8),
    sparseCounter: [flag, true],
    decay: option('decay', finiteNonNegative, 0),
    iterations: option('iterations', integer(0), 0),
    lrFunction: [orNull(synchronous<LearningRate>()), null],
    maximize: [flag, false],
  },
  rule: ({ sparseCounter }) => (sparseCounter ? 'expectigradSparse' : 'expectigrad'),
};

/**
 * Expectigrad: each element's gradient is divided by the root of the mean of all its squares so far, and momentum is taken of the
 * result. On problems where rare large gradients carry what matters it keeps converging where Adam goes the wrong way.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Daley & Amato, "Expectigrad: fast stochastic optimization with robust convergence properties", 2020.
 *
 * @example
 * const optimizer = new optim.Expectigrad(model.parameters(), { lr: (step) => 1e-3 * 0.5 ** (step / 1000), globalClipnorm: 1 });
 */
export class Expectigrad extends Optimizer<ExpectigradGroup> {
  constructor(params: Parameters<ExpectigradInput>, options: ExpectigradOptions = {}) {
    const { reference = false, ...rest } = readAll('Expectigrad', options) as ExpectigradOptions;
    if (reference !== false) {
      const original = originalExpectigrad(reference, rest as OriginalOptions) as Original<ExpectigradGroup>;
      super(original.definition, params as Parameters<ExpectigradGroup>, original.options, original.stepper);
    } else {
      const { clip = null, clipnorm, clipvalue, globalClipnorm, ...group } = rest;
      const keras = kerasClipper(clip, { clipnorm, clipvalue, globalClipnorm });
      super(definition, params as Parameters<ExpectigradGroup>, { ...byFunction(group), clip: keras });
    }
  }

  override addParamGroup(group: GroupInput<ExpectigradInput>): void {
    const read = readAll('a parameter group of Expectigrad', group) as GroupInput<ExpectigradInput>;
    super.addParamGroup(byFunction(read as ExpectigradInput) as GroupInput<ExpectigradGroup>);
    // A group's own number takes precedence over the constructor's function.
    const added = this.paramGroups.at(-1)!;
    if (typeof read.lr === 'number' && added.lrFunction) added.lrFunction = null;
  }

  protected override takeStep(request: StepRequest): StepResult {
    // All functions first: the second may throw. Of a copy: one may add a group, whose rate is its own.
    const rates = [...this.acceptedGroups].map(({ lr, lrFunction, iterations }) =>
      lrFunction === null
        ? lr
        : check('the learning rate of a function', refuseLater('lr', lrFunction(iterations)), finiteNonNegative),
    );
    this.writableGroups.forEach((group, i) => {
      group.lr = rates[i] ?? group.lr;
    });
    // The next learning rate may depend on whether this step was taken.
    const exactly = this.paramGroups.some((group) => group.lrFunction !== null || group.decay > 0);
    const result = super.takeStep(exactly ? { ...request, exactly } : request);
    if (result.taken) for (const group of this.paramGroups) group.iterations++;
    return result;
  }

  /** @internal A learning rate that is a function is not part of it. */
  protected override saveDict(): OptimizerStateDict {
    const dict = super.saveDict();
    for (const group of dict.param_groups) delete group.lr_function;
    return dict;
  }

  /** @internal Groups whose learning rate is a function keep it. */
  protected override loadDict(stateDict: OptimizerStateDict): void {
    const functions = this.addedGroups.map(({ lrFunction }) => lrFunction);
    super.loadDict(stateDict);
    functions.forEach((lrFunction, i) => {
      if (lrFunction) this.paramGroups[i]!.lrFunction = lrFunction;
    });
  }
}

// It refuses what is not one of them.
type OriginalOptions = globalThis.Parameters<typeof originalExpectigrad>[1];

function byFunction<T extends ExpectigradInput>({ lr, ...rest }: T): ExpectigradGroup {
  return typeof lr === 'function' ? { ...rest, lrFunction: lr } : { ...rest, lr };
}

function kerasClipper(
  clip: Clipper | null,
  keras: Pick<ExpectigradOptions, 'clipnorm' | 'clipvalue' | 'globalClipnorm'>,
): Clipper | null {
  const chosen = alternativeOf<string, unknown>('Expectigrad', { clip, ...keras });
  if (chosen === undefined || chosen.name === 'clip') return clip;
  const { name } = chosen;
  const most = check(name, chosen.value, positive);
  if (name === 'clipvalue') return value(most);
  return single('norm', { maxNorm: most, normType: 2, eps: 0 }, name === 'clipnorm' ? 'tensor' : 'global', 'gradient');
}
