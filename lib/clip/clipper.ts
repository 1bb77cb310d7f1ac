import { type Kind, oneOf } from '../check.js';
import { engine } from '../engine.js';

/** The former name of the scope `'row'`. @deprecated use `'row'`. */
export type UnitScope = 'unit';
/** What one norm and one coefficient are taken over: all groups of the optimizer, each group, each tensor, or each row of a tensor (a slice of its first dimension; the whole of a tensor with fewer than two dimensions). */
export type Scope = 'global' | 'group' | 'tensor' | 'row' | UnitScope;
/** @internal */
export type StageScope = Exclude<Scope, UnitScope>;
/**
 * What a clipper looks at: `'gradient'`, before weight decay, momentum or any other state sees it; or `'update'`, (p - p′) / lr, what
 * the optimizer is about to subtract from a parameter at a learning rate of 1, after its state has been updated.
 */
export type Placement = 'gradient' | 'update';

/** What a custom clipper is told of each unit of its scope. */
export interface UnitStatistics {
  /** The p-norm before clipping. */
  readonly norm: number;
  /** The number of elements. */
  readonly numel: number;
  /** Its index: 0 for the global scope, else that of the group, tensor or row. */
  readonly unit: number;
}

/** Maps the statistics of a unit to the coefficient that its gradient is multiplied by: a finite number >= 0. */
export type CustomFunction = (statistics: UnitStatistics) => number;

/** @internal One clipper of the engine, and what it is applied to. */
export interface Stage {
  /** The engine's name of the clipper. */
  readonly name: string;
  readonly scope: StageScope;
  readonly placement: Placement;
  readonly options: Readonly<Record<string, number>>;
  /** Makes the decision stochastic: a coefficient c < 1 is applied with probability beta^(c^power). */
  readonly coin?: { readonly beta: number; readonly power: 1 | 2; readonly seed: number };
  /** How many of the last norms are kept. */
  readonly tap?: number;
  readonly custom?: CustomFunction;
}

/**
 * A clipping rule for an optimizer's `clip` option, made by `clip.norm`, `clip.value` and related functions. It is immutable, so several
 * optimizers can share one.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.norm(1) });
 */
export class Clipper {
  /** @internal The engine's stages in order: those of gradients first, then those of updates. */
  readonly stages: readonly Stage[];

  /** @internal */
  constructor(stages: readonly Stage[]) {
    this.stages = Object.freeze(
      stages.map((stage) => Object.freeze({ ...stage, options: Object.freeze({ ...stage.options }) })),
    );
    Object.freeze(this);
  }

  /** The clipper as it was made, such as `norm(maxNorm: 1, normType: 2)`. */
  toString(): string {
    return this.stages.map((stage) => `${stage.name}(${words(describeStage(stage))})`).join(' then ');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Clipper ${this.toString()}`;
  }
}

/** @internal What a state dict records of a stage, and must match when it is loaded. */
export function describeStage({ name, scope, placement, options, coin, tap }: Stage): Record<string, number | string> {
  return {
    name,
    scope,
    placement,
    ...options,
    ...(coin && { 'coin.beta': coin.beta, 'coin.power': coin.power, 'coin.seed': coin.seed }),
    ...(tap !== undefined && { tap }),
  };
}

const words = ({ name, ...rest }: Record<string, number | string>) =>
  Object.entries(rest)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ');

const scopes = engine.scopes as readonly StageScope[];
const placements = engine.placements as readonly Placement[];
const scopeKind: Kind<Scope> = {
  ...oneOf<Scope>(...scopes),
  accepts: (value): value is Scope => value === 'unit' || scopes.includes(value as StageScope),
};

/** @internal The options that say where a clipper acts; the default scope differs between clippers. */
export const whereTable = <const S extends Scope>(scope: S) =>
  ({ scope: [scopeKind, scope], placement: [oneOf(...placements), 'gradient'] }) as const;

/** @internal A clipper of one stage. */
export function single(
  name: string,
  options: Record<string, number>,
  scope: Scope,
  placement: Placement,
  more: Pick<Stage, 'custom'> = {},
): Clipper {
  const named = scope === 'unit' ? 'row' : scope;
  return new Clipper([{ name, options, scope: named, placement, ...more }]);
}
