import { check, positive } from '../check.js';
import { optionsOf } from '../options.js';
import { type Clipper, type Placement, type Scope, single, whereTable } from './clipper.js';

/** Options of {@link norm}. */
export interface NormOptions {
  /** The p of the norm: a number > 0, or Infinity for the largest magnitude; default 2. */
  normType?: number;
  /** Default `'global'`. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const normTable = { normType: [positive, 2], ...whereTable('global') } as const;
const readNorm = optionsOf('clip.norm()', normTable);

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
  const { normType, scope, placement } = readNorm(options);
  check('maxNorm', maxNorm, positive);
  return single('norm', { maxNorm, normType, eps: 1e-6 }, scope, placement);
}

const { scope: _, ...layerwiseTable } = normTable;
const readLayerwise = optionsOf('clip.layerwise()', layerwiseTable);

/**
 * Clips each tensor by its own norm: {@link norm} with the scope `'tensor'`.
 *
 * @param maxNorm the level, > 0 or Infinity.
 * @see McMahan, Ramage, Talwar & Zhang, "Learning differentially private recurrent language models", 2018 (per-layer clipping).
 *
 * @example
 * new optim.SGD(model.parameters(), { lr: 0.1, clip: clip.layerwise(0.3) });
 */
export function layerwise(maxNorm: number, options: Omit<NormOptions, 'scope'> = {}): Clipper {
  return norm(maxNorm, { ...readLayerwise(options), scope: 'tensor' });
}

const readValue = optionsOf('clip.value()', { placement: normTable.placement });

/**
 * Clamps every element of every gradient to [-limit, limit], as `nn.utils.clipGradValue_`; NaN stays NaN.
 *
 * @param limit > 0 or Infinity.
 *
 * @example
 * new optim.Adam(model.parameters(), { clip: clip.value(0.5) });
 */
export function value(limit: number, options: { placement?: Placement } = {}): Clipper {
  const { placement } = readValue(options);
  check('limit', limit, positive);
  return single('value', { limit }, 'global', placement);
}

/**
 * {@link value} by its name in the literature on heavy-tailed noise.
 *
 * @example
 * new optim.SGD(model.parameters(), { lr: 0.1, clip: clip.coordinatewise(0.5) });
 */
export const coordinatewise: typeof value = value;
