// torch.nn.functional: what is an operator already is that operator; the rest is given PyTorch's names and defaults here.
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  bilinear,
  celu_,
  channelShuffle,
  conv1d,
  conv2d,
  conv3d,
  convTbc,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  cosineSimilarity,
  elu_,
  gelu,
  glu,
  hardshrink,
  hardtanh_,
  layerNorm,
  leakyRelu_,
  linear,
  logSoftmax,
  maxPool1d,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
  nativeChannelShuffle,
  oneHot,
  pad,
  pairwiseDistance,
  pdist,
  pixelShuffle,
  pixelUnshuffle,
  prelu,
  relu_,
  rmsNorm,
  rrelu_,
  scaledDotProductAttention,
  selu_,
  sigmoid,
  softmax,
  softplus,
  softshrink,
  tanh,
  threshold_,
} from '../../ops/generated/functions.js';
export * from './activation.js';
export { type MultiHeadAttentionOptions, multiHeadAttentionForward } from './attention.js';
export * from './dropout.js';
export * from './embedding.js';
export * from './fractional.js';
export { groupedMm } from './grouped-mm.js';
export {
  celu,
  elu,
  hardsigmoid,
  hardswish,
  hardtanh,
  type Inplace,
  leakyRelu,
  mish,
  relu,
  relu6,
  rrelu,
  selu,
  silu,
  threshold,
} from './inplace.js';
export * from './linear-cross-entropy.js';
export * from './loss.js';
export * from './normalization.js';
export * from './pooling.js';
export * from './upsample.js';
export * from './vision.js';
