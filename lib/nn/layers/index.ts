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
export {
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  type HardtanhOptions,
  PReLU,
  type PReLUOptions,
  ReLU6,
  RReLU,
  type RReLUOptions,
  Softshrink,
  Threshold,
} from './activation-piecewise.js';
export { CELU, GLU, LogSigmoid, Mish, SELU, Softmax2d, Softmin, Softsign, Tanhshrink } from './activation-smooth.js';
export { type AdaptiveLogSoftmaxOptions, AdaptiveLogSoftmaxWithLoss } from './adaptive-softmax.js';
export { type AttentionOptions, MultiheadAttention, type MultiheadAttentionOptions } from './attention.js';
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './batchnorm.js';
export { Bilinear } from './bilinear.js';
export { Conv1d, Conv2d, Conv3d, type ConvOptions } from './conv.js';
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeOptions } from './conv-transpose.js';
export {
  CosineSimilarity,
  type CosineSimilarityOptions,
  PairwiseDistance,
  type PairwiseDistanceOptions,
} from './distance.js';
export { Dropout, Dropout2d } from './dropout.js';
export { AlphaDropout, Dropout1d, Dropout3d, FeatureAlphaDropout } from './dropout-kinds.js';
export { Embedding, type EmbeddingOptions } from './embedding.js';
export { EmbeddingBag, type EmbeddingBagOptions } from './embedding-bag.js';
export { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormOptions } from './instancenorm.js';
export {
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
  LazyLinear,
} from './lazy.js';
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
export {
  CTCLoss,
  GaussianNLLLoss,
  LinearCrossEntropyLoss,
  type LinearCrossEntropyLossOptions,
  PoissonNLLLoss,
  type PoissonNLLOptions,
} from './loss-likelihood.js';
export {
  CosineEmbeddingLoss,
  type Distance,
  HingeEmbeddingLoss,
  MarginRankingLoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
  type TripletMarginWithDistanceOptions,
} from './loss-margin.js';
export { GroupNorm, LayerNorm, type LayerNormOptions, RMSNorm } from './norm.js';
export * from './padding.js';
export {
  AvgPool1d,
  AvgPool2d,
  type AvgPoolOptions,
  MaxPool1d,
  MaxPool2d,
  type MaxPoolOptions,
} from './pool.js';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  type AdaptiveMaxPoolOptions,
  type OutputSize,
} from './pool-adaptive.js';
export {
  AvgPool3d,
  FractionalMaxPool2d,
  FractionalMaxPool3d,
  type FractionalMaxPoolModuleOptions,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  type LPPoolOptions,
  MaxPool3d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  type MaxUnpoolOptions,
} from './pool-more.js';
export { ChannelShuffle, Fold, type FoldOptions, PixelShuffle, PixelUnshuffle, Unfold } from './rearrange.js';
export { GRU, LSTM, type RecurrentOptions, RNN, RNNBase, type RNNOptions } from './recurrent.js';
export { type CellOptions, GRUCell, LSTMCell, RNNCell } from './recurrent-cell.js';
export { CrossMapLRN2d, LocalResponseNorm, type ResponseNormOptions } from './responsenorm.js';
export { Flatten, Identity, Unflatten } from './shape.js';
export {
  type DecoderMasks,
  type EncoderMasks,
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerMasks,
  type TransformerOptions,
} from './transformer.js';
export {
  type DecoderLayerMasks,
  type EncoderLayerMasks,
  type TransformerActivation,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layer.js';
export {
  Upsample,
  type UpsampleOptions,
  type UpsampleSize,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from './upsample.js';
