import { check, finitePositive, numberIn, openFraction } from '../../check.js';
import { auto } from '../../clip/adaptive.js';
import { type Clipper, single } from '../../clip/clipper.js';
import { stochastic } from '../../clip/compose.js';
import { value } from '../../clip/norm.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import type { CommonOptions } from '../base/optimizer.js';
import { type ClippingType, type ClippingTypeName, clippingTypeName } from './name.js';

/** How {@link ClippedSGD} and {@link ClippedSSTM} clip. */
export interface ClippingOptions {
  /** The clipping type, one of nine; default `'noClip'`. */
  clippingType?: ClippingType;
  /**
   * The level of `norm`, `layerWise`, `coordinateWise` and the random norm types, finite and > 0; default 1, for `layerWise` .3, for
   * `coordinateWise` .1.
   */
  clippingLevel?: number;
  /** The base of the random types' probability, in (0, 1); they must be given one, and the others have no default. */
  beta?: number;
  /** The percentile of the auto types as a share, in (0, 1]; default .75. */
  pAutoclip?: number;
  /** How many of the last norms the auto types look back at; default all. */
  window?: number;
  /** Of the random types' own generator: an integer >= 0; default 0. */
  seed?: number;
}

const defaultLevels: Partial<Record<ClippingTypeName, number>> = { layer_wise: 0.3, coordinate_wise: 0.1 };

/** The clipper of a clipping type: coefficients level / norm, without the 1e-6 of PyTorch's. */
export function clipperFor({
  clippingType = 'no_clip',
  clippingLevel,
  beta,
  pAutoclip = 0.75,
  window,
  seed,
}: ClippingOptions): Clipper | null {
  const type = clippingTypeName(clippingType);
  const level = clippingLevel ?? defaultLevels[type] ?? 1;
  check('clippingLevel', level, finitePositive);
  check('pAutoclip', pAutoclip, numberIn('(0, 1]'));
  if (type === 'no_clip') return null;
  if (type === 'coordinate_wise') return value(level);
  const scaling = type.includes('auto')
    ? auto({ percentile: 100 * pAutoclip, window })
    : single('norm', { maxNorm: level, normType: 2, eps: 0 }, type === 'layer_wise' ? 'tensor' : 'global', 'gradient');
  if (!type.includes('rand')) return scaling;
  if (beta === undefined) {
    throw invalidArgument('beta', `${openFraction.expected} for clippingType: '${clippingType}'`, beta);
  }
  return stochastic(scaling, { beta, power: type.startsWith('quadratic') ? 2 : 1, seed });
}

/** An optimizer's options with the clipping as `clip`. */
export function withClipper<T extends ClippingOptions & CommonOptions>(
  options: T,
): Omit<T, keyof ClippingOptions> & CommonOptions {
  const { clippingType, clippingLevel, beta, pAutoclip, window, seed, ...common } = options;
  const clip = clipperFor({ clippingType, clippingLevel, beta, pAutoclip, window, seed });
  if (clip === null) return common;
  if ((common.clip ?? null) !== null) {
    throw new TorchClipError('ERR_ARGUMENT', '"clip" and "clippingType" cannot be combined');
  }
  return { ...common, clip };
}
