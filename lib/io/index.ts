export { type CheckpointOptions, latest, loadCheckpoint, saveCheckpoint } from './checkpoint.js';
export type { PathLike } from './file.js';
export * from './pt/index.js';
export * from './safetensors/index.js';
