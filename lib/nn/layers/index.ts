export {
  ELU,
  GELU,
  type InplaceOptions,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from './activation.js';
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from './batchnorm.js';
export { Conv1d, Conv2d, type ConvOptions } from './conv.js';
export { Dropout, Dropout2d } from './dropout.js';
export { Embedding, type EmbeddingOptions } from './embedding.js';
export { Linear } from './linear.js';
export {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  type CrossEntropyOptions,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  type LossOptions,
  MSELoss,
  NLLLoss,
  type Reduction,
  SmoothL1Loss,
} from './loss.js';
export { GroupNorm, LayerNorm, type LayerNormOptions, RMSNorm } from './norm.js';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AvgPool1d,
  AvgPool2d,
  type AvgPoolOptions,
  MaxPool1d,
  MaxPool2d,
  type MaxPoolOptions,
} from './pool.js';
export { GRU, LSTM, type RecurrentOptions, RNN, type RNNOptions } from './recurrent.js';
export { Flatten, Identity, Unflatten } from './shape.js';
