export { Clipper, coordinatewise, layerwise, type NormOptions, norm, type Scope, value } from './clipper.js';
export { byAverageNorm, byGlobalNorm, byNorm, byValue } from './functions.js';
export { type TailIndex, type TailIndexOptions, tailIndex } from './tail-index.js';
