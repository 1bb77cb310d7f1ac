// The numbers that PyTorch has at its top level, for code that is ported line by line.

/** The ratio of a circle's circumference to its diameter: `Math.PI`. */
export const pi = Math.PI;
/** Euler's number: `Math.E`. */
export const e = Math.E;
/** Infinity. */
export const inf = Number.POSITIVE_INFINITY;
/** Not a number. */
export const nan = Number.NaN;
/** As an index, a new dimension of size 1: null. */
export const newaxis = null;
