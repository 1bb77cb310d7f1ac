// The options that a layer shares with its function, or with other layers.
import { finite, finiteNonNegative, flag, integer, oneOf, orNull, probability } from '../check.js';
import type { DeviceLike } from '../device.js';
import type { Dtype } from '../dtype.js';
import { device, dtype, tensor } from '../kinds.js';
import { reductions } from './reduction.js';

/** Where a layer's parameters are made, and of what dtype; the defaults are the CPU and the default dtype. */
export interface FactoryOptions {
  /** Where the parameters are made; default the CPU, or what `torch.setDefaultDevice` says. */
  device?: DeviceLike | undefined;
  /** Default `torch.getDefaultDtype()`. */
  dtype?: Dtype | undefined;
}

/** Of every layer with parameters: {@link FactoryOptions}. */
export const factoryTable = { device: [device, undefined], dtype: [dtype, undefined] } as const;

export const inplaceTable = { inplace: [flag, false] } as const;

export const lossTable = { reduction: [oneOf(...reductions), 'mean'] } as const;
export const smoothL1Table = { ...lossTable, beta: [finiteNonNegative, 1] } as const;
export const huberTable = { ...lossTable, delta: [finiteNonNegative, 1] } as const;
export const weightedTable = { ...lossTable, weight: [orNull(tensor), null] } as const;
export const nllTable = { ...weightedTable, ignoreIndex: [integer(), -100] } as const;
export const crossEntropyTable = { ...nllTable, labelSmoothing: [probability, 0] } as const;
export const linearCrossEntropyTable = {
  ...weightedTable,
  linearBias: [orNull(tensor), null],
  ignoreIndex: [orNull(integer()), null],
  labelSmoothing: [probability, 0],
} as const;
export const withLogitsTable = { ...weightedTable, posWeight: [orNull(tensor), null] } as const;
export const klDivTable = {
  reduction: [oneOf(...reductions, 'batchmean'), 'mean'],
  logTarget: [flag, false],
} as const;

export const poissonTable = { ...lossTable, logInput: [flag, true], full: [flag, false], eps: [finite, 1e-8] } as const;
export const gaussianTable = { ...lossTable, full: [flag, false], eps: [finite, 1e-6] } as const;
export const ctcTable = { ...lossTable, blank: [integer(), 0], zeroInfinity: [flag, false] } as const;
/** Losses that compare with a margin, whose defaults differ. */
export const marginTable = <M extends number>(margin: M) => ({ ...lossTable, margin: [finite, margin] }) as const;
export const multiMarginTable = { ...weightedTable, p: [oneOf(1, 2), 1], margin: [finite, 1] } as const;
export const tripletTable = {
  ...marginTable(1),
  p: [finite, 2],
  eps: [finite, 1e-6],
  swap: [flag, false],
} as const;

export const embeddingTable = {
  paddingIdx: [orNull(integer()), null],
  maxNorm: [orNull(finiteNonNegative), null],
  normType: [finite, 2],
  scaleGradByFreq: [flag, false],
  sparse: [flag, false],
} as const;

export const interpolateModes = [
  'nearest',
  'nearest-exact',
  'linear',
  'bilinear',
  'bicubic',
  'trilinear',
  'area',
] as const;

/** In the order of libtorch's numbers. */
export const bagModes = ['sum', 'mean', 'max'] as const;
