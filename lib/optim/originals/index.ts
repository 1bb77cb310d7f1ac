export { originalSGD } from './clipped-sgd.js';
export { originalSSTM } from './clipped-sstm.js';
export { originalExpectigrad } from './expectigrad.js';
export type { Original } from './original.js';
