// Checks before ops that would take the process down, or hold it up for hours, on arguments that libtorch lets through.
import { requireCuda } from '../cuda/available.js';
import { Dtype } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';

/** Looks at a call's arguments by their keys, and throws. */
export type Guard = (argument: (key: string) => unknown) => void;

/** Whether the values are at hand to be looked at. */
const isReadable = (value: unknown): value is Tensor =>
  isTensor(value) && value.device.type === 'cpu' && value.layout.name === 'strided';

const holds = (condition: Tensor): boolean => condition.all().item<boolean>();

const maxDegree = 100_000;

/** The recurrences run as many times as the degree says. */
const boundedDegree: Guard = (argument) => {
  const n = argument('n');
  // Not the largest one: NaN would hide it.
  const over = isReadable(n)
    ? !n.dtype.isComplex && n.double().gt(maxDegree).any().item<boolean>()
    : (typeof n === 'number' || typeof n === 'bigint') && n > maxDegree;
  if (over) throw invalidArgument('n', `a degree of at most ${maxDegree}`, n);
};

/** A quantized `out` is read as if there were a first tensor. */
const nonEmpty: Guard = (argument) => {
  const tensors = argument('tensors');
  if (Array.isArray(tensors) && tensors.length === 0) {
    throw invalidArgument('tensors', 'an array of at least one Tensor', tensors);
  }
};

/** LAPACK is given them unchecked here, and writes outside of its memory; `linalg.eig` checks. */
const finite: Guard = (argument) => {
  const input = argument('self');
  if (isReadable(input) && !holds(input.isfinite())) {
    throw invalidArgument('input', 'a Tensor without NaN and infinities', input);
  }
};

/** The sampler loops until a sum that never grows has grown. */
const binomial: Guard = (argument) => {
  const [count, prob] = [argument('count'), argument('prob')];
  if (isReadable(count) && !holds(count.isfinite()))
    throw invalidArgument('count', 'a Tensor of finite numbers', count);
  if (isReadable(prob) && !prob.dtype.isComplex && !holds(prob.ge(0).logicalAnd(prob.le(1)))) {
    throw invalidArgument('prob', 'a Tensor of numbers from 0 to 1', prob);
  }
};

/** The new tensor would be quantized without a quantizer. */
const notQuantized: Guard = (argument) => {
  const [input, dtype] = [argument('self'), argument('dtype')];
  if (dtype instanceof Dtype && isTensor(input) && input.dtype.name.startsWith('q')) {
    throw invalidArgument('dtype', 'absent for a quantized Tensor', dtype, 'ERR_DTYPE');
  }
};

const maxSections = 100_000;

/** As many tensors are made as sections are asked for, however small the dimension. */
const boundedSections: Guard = (given) => {
  const sections = given('sections') ?? given('tensorIndicesOrSections');
  const read = isReadable(sections) && sections.ndim === 0 && !sections.dtype.isComplex;
  const count = read ? sections.double().item() : sections;
  if ((typeof count === 'number' || typeof count === 'bigint') && count > maxSections) {
    throw invalidArgument('sections', `an integer of at most ${maxSections}`, count);
  }
};

const least: Readonly<Record<string, bigint>> = { int32: -(2n ** 31n), int64: -(2n ** 63n) };

const hasLeast = (t: Tensor): boolean =>
  Object.hasOwn(least, t.dtype.name) && t.eq(least[t.dtype.name]!).any().item<boolean>();

/** The processor traps where the quotient of the least integer and -1 does not fit. */
const fittingQuotient: Guard = (given) => {
  const [self, other] = [given('self'), given('other')];
  if (given('roundingMode') !== 'trunc' || !isReadable(self) || !hasLeast(self)) return;
  const negative = isReadable(other) ? other.eq(-1).any().item<boolean>() : other === -1 || other === -1n;
  if (negative) throw invalidArgument('other', `other than -1 where "input" is ${least[self.dtype.name]}`, other);
};

