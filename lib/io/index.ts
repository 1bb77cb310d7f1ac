export type { PathLike } from './file.js';
export * from './safetensors/index.js';
