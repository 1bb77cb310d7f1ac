// torch.nn.functional: what is an operator already is that operator; the rest is given PyTorch's names and defaults here.
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  bilinear,
  celu,
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
  elu,
  elu_,
  gelu,
  glu,
  groupNorm,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  hardtanh_,
  layerNorm,
  leakyRelu,
  leakyRelu_,
  linear,
  logSoftmax,
  maxPool1d,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
  mish,
  nativeChannelShuffle,
  oneHot,
  pad,
  pairwiseDistance,
  pdist,
  pixelShuffle,
  pixelUnshuffle,
  prelu,
  relu,
  relu_,
  relu6,
  rmsNorm,
  rrelu,
  rrelu_,
  scaledDotProductAttention,
  selu,
  selu_,
  sigmoid,
  silu,
  softmax,
  softplus,
  softshrink,
  tanh,
  threshold,
  threshold_,
} from '../../ops/generated/functions.js';
export * from './activation.js';
export { type MultiHeadAttentionOptions, multiHeadAttentionForward } from './attention.js';
export * from './dropout.js';
export * from './embedding.js';
export * from './fractional.js';
export { groupedMm } from './grouped-mm.js';
export * from './linear-cross-entropy.js';
export * from './loss.js';
export * from './normalization.js';
export * from './pooling.js';
export * from './upsample.js';
export * from './vision.js';
