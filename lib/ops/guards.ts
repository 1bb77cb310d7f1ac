// Checks before ops that would take the process down, or hold it up for hours, on arguments that libtorch lets through.
import { invalidArgument } from '../errors.js';
import { isTensor } from '../tensor.js';

type Guard = (args: readonly unknown[]) => void;

const maxDegree = 100_000;

/** The recurrences run as many times as the degree says. */
const boundedDegree: Guard = ([, n]) => {
  const read = isTensor(n) && n.device.type === 'cpu' && n.numel() > 0 && !n.dtype.isComplex;
  const degree = read ? n.max().item<number | bigint>() : n;
  if ((typeof degree === 'number' || typeof degree === 'bigint') && degree > maxDegree) {
    throw invalidArgument('n', `a degree of at most ${maxDegree}`, degree);
  }
};

/** A quantized `out` is read as if there were a first tensor. */
const nonEmpty: Guard = ([tensors]) => {
  if (Array.isArray(tensors) && tensors.length === 0)
    throw invalidArgument('tensors', 'an array of at least one Tensor', []);
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
};
