// `torch.autograd`.
export {
  type AnomalyOptions,
  detectAnomaly,
  isAnomalyCheckNanEnabled,
  isAnomalyEnabled,
  setDetectAnomaly,
} from './autograd/anomaly.js';
export { backward, type Differentiable, type GradOptions, grad } from './autograd/backward.js';
export * as forwardAd from './autograd/forward-ad.js';
export {
  AutogradFunction as Function,
  type Derivatives,
  FunctionContext,
  type VmapInfo,
  type WithContext,
  type WithSetup,
} from './autograd/function.js';
export * as functional from './autograd/functional.js';
export { type GradcheckOptions, type GradgradcheckOptions, gradcheck, gradgradcheck } from './autograd/gradcheck.js';
export * as graph from './autograd/graph.js';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './autograd/modes.js';
