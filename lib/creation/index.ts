import './new-tensor.js';

export { type AsarrayOptions, type AsTensorOptions, asarray, asTensor } from './as-tensor.js';
export { type FromTypedArrayOptions, fromTypedArray } from './from-typed-array.js';
export { full } from './full.js';
export { type FromBufferOptions, frombuffer } from './shared.js';
export { type TensorData, tensor } from './tensor.js';
export type { TensorOptions, TypedArray } from './typed-array.js';
