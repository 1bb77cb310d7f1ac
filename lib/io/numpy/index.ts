export { type LoadNpyOptions, loadNpy, saveNpy } from './npy.js';
export { type LoadNpzOptions, loadNpz, type SaveNpzOptions, saveNpz } from './npz.js';
