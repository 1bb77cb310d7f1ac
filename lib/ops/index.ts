// The ops: functions, the namespaces of PyTorch, and, by being imported, the methods of Tensor.
import { Tensor } from '../tensor.js';
import { defineMethods } from './define.js';
import { methodNames } from './generated/methods.js';

defineMethods(Tensor.prototype, methodNames);

export * as fft from './generated/fft.js';
export * from './generated/functions.js';
export * as linalg from './generated/linalg.js';
export * as special from './generated/special.js';
export type { Complex, Scalar } from './types.js';
export { unique } from './unique.js';
import './to.js';
