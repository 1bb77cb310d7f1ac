export { type LoadSafetensorsOptions, loadSafetensors } from './load.js';
export { openSafetensors, type SafetensorsFile } from './open.js';
export { type SaveSafetensorsOptions, saveSafetensors } from './save.js';
