export { ChainedScheduler, SequentialLR, type SequentialLROptions } from './compose.js';
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from './cosine.js';
export { CyclicLR, type CyclicLROptions } from './cyclic.js';
export { ExponentialLR, type ExponentialLROptions, PolynomialLR, type PolynomialLROptions } from './decay.js';
export { LambdaLR, type LambdaLROptions, type LRLambda, MultiplicativeLR } from './lambda.js';
export { OneCycleLR, type OneCycleLROptions } from './one-cycle.js';
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './plateau.js';
export { LRScheduler } from './scheduler.js';
export type { LRSchedulerStateDict } from './state.js';
export { MultiStepLR, type MultiStepLROptions, StepLR, type StepLROptions } from './step.js';
export { ConstantLR, type ConstantLROptions, LinearLR, type LinearLROptions } from './warmup.js';
