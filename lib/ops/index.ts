export * as fft from './generated/fft.js';
export * from './generated/functions.js';
export * as linalg from './generated/linalg.js';
export * as special from './generated/special.js';
export type { ToOptions } from './to.js';
export type { Complex, FactoryOptions, Scalar } from './types.js';
export { type UniqueOptions, unique } from './unique.js';
