export { type LoadOptions, load, type MapLocation } from './load.js';
export { save, saveAsync } from './save.js';
