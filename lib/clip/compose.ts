import { callable, check, finiteNonNegative, instance, integer, oneOf, openFraction, positive } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { refuseLater } from '../sync.js';
import {
  Clipper,
  type CustomFunction,
  type Placement,
  type Scope,
  single,
  type UnitStatistics,
  whereTable,
} from './clipper.js';
import { clipperOf } from './native-stage.js';

/** Options of {@link stochastic}. */
export interface StochasticOptions {
  /** The base of the probability, in (0, 1). */
  beta: number;
  /** 1: linear, with probability beta^c; 2: quadratic, beta^(c²); default 1. */
  power?: 1 | 2;
  /** The seed of the clipper's own random generator: an integer >= 0; default 0. */
  seed?: number;
}

const readStochastic = optionsOf('clip.stochastic()', {
  beta: [openFraction],
  power: [oneOf(1, 2), 1],
  seed: [integer(0), 0],
});

/**
 * Clips only with a certain probability: where `clipper` would multiply by c < 1, it does so with probability beta^(c^power), so
 * large gradients are clipped more often. One random draw per step for the global scope, else one per group, tensor or row. Norms are compared with
 * the level itself, without the 1e-6 of {@link norm}.
 *
 * @param clipper one that scales: any but `value`, `spam` and chains.
 * @see the stochastic clipping types of torch-clip.
 *
 * @example
 * new optim.SGD(model.parameters(), { lr: 0.1, clip: clip.stochastic(clip.norm(1), { beta: 0.7, power: 2 }) });
 */
export function stochastic(clipper: Clipper, options: StochasticOptions): Clipper {
  const stage = only('clipper', clipper);
  const { scales, slack } = clipperOf(stage);
  if (!scales) {
    throw invalidArgument('clipper', 'a clipper that scales, such as clip.norm(1)', clipper);
  }
  if (stage.coin !== undefined) throw new TorchClipError('ERR_ARGUMENT', 'stochastic() cannot be applied twice');
  const coin = readStochastic(options);
  const exact = slack === '' ? stage.options : { ...stage.options, [slack]: 0 };
  return new Clipper([{ ...stage, options: exact, coin }]);
}

/**
 * Applies several clippers in order: each sees what the previous one left. Those with the placement `'update'` come last.
 *
 * @param clippers at least one; those with the placement `'update'` last.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.chain(clip.value(1), clip.norm(1)) });
 */
export function chain(...clippers: readonly Clipper[]): Clipper {
  if (clippers.length === 0) throw new TorchClipError('ERR_ARGUMENT', 'chain() needs at least one clipper, got none');
  clippers.forEach((clipper, i) => {
    check(`clippers[${i}]`, clipper, clipperKind);
  });
  const stages = clippers.flatMap((clipper) => clipper.stages);
  const late = stages.findIndex((stage, i) => stage.placement === 'gradient' && stages[i - 1]?.placement === 'update');
  if (late > 0) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `chain(): clippers with the placement 'gradient' must come before those with 'update', ` +
        `got ${stages[late]!.name} (gradient) after ${stages[late - 1]!.name} (update)`,
    );
  }
  return new Clipper(stages);
}

/** Options of {@link custom}. */
export interface CustomOptions {
  /** The p of the norm: a number > 0, or Infinity; default 2. */
  normType?: number;
  /** Default `'global'`. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const readCustom = optionsOf('clip.custom()', { normType: [positive, 2], ...whereTable('global') });

/**
 * A custom clipper: `decide` maps the statistics of each unit to the coefficient that its gradient is multiplied by, between the
 * engine's two passes. When it throws, the step changes nothing. Whatever it remembers is not part of a state dict.
 *
 * @param decide returns a finite number >= 0; it may read the optimizer, but must not step or change it.
 *
 * @example
 * const soft = clip.custom(({ norm }) => 1 / Math.sqrt(1 + norm ** 2));
 */
export function custom(decide: CustomFunction, options?: CustomOptions): Clipper {
  check('decide', decide, callable<CustomFunction>());
  const { normType, scope, placement } = readCustom(options);
  return single('custom', { normType }, scope, placement, { custom: decide });
}

const readTap = optionsOf('clip.tap()', { window: [integer(1), 1000] });

/**
 * Keeps the last norms that `clipper` saw, one per step that was taken (the 2-norm of all units' norms), as `optimizer.clipStats.history`.
 *
 * @param clipper any but a chain.
 * @param options.window how many: an integer >= 1; default 1000.
 *
 * @example
 * const optimizer = new optim.AdamW(model.parameters(), { clip: clip.tap(clip.norm(1)) });
 * clip.tailIndex(optimizer.clipStats.history);
 */
export function tap(clipper: Clipper, options?: { window?: number }): Clipper {
  const stage = only('clipper', clipper);
  const { window } = readTap(options);
  return new Clipper([{ ...stage, tap: window }]);
}

const clipperKind = instance(Clipper, 'a Clipper, such as clip.norm(1)');

function only(name: string, clipper: unknown) {
  const [stage, more] = check(name, clipper, clipperKind).stages;
  if (stage === undefined || more !== undefined) throw invalidArgument(name, 'one clipper, not a chain', clipper);
  return stage;
}

/** @internal Asks a custom clipper about every unit and checks its answers. */
export function askCustom(decide: CustomFunction, norms: Float64Array, numels: BigInt64Array): Float64Array {
  return Float64Array.from(norms, (norm, unit) => {
    const statistics: UnitStatistics = { norm, numel: Number(numels[unit]), unit };
    return check('the coefficient of a custom clipper', refuseLater('decide', decide(statistics)), finiteNonNegative);
  });
}
