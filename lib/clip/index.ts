export { Clipper, coordinatewise, layerwise, type NormOptions, norm, type Scope, value } from './clipper.js';
export { byAverageNorm, byGlobalNorm, byNorm, byValue } from './functions.js';
