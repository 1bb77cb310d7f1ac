import { check, integer, kind, numberIn, openFraction, positive } from '../check.js';
import { optionsOf } from '../options.js';
import { type Clipper, type Placement, type Scope, single, whereTable } from './clipper.js';

/** Options of {@link auto}. */
export interface AutoOptions {
  /** The percentile of the norms that is used as the level, in (0, 100]; default 10. */
  percentile?: number;
  /** How many of the last norms are considered; default all of them, at 20 bytes each. */
  window?: number;
  /** The p of the norm: a number > 0, or Infinity; default 2. */
  normType?: number;
  /** Default `'global'`; in any other scope each group, tensor or row has a history of its own. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const readAuto = optionsOf('clip.auto()', {
  percentile: [numberIn('(0, 100]'), 10],
  window: [integer(1), undefined],
  normType: [positive, 2],
  ...whereTable('global'),
});

/**
 * AutoClip: g · min(1, q / ‖g‖), where q is a percentile of all norms so far, the current one included, interpolated linearly as by
 * `numpy.percentile`; exact, in O(log n) per step.
 *
 * @see Seetharaman, Wichern, Pardo & Le Roux, "AutoClip: adaptive gradient clipping for source separation networks", 2020.
 *
 * @example
 * new optim.Adam(model.parameters(), { clip: clip.auto({ percentile: 10, window: 10_000 }) });
 */
export function auto(options?: AutoOptions): Clipper {
  // The engine takes 0 for all norms so far.
  const { percentile, window = 0, normType, scope, placement } = readAuto(options);
  return single('auto', { percentile, window, normType }, scope, placement);
}

/** Options of {@link agc}. */
export interface AgcOptions {
  /** The largest ratio of a gradient's norm to its weights' norm, > 0; default 0.01. */
  clipping?: number;
  /** Weights with a smaller norm count as this much, > 0, so that zeros can grow; default 1e-3. */
  eps?: number;
  /** Default `'row'`: each row of a weight, which computes one output, and each vector. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const readAgc = optionsOf('clip.agc()', { clipping: [positive, 0.01], eps: [positive, 1e-3], ...whereTable('row') });

/**
 * Adaptive gradient clipping: each unit's gradient G is compared with its weights W, G · min(1, clipping · max(‖W‖, eps) / ‖G‖).
 *
 * @see Brock, De, Smith & Simonyan, "High-performance large-scale image recognition without normalization", 2021.
 *
 * @example
 * new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, clip: clip.agc({ clipping: 0.01 }) });
 */
export function agc(options?: AgcOptions): Clipper {
  const { scope, placement, ...levels } = readAgc(options);
  return single('agc', levels, scope, placement);
}

/** Options of {@link zscore}. */
export interface ZscoreOptions {
  /** The z-score from which a norm is clipped, > 0; default 2.5. */
  zThreshold?: number;
  /** How much of mean and variance each step keeps, in (0, 1); default 0.97. */
  alpha?: number;
  /** How many norms make up the first mean and variance, without being clipped: an integer >= 1; default 25. */
  warmup?: number;
  /** Default `'global'`. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const readZscore = optionsOf('clip.zscore()', {
  zThreshold: [positive, 2.5],
  alpha: [openFraction, 0.97],
  warmup: [integer(1), 25],
  ...whereTable('global'),
});

/**
 * ZClip: a norm whose z-score z among the norms so far exceeds `zThreshold` is scaled to mean + zThreshold² / z standard deviations;
 * mean and variance are running means of the clipped norms.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.zscore() });
 * @see Kumar, Owen, Chowdhury & Güra, "ZClip: adaptive spike mitigation for LLM pre-training", 2025.
 */
export function zscore(options?: ZscoreOptions): Clipper {
  const { scope, placement, ...levels } = readZscore(options);
  return single('zscore', levels, scope, placement);
}

/** Options of {@link adaGC}. */
export interface AdaGCOptions {
  /** How far a norm may exceed its running mean, > 0; default 1.05. */
  relative?: number;
  /** The global norm during the warm-up, > 0; default 1. */
  absolute?: number;
  /** How much of the running mean each step keeps, in (0, 1); default 0.98. */
  beta?: number;
  /** How many steps are clipped by the global norm: an integer >= 1; default 100. */
  warmup?: number;
  /** Default `'tensor'`. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const readAdaGC = optionsOf('clip.adaGC()', {
  relative: [positive, 1.05],
  absolute: [positive, 1],
  beta: [openFraction, 0.98],
  warmup: [integer(1), 100],
  ...whereTable('tensor'),
});

/**
 * AdaGC: each tensor's gradient is scaled to at most `relative` times the running mean γ of its own clipped norms; for the first
 * `warmup` steps all gradients are clipped by the global norm, and γ is the smallest clipped norm so far.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.adaGC({ relative: 1.05, warmup: 100 }) });
 * @see Wang et al., "AdaGC: improving training stability for large language model pretraining", 2025.
 */
export function adaGC(options?: AdaGCOptions): Clipper {
  const { scope, placement, ...levels } = readAdaGC(options);
  return single('adaGC', levels, scope, placement);
}

/** Options of {@link rms}. */
export interface RmsOptions {
  /** Default `'tensor'`. */
  scope?: Scope;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const readRms = optionsOf('clip.rms()', whereTable('tensor'));

/**
 * Scales each tensor's gradient down to a root mean square of at most `threshold`, as `optax.clip_by_block_rms`.
 *
 * @param threshold the level, > 0 or Infinity.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.rms(1) });
 */
export function rms(threshold: number, options: RmsOptions = {}): Clipper {
  const { scope, placement } = readRms(options);
  return single('rms', { threshold: check('threshold', threshold, positive) }, scope, placement);
}

/** Options of {@link spam}. */
export interface SpamOptions {
  /** How often an element's square may exceed its running mean, > 0; default 5000. */
  threshold?: number;
  /** How much of the running mean each step keeps, in (0, 1); default 0.999. */
  beta?: number;
  /** After how many steps the running means start again from 0: an integer >= 1, or Infinity; default Infinity. */
  resetEvery?: number;
  /** Default `'gradient'`. */
  placement?: Placement;
}

const wholeOrInfinity = kind<number>('an integer >= 1, or Infinity', (x) => x === Infinity || integer(1).accepts(x));
const readSpam = optionsOf('clip.spam()', {
  threshold: [positive, 5000],
  beta: [openFraction, 0.999],
  resetEvery: [wholeOrInfinity, Infinity],
  placement: whereTable('global').placement,
});

/**
 * The spike-aware clipping of SPAM: an element with g² > threshold · v becomes sign(g) · √(threshold · v), where v is the running mean of
 * the squares of the clipped element, corrected for its start at zero; the clipper keeps it in a state tensor of its own. SPAM itself also
 * resets Adam's moments every 500 steps.
 *
 * @example
 * new optim.AdamW(model.parameters(), { clip: clip.spam() });
 * @see Huang et al., "SPAM: spike-aware Adam with momentum reset for stable LLM training", 2025.
 */
export function spam(options?: SpamOptions): Clipper {
  const { placement, ...levels } = readSpam(options);
  return single('spam', levels, 'global', placement);
}
