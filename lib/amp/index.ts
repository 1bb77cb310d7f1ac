export { type AutocastOptions, autocast, getAutocastDtype, isAutocastEnabled } from './autocast.js';
export { type CustomFwdOptions, customBwd, customFwd, isAutocastAvailable } from './custom.js';
export { GradScaler } from './grad-scaler.js';
export type { ScaledStep } from './scaled-step.js';
export type { GradScalerOptions, GradScalerState } from './scaler-options.js';
