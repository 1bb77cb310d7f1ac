// Checks before ops that would take the process down, or hold it up for hours, on arguments that libtorch lets through.
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
  const read = isReadable(n) && n.numel() > 0 && !n.dtype.isComplex;
  const degree = read ? n.double().max().item() : n;
  if ((typeof degree === 'number' || typeof degree === 'bigint') && degree > maxDegree) {
    throw invalidArgument('n', `a degree of at most ${maxDegree}`, degree);
  }
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

const polynomials = [
  ...['t', 'u', 'v', 'w'].flatMap((kind) => [`chebyshev_polynomial_${kind}`, `shifted_chebyshev_polynomial_${kind}`]),
  ...['hermite_polynomial_h', 'hermite_polynomial_he', 'laguerre_polynomial_l', 'legendre_polynomial_p'],
];

/** By the ops' names in libtorch. */
export const guards: Readonly<Record<string, Guard>> = {
  ...Object.fromEntries(polynomials.map((name) => [`special_${name}`, boundedDegree])),
  cat: nonEmpty,
  concat: nonEmpty,
  concatenate: nonEmpty,
  ...Object.fromEntries(['tensor_split', 'hsplit', 'vsplit', 'dsplit'].map((name) => [name, boundedSections])),
  linalg_eigvals: finite,
  binomial,
  view: notQuantized,
  view_copy: notQuantized,
};