/** Its division by the greatest common divisor, which may come out as -1, traps likewise. */
const withoutLeast: Guard = (given) => {
  for (const key of ['self', 'other']) {
    const t = given(key);
    if (isReadable(t) && hasLeast(t))
      throw invalidArgument(key, `a Tensor that does not contain ${least[t.dtype.name]}`, t);
  }
};

/** The power of an inverse is counted down from the opposite number, which does not fit. */
const oppositeFits: Guard = (given) => {
  const n = given('n');
  if (n === least.int64) throw invalidArgument('n', `an integer above ${least.int64}`, n);
};

/** The targets that a length says are there; what is after them in a padded row is not read. */
function* rowsOf(targets: Tensor, lengths: unknown): Iterable<Tensor> {
  const counts: unknown = isTensor(lengths) ? lengths.flatten().tolist() : lengths;
  if (targets.ndim !== 2 || !Array.isArray(counts)) {
    yield targets;
    return;
  }
  const [rows, width] = targets.shape as [number, number];
  for (let i = 0; i < rows; i++)
    yield targets.select(0, i).narrow(0, 0, Math.min(width, Math.max(0, Number(counts[i]) || 0)));
}

/** The classes index the log-probabilities, and are not checked against them. */
const knownClasses: Guard = (given) => {
  const [logProbs, targets] = [given('logProbs'), given('targets')];
  if (!isReadable(targets) || !isTensor(logProbs)) return;
  const classes = logProbs.shape.at(-1) ?? 0;
  for (const row of rowsOf(targets, given('targetLengths'))) {
    if (row.numel() === 0) continue;
    const [low, high] = [row.min().item(), row.max().item()];
    if (low >= 0 && high < classes) continue;
    throw invalidArgument('targets', `a Tensor of classes from 0 to ${classes - 1}`, low < 0 ? low : high, 'ERR_INDEX');
  }
};

/** The tensor is given the sizes before their product is looked at. */
const sizes: Guard = (argument) => {
  const given = argument('size');
  const wrong = (Array.isArray(given) ? given : [given]).find((n) => n < 0);
  if (wrong !== undefined) throw invalidArgument('size', 'integers >= 0', wrong, 'ERR_SHAPE');
};

/** The source's memory would be taken for elements of another type. */
const sameElements: Guard = (argument) => {
  const [self, source] = [argument('self'), argument('source')];
  if (!isTensor(self) || !isTensor(source)) return;
  for (const [property, code] of [
    ['dtype', 'ERR_DTYPE'],
    ['device', 'ERR_DEVICE'],
  ] as const) {
    const [wanted, got] = [String(self[property]), String(source[property])];
    if (got !== wanted) throw invalidArgument('source', `of ${property} ${wanted}, which the tensor has`, got, code);
  }
};

/** The first offset is read even where there is none, and the others are trusted. */
const boundedOffsets: Guard = (given) => {
  const [indices, offsets] = [given('indices'), given('offsets')];
  if (!isTensor(indices) || !isReadable(offsets)) return;
  const length = indices.numel();
  if (offsets.numel() === 0) {
    if (length === 0 && given('includeLastOffset') !== true) return;
    throw invalidArgument('offsets', 'a Tensor of at least one offset', offsets, 'ERR_SHAPE');
  }
  const [low, high] = [offsets.min().item(), offsets.max().item()];
  if (!(low >= 0 && high <= length)) {
    throw invalidArgument('offsets', `a Tensor of positions from 0 to ${length}`, low < 0 ? low : high, 'ERR_INDEX');
  }
};

