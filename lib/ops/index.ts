export * as fft from './generated/fft.js';
export * from './generated/functions.js';
export * as linalg from './generated/linalg.js';
export * as special from './generated/special.js';
export { broadcastShapes, unravelIndex } from './shapes.js';
export type { ToOptions } from './to.js';
export type { Complex, FactoryOptions, Scalar } from './types.js';
export { type UniqueConsecutiveOptions, type UniqueOptions, unique, uniqueConsecutive } from './unique.js';
