export { type GgufFile, type GgufValue, openGguf } from './open.js';
