export { type LoadNpyOptions, loadNpy, saveNpy } from './npy.js';
export { type LoadNpzOptions, loadNpz, saveNpz } from './npz.js';