/** The data are read where the offsets say, and where the lengths do if `unsafe` keeps libtorch from adding them up. */
const withinData: Guard = (argument) => {
  const [data, axis, offsets, lengths] = ['data', 'axis', 'offsets', 'lengths'].map(argument);
  const at = axis === undefined ? 0 : Number(axis);
  if (!isTensor(data) || !(at >= 0 && at < data.ndim)) return;
  const size = data.shape[at]!;
  if (isReadable(offsets) && offsets.numel() > 0) {
    const falls = offsets.diff({ dim: -1 }).lt(0).any().item<boolean>();
    const outside = offsets.min().item() < 0 || offsets.max().item() > size;
    if (falls || outside) {
      throw invalidArgument(
        'offsets',
        `a Tensor of positions from 0 to ${size} that do not fall`,
        offsets,
        'ERR_INDEX',
      );
    }
  }
  if (isReadable(lengths) && argument('unsafe') === true) {
    if (lengths.lt(0).any().item<boolean>() || !holds(lengths.sum(-1).eq(size))) {
      throw invalidArgument('lengths', `a Tensor of lengths >= 0 that add up to ${size}`, lengths, 'ERR_SHAPE');
    }
  }
};

/** A mode that there is not leaves the result as the memory was. */
const gridModes =
  (most: number): Guard =>
  (argument) => {
    for (const [key, largest] of [
      ['interpolationMode', most],
      ['paddingMode', 2],
    ] as const) {
      const mode = Number(argument(key));
      if (!(mode >= 0 && mode <= largest)) throw invalidArgument(key, `an integer from 0 to ${largest}`, mode);
    }
  };

/** The batches of the result are written at equal distances, whatever its strides are. */
const contiguousOut: Guard = (argument) => {
  const out = argument('out');
  if (isTensor(out) && !out.isContiguous()) throw invalidArgument('out', 'a contiguous Tensor', out);
};

/** One state is read for each layer of the other. */
const equalLayers: Guard = (argument) => {
  const hx = argument('hx');
  if (!Array.isArray(hx) || !hx.every(isTensor)) return;
  const [h, c] = hx as readonly Tensor[];
  if (h !== undefined && c !== undefined && h.shape[0] !== c.shape[0]) {
    throw invalidArgument('hx', 'two Tensors of as many layers each', [h.shape[0], c.shape[0]], 'ERR_SHAPE');
  }
};

/** The range of a floating-point tensor is rounded in a loop that does not end at the edge of int64. */
const floatRange: Guard = (argument) => {
  const input = argument('self');
  if (!isTensor(input) || !input.dtype.isFloatingPoint) return;
  for (const key of ['from', 'to']) {
    const bound = argument(key);
    if (typeof bound === 'bigint' && !Number.isSafeInteger(Number(bound))) {
      throw invalidArgument(key, 'a safe integer for a floating-point Tensor', bound);
    }
  }
};

const maxWindow = 2 ** 24;

/** The window is walked to its end, also where the input has ended. */
const boundedWindow: Guard = (argument) => {
  const given = argument('kernelSize');
  const wrong = (Array.isArray(given) ? given : [given]).find((n) => n > maxWindow);
  if (wrong !== undefined) throw invalidArgument('kernelSize', `at most ${maxWindow}`, wrong);
};

const windows = ['kernelSize', 'stride', 'padding', 'dilation', 'outputPadding', 'outputSize'];
const largestInt32 = 2 ** 31 - 1;

/** They are narrowed to 32 bits before they are looked at. */
const narrowWindow =
  (keys: readonly string[]): Guard =>
  (argument) => {
    for (const key of keys) {
      const given = argument(key);
      const wrong = (Array.isArray(given) ? given : [given]).find((n) => n > largestInt32 || n < -largestInt32);
      if (wrong !== undefined) throw invalidArgument(key, `an integer of at most ${largestInt32}`, wrong);
    }
  };

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
  grid_sampler: gridModes(2),
  grid_sampler_2d: gridModes(2),
  grid_sampler_3d: gridModes(1),
  linalg_eigvals: finite,
  binomial,
  lstm: equalLayers,
  quantized_lstm: equalLayers,
  random: floatRange,
  random_: floatRange,
  max_pool1d: boundedWindow,
  max_pool1d_with_indices: boundedWindow,
  triu: contiguousOut,
  tril: contiguousOut,
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
