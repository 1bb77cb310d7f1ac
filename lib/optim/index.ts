export type { HookOptions, StateDictHook, StepPostHook, StepPreHook } from './base/hooks.js';
export {
  type CommonOptions,
  type GroupInput,
  type NonFinite,
  Optimizer,
  type Parameters,
  type ParamGroup,
} from './base/optimizer.js';
export type { ParameterEntry, ParameterStates } from './base/own-state.js';
export type { ParameterList } from './base/parameters.js';
export type { ClipStats } from './base/stats.js';
export type { ClippingOptions } from './clipping-type/clipper.js';
export type { ClippingType } from './clipping-type/name.js';
export * as lrScheduler from './lr-scheduler/index.js';
export { ACClip, type ACClipGroup } from './methods/acclip.js';
export { Adadelta, type AdadeltaGroup } from './methods/adadelta.js';
export { Adafactor, type AdafactorGroup } from './methods/adafactor.js';
export { Adagrad, type AdagradGroup } from './methods/adagrad.js';
export { Adam, type AdamGroup, AdamW, type AdamWGroup } from './methods/adam.js';
export { Adamax, type AdamaxGroup } from './methods/adamax.js';
export { ASGD, type ASGDGroup } from './methods/asgd.js';
export { ClipUp, type ClipUpGroup } from './methods/clip-up.js';
export { Clip21SGD, type Clip21SGDGroup } from './methods/clip21-sgd.js';
export {
  ClippedAdagrad,
  type ClippedAdagradGroup,
  ClippedAdam,
  type ClippedAdamGroup,
} from './methods/clipped-adam.js';
export { ClippedSGD, type ClippedSGDGroup, type ClippedSGDOptions } from './methods/clipped-sgd.js';
export { ClippedSSTM, type ClippedSSTMGroup, type ClippedSSTMOptions } from './methods/clipped-sstm.js';
export {
  Expectigrad,
  type ExpectigradGroup,
  type ExpectigradInput,
  type ExpectigradOptions,
  type LearningRate,
} from './methods/expectigrad.js';
export { LAMB, type LAMBGroup } from './methods/lamb.js';
export { LARS, type LARSGroup } from './methods/lars.js';
export { LBFGS, type LBFGSGroup } from './methods/lbfgs.js';
export { Lion, type LionGroup } from './methods/lion.js';
export { Muon, type MuonGroup } from './methods/muon.js';
export { NAdam, type NAdamGroup } from './methods/nadam.js';
export { NormalizedSGD, type NormalizedSGDGroup } from './methods/normalized-sgd.js';
export { RAdam, type RAdamGroup } from './methods/radam.js';
export { RMSprop, type RMSpropGroup } from './methods/rmsprop.js';
export { Rprop, type RpropGroup } from './methods/rprop.js';
export {
  AdamWScheduleFree,
  type AdamWScheduleFreeGroup,
  SGDScheduleFree,
  type SGDScheduleFreeGroup,
} from './methods/schedule-free.js';
export { SGD, type SGDGroup } from './methods/sgd.js';
export { SparseAdam, type SparseAdamGroup } from './methods/sparse-adam.js';
export { StableAdamW, type StableAdamWGroup } from './methods/stable-adamw.js';
export type { OptimizerStateDict, ShardedStateDict, StateValue } from './state/state-dict.js';
export { type ComparedRun, type CompareOptions, compare } from './tools/compare.js';
export { estimateLipschitz, type LipschitzOptions } from './tools/lipschitz.js';
export { type QKClipOptions, qkClip } from './tools/qk-clip.js';
export { Restarter, type RestarterOptions, type RestarterStateDict } from './tools/restarter.js';
export { type ShardOptions, shard } from './tools/shard.js';
export * as swaUtils from './tools/swa-utils.js';
