export {
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type NormOptions,
  type TensorOrTensors,
} from './clip-grad.js';
export { consumePrefixInStateDictIfPresent } from './consume-prefix.js';
export { parametersToVector, vectorToParameters } from './convert-parameters.js';
export { fuseConvBnEval, fuseConvBnWeights, fuseLinearBnEval, fuseLinearBnWeights } from './fusion.js';
export { skipInit } from './init.js';
export { convertConv2dWeightMemoryFormat, convertConv3dWeightMemoryFormat } from './memory-format.js';
export * as parametrizations from './parametrizations.js';
export * as parametrize from './parametrize.js';
export * as prune from './prune.js';
export * as rnn from './rnn.js';
export { removeSpectralNorm, type SpectralNormOptions, spectralNorm } from './spectral-norm.js';
export * as stateless from './stateless.js';
export { removeWeightNorm, type WeightNormOptions, weightNorm } from './weight-norm.js';
