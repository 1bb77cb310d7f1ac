export * as cpu from './cpu.js';
export * as cuda from './cuda.js';
export { cudnn, mkldnn, nnpack } from './libraries.js';
export * as mkl from './mkl.js';
export * as openmp from './openmp.js';
