// `torch.distributions.transforms`.
export { ComposeTransform, IndependentTransform, identityTransform } from './composed.js';
export { CumulativeDistributionTransform } from './cumulative.js';
export {
  AbsTransform,
  AffineTransform,
  type AffineTransformOptions,
  ExpTransform,
  PowerTransform,
  SigmoidTransform,
  SoftplusTransform,
  TanhTransform,
} from './numbers.js';
export { ReshapeTransform } from './reshape.js';
export { CatTransform, type CatTransformOptions, StackTransform, type StackTransformOptions } from './sequences.js';
export { Transform, type TransformOptions } from './transform.js';
export {
  CorrCholeskyTransform,
  LowerCholeskyTransform,
  PositiveDefiniteTransform,
  SoftmaxTransform,
  StickBreakingTransform,
} from './vectors.js';
