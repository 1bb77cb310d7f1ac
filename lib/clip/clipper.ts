import { invalidArgument } from '../errors.js';
import { given } from '../options.js';

/** What one norm and one coefficient are taken over: all groups of the optimizer, each group, or each tensor. */
export type Scope = 'global' | 'group' | 'tensor';

/** @internal In the order of the engine's enumeration. */
export const scopes: readonly Scope[] = ['global', 'group', 'tensor'];

/**
 * A clipping rule for an optimizer's `clip` option, made by `clip.norm`, `clip.value` and their relatives; immutable, so that
 * one can serve several optimizers.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.norm(1) });
 */
export class Clipper {
  /** The engine's name of the rule. */
  readonly name: string;
  readonly scope: Scope;
  /** The rule's numbers by name, such as `{ maxNorm: 1, normType: 2 }`. */
  readonly options: Readonly<Record<string, number>>;

  /** @internal */
  constructor(name: string, scope: Scope, options: Record<string, number>) {
    this.name = name;
    this.scope = scope;
    this.options = Object.freeze({ ...options });
    Object.freeze(this);
  }
}

/** Options of {@link norm}. */
export interface NormOptions {
  /** The p of the norm: a number > 0, or Infinity for the largest magnitude; default 2. */
  normType?: number;
  /** Default `'global'`. */
  scope?: Scope;
}

/**
 * Scales gradients down to a norm of at most `maxNorm`: g · min(1, maxNorm / (‖g‖ + 1e-6)), the coefficient of
 * `nn.utils.clipGradNorm_`. A gradient below the level keeps every bit.
 *
 * @param maxNorm the level, > 0 or Infinity.
 * @see Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", 2013.
 *
 * @example
 * new optim.SGD(model.parameters(), { lr: 0.1, clip: clip.norm(1, { normType: Infinity, scope: 'group' }) });
 */
export function norm(maxNorm: number, options: NormOptions = {}): Clipper {
  const { normType = 2, scope = 'global' } = given(options);
  positive('maxNorm', maxNorm);
  positive('normType', normType);
  if (!scopes.includes(scope)) throw invalidArgument('scope', "'global', 'group' or 'tensor'", scope);
  return new Clipper('norm', scope, { maxNorm, normType });
}

/** Clips each tensor by its own norm: {@link norm} with the scope `'tensor'`. */
export function layerwise(maxNorm: number, options: { normType?: number } = {}): Clipper {
  const { normType = 2 } = given(options);
  return norm(maxNorm, { normType, scope: 'tensor' });
}

/**
 * Clamps every element of every gradient to [-limit, limit], as `nn.utils.clipGradValue_`; NaN stays NaN.
 *
 * @param limit > 0 or Infinity.
 *
 * @example
 * new optim.Adam(model.parameters(), { clip: clip.value(0.5) });
 */
export function value(limit: number): Clipper {
  positive('limit', limit);
  return new Clipper('value', 'global', { limit });
}

/** {@link value} by its name in the literature on heavy-tailed noise. */
export const coordinatewise: typeof value = value;

/** @internal */
export function positive(name: string, number: unknown): asserts number is number {
  if (typeof number !== 'number' || !(number > 0)) throw invalidArgument(name, 'a number > 0', number);
}
