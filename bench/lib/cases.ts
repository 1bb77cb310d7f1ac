// The table of cases as code: our optimizer for each, and the bytes that its algorithm cannot do without.
import { clip, optim, type Tensor } from '../../lib/index.js';
import table from '../cases.json' with { type: 'json' };
import { type DtypeName, type ShapeName, shapesOf } from './shapes.js';

export type CaseName = keyof typeof table.cases;
export type RivalName = keyof typeof table.rivals;

export interface Case {
  title: string;
  clip: keyof typeof table.clips;
  rule: keyof typeof table.rules;
  rivals: RivalName[];
  /** The factors of the gradients in the steps that are checked. */
  gate?: number[];
}

export interface Run {
  shape: ShapeName;
  dtype: DtypeName;
  cases: CaseName[];
  /** Cases that run only when they are named. */
  more?: CaseName[];
  /** Rivals that would take too long here. */
  leave?: RivalName[];
}

export const cases = table.cases as Record<CaseName, Case>;
export const runs = table.runs as Run[];
export const rivals: Record<RivalName, string> = table.rivals;
const { rules, clips } = table;

const clippers = {
  none: () => null,
  norm: () => clip.norm(clips.norm.options.maxNorm),
  value: () => clip.value(clips.value.options.limit),
  // The default: every gradient is looked at before the first parameter changes, as for a global norm.
  valueDefault: () => clip.value(clips.valueDefault.options.limit),
  layerwise: () => clip.layerwise(clips.layerwise.options.maxNorm),
  agc: () => clip.agc(clips.agc.options),
  auto: () => clip.auto(clips.auto.options),
  stochastic: () => {
    const { maxNorm, beta } = clips.stochastic.options;
    return clip.stochastic(clip.norm(maxNorm), { beta });
  },
  own: () => null,
  ownCoordinates: () => null,
} satisfies Record<keyof typeof clips, () => clip.Clipper | null>;

// clip_grad_value_ and the rivals' formulas for these let non-finite values pass; looking for them first would be another pass.
const passing = new Set<keyof typeof clips>(['value', 'layerwise', 'agc']);

/** Our optimizer for the case. */
export function optimizerOf(name: CaseName, params: readonly Tensor[]): optim.Optimizer {
  const { rule, clip: clipper } = cases[name];
  const common = { clip: clippers[clipper](), ...(passing.has(clipper) && { nonFinite: 'propagate' as const }) };
  switch (rule) {
    case 'sgd':
    case 'momentum':
      return new optim.SGD(params, { ...rules[rule].options, ...common });
    case 'adam':
      return new optim.Adam(params, { ...rules.adam.options, ...common });
    case 'adamw':
      return new optim.AdamW(params, { ...rules.adamw.options, ...common });
    case 'expectigrad':
      return new optim.Expectigrad(params, { ...rules.expectigrad.options, ...common });
    case 'clippedSGD': {
      const coordinates = clipper === 'ownCoordinates';
      return new optim.ClippedSGD(params, {
        ...rules.clippedSGD.options,
        ...clips[coordinates ? 'ownCoordinates' : 'own'].options,
        clippingType: coordinates ? 'coordinateWise' : 'norm',
        nonFinite: 'propagate',
      });
    }
  }
}

// A core's own cache: a gradient that fits is clipped by its own norm without being read from memory twice.
const cacheBytes = 1 << 20;

/** How many numbers the case's rule keeps per parameter. */
export const stateOf = (name: CaseName) => rules[cases[name].rule].state;

/** The bytes per parameter that the case must read and write, averaged over the shape. */
export function bytesOf(name: CaseName, shape: ShapeName, dtype: DtypeName): number {
  const { clip: clipper } = cases[name];
  const width = dtype === 'float32' ? 4 : 2;
  const all = shapesOf(shape);
  const large = all.filter((size) => product(unitOf(size, clipper)) * width > cacheBytes);
  const part = large.reduce((sum, size) => sum + product(size), 0) / all.reduce((sum, size) => sum + product(size), 0);
  // AGC reads the parameter for a norm as well.
  const again = { none: 0, global: 1, tensor: part, unit: 2 * part }[clips[clipper].norm as 'none'];
  // The gradient once; parameter and state, which is fp32, read and written.
  return width * (3 + again) + 2 * 4 * stateOf(name);
}

const product = (size: readonly number[]) => size.reduce((a, b) => a * b, 1);

/** What has a norm of its own: a tensor, or one of its rows. */
function unitOf(size: number[], clipper: keyof typeof clips): number[] {
  return clips[clipper].norm === 'unit' && size.length > 1 ? size.slice(1) : size;
}
