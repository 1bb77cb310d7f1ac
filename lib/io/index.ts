export { loadSafetensors, type SaveOptions, saveSafetensors } from './safetensors.js';
