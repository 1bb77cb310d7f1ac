import type { Tensor } from '../../tensor.js';
import * as F from '../functional/dropout.js';
import { Dropout } from './dropout.js';

/**
 * As {@link Dropout}, for whole channels of `[n, channels, length]` or `[channels, length]`.
 *
 * @example
 * new nn.Dropout1d(0.2).forward(torch.randn([4, 16, 32]));
 *
 * @see Tompson et al. 2015
 */
export class Dropout1d extends Dropout {
  override forward(input: Tensor): Tensor {
    return F.dropout1d(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}

/**
 * As {@link Dropout}, for whole channels of `[n, channels, depth, height, width]` or without the `n`.
 *
 * @example
 * new nn.Dropout3d(0.2).forward(torch.randn([4, 16, 4, 4, 4]));
 *
 * @see Tompson et al. 2015
 */
export class Dropout3d extends Dropout {
  override forward(input: Tensor): Tensor {
    return F.dropout3d(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}

/**
 * Dropout for self-normalising networks: elements become SELU's negative limit, and mean and variance are kept.
 *
 * As in PyTorch, `inplace` is accepted and without effect.
 *
 * @example
 * new nn.AlphaDropout(0.2).forward(torch.randn([20, 16]));
 *
 * @see Klambauer et al. 2017
 */
export class AlphaDropout extends Dropout {
  override forward(input: Tensor): Tensor {
    return F.alphaDropout(input, { p: this.p, training: this.training });
  }
}

/**
 * {@link AlphaDropout} of whole channels of `[n, channels, ...]`.
 *
 * @example
 * new nn.FeatureAlphaDropout(0.2).forward(torch.randn([20, 16, 4]));
 */
export class FeatureAlphaDropout extends Dropout {
  override forward(input: Tensor): Tensor {
    return F.featureAlphaDropout(input, { p: this.p, training: this.training });
  }
}
