export { type AutocastOptions, autocast, getAutocastDtype, isAutocastEnabled } from './autocast.js';
export { type CustomFwdOptions, customBwd, customFwd, isAutocastAvailable } from './custom.js';
export { GradScaler, type GradScalerOptions, type GradScalerState, type ScaledStep } from './grad-scaler.js';
