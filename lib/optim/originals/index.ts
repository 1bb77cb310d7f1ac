export { ownStates, type Reference, ReferenceOptimizer } from '../base/reference.js';
export { atLeastZero, number, positive } from '../engine/reference-option.js';
export { originalSGD } from './clipped-sgd.js';
export { originalSSTM } from './clipped-sstm.js';
export { originalExpectigrad } from './expectigrad.js';
export { kept, savedCount, savedTensor } from './stepper.js';
