export { full } from './full.js';
export { type TensorData, tensor } from './tensor.js';
export { fromTypedArray, type TensorOptions, type TypedArray } from './typed-array.js';
