// Checks before ops that would take the process down, or hold it up for hours, on arguments that libtorch lets through.
import { requireCuda } from '../../cuda/available.js';
import {
  boundedSections,
  boundedWindow,
  contiguousOut,
  equalLayers,
  gridModes,
  narrowWindow,
  nonEmpty,
  sameElements,
  sizes,
  windows,
} from './forms.js';
import type { Guard } from './guard.js';
import { boundedOffsets, knownClasses, withinData } from './indices.js';
import { notQuantized, observers, wholeZeroPoints } from './quantized.js';
import {
  binomial,
  boundedDegree,
  countableRates,
  finite,
  fittingQuotient,
  floatRange,
  legal,
  oppositeFits,
  spanOfColumns,
  spanOfElements,
  withoutLeast,
} from './values.js';

const polynomials = [
  ...['t', 'u', 'v', 'w'].flatMap((kind) => [`chebyshev_polynomial_${kind}`, `shifted_chebyshev_polynomial_${kind}`]),
  ...['hermite_polynomial_h', 'hermite_polynomial_he', 'laguerre_polynomial_l', 'legendre_polynomial_p'],
];

const rounding = ['Tensor_mode', 'Scalar_mode', 'out_mode', 'Scalar_mode_out'];
const divisions = ['div', 'div_', 'divide', 'divide_'].flatMap((name) => rounding.map((mode) => `${name}.${mode}`));

/** By the ops' names in libtorch, or by name and overload. */
const guards: Readonly<Record<string, Guard>> = {
  ...Object.fromEntries(polynomials.map((name) => [`special_${name}`, boundedDegree])),
  cat: nonEmpty,
  concat: nonEmpty,
  concatenate: nonEmpty,
  ...Object.fromEntries(['tensor_split', 'hsplit', 'vsplit', 'dsplit'].map((name) => [name, boundedSections])),
  ...Object.fromEntries(divisions.map((overload) => [overload, fittingQuotient])),
  matrix_power: oppositeFits,
  linalg_matrix_power: oppositeFits,
  lcm: withoutLeast,
  lcm_: withoutLeast,
  ctc_loss: knownClasses,
  embedding_bag: boundedOffsets,
  segment_reduce: withinData,
  fused_moving_avg_obs_fake_quant: observers,
  grid_sampler: gridModes(2),
  grid_sampler_2d: gridModes(2),
  grid_sampler_3d: gridModes(1),
  linalg_eigvals: finite,
  linalg_lstsq: legal,
  linalg_ldl_factor: legal,
  linalg_ldl_factor_ex: legal,
  poisson: countableRates,
  histc: spanOfElements,
  histogram: spanOfElements,
  histogramdd: spanOfColumns,
  binomial,
  lstm: equalLayers,
  quantized_lstm: equalLayers,
  random: floatRange,
  random_: floatRange,
  max_pool1d: boundedWindow,
  max_pool1d_with_indices: boundedWindow,
  triu: contiguousOut,
  tril: contiguousOut,
  quantize_per_channel: wholeZeroPoints,
  pin_memory: () => requireCuda('pinMemory()'),
  resize_: sizes,
  set_: sameElements,
  sparse_resize_: sizes,
  sparse_resize_and_clear_: sizes,
  'view.dtype': notQuantized,
  'view_copy.dtype': notQuantized,
  'view_copy.dtype_out': notQuantized,
};

/** What looks at the arguments of an overload of an op before the call. */
export function guardOf(name: string, overload: string, keys: readonly string[]): Guard | undefined {
  const own = guards[`${name}.${overload}`] ?? guards[name];
  if (!['kernelSize', 'padding', 'outputSize'].some((key) => keys.includes(key))) return own;
  const narrow = narrowWindow(windows.filter((key) => keys.includes(key)));
  if (own === undefined) return narrow;
  return (argument) => {
    own(argument);
    narrow(argument);
  };
}
