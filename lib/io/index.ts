export { type CheckpointOptions, latest, loadCheckpoint, saveCheckpoint } from './checkpoint.js';
export type { PathLike } from './file.js';
export * from './gguf/index.js';
export { type HubOptions, hubDownload } from './hub.js';
export { loadIdx } from './idx.js';
export * from './numpy/index.js';
export { TensorPart } from './parts.js';
export * from './pt/index.js';
export * from './safetensors/index.js';
