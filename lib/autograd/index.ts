// `torch.autograd`.
export {
  type AnomalyOptions,
  detectAnomaly,
  isAnomalyCheckNanEnabled,
  isAnomalyEnabled,
  setDetectAnomaly,
} from './anomaly.js';
export { backward, type Differentiable, type GradOptions, grad } from './backward.js';
export * as forwardAd from './forward-ad.js';
export {
  AutogradFunction as Function,
  type Derivatives,
  FunctionContext,
  type VmapInfo,
  type WithContext,
  type WithSetup,
} from './function.js';
export * as functional from './functional.js';
export { type GradcheckOptions, type GradgradcheckOptions, gradcheck, gradgradcheck } from './gradcheck.js';
export * as graph from './graph.js';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './modes.js';
