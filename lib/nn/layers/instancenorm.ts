import { check } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { instanceNorm } from '../functional/normalization.js';
import { type BatchNormOptions, NormBase } from './batchnorm.js';

/** Options of an instance normalisation: as {@link BatchNormOptions}, but `affine` and `trackRunningStats` are false by default. */
export type InstanceNormOptions = BatchNormOptions;

/** Normalises each channel of each sample by its own mean and variance, in evaluation too unless running statistics are kept. */
abstract class InstanceNorm extends NormBase {
  /** How many dimensions one sample has. */
  protected abstract get sampleDims(): number;

  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...readAll(new.target.name, options) });
  }

  override forward(input: Tensor): Tensor {
    const { shape } = check('input', input, tensor);
    const n = this.sampleDims;
    if (shape.length !== n && shape.length !== n + 1) {
      throw mustHave('input', `${n} or ${n + 1} dimensions`, shape);
    }
    if (shape.at(-n) !== this.numFeatures && this.affine) {
      const expected = `${this.numFeatures} channels (numFeatures) in dimension ${shape.length - n}`;
      throw mustHave('input', expected, shape);
    }
    const alone = shape.length === n;
    const output = instanceNorm(alone ? input.unsqueeze(0) : input, {
      runningMean: this.running_mean,
      runningVar: this.running_var,
      weight: this.weight,
      bias: this.bias,
      useInputStats: this.training || !this.trackRunningStats,
      momentum: this.momentum ?? 0,
      eps: this.eps,
    });
    return alone ? output.squeeze(0) : output;
  }
}

/**
 * Centres and scales each channel of each sample of `[n, channels, length]` or `[channels, length]` (Ulyanov et al. 2017).
 *
 * @example
 * new nn.InstanceNorm1d(4, { affine: true }).forward(torch.randn([2, 4, 10]));
 */
export class InstanceNorm1d extends InstanceNorm {
  protected get sampleDims(): number {
    return 2;
  }
}

/**
 * Centres and scales each channel of each sample of `[n, channels, height, width]`, or without the `n` (Ulyanov et al. 2017).
 *
 * @example
 * new nn.InstanceNorm2d(4).forward(torch.randn([2, 4, 8, 8]));
 */
export class InstanceNorm2d extends InstanceNorm {
  protected get sampleDims(): number {
    return 3;
  }
}

/**
 * Centres and scales each channel of each sample of `[n, channels, depth, height, width]`, or without the `n` (Ulyanov et al. 2017).
 *
 * @example
 * new nn.InstanceNorm3d(4).forward(torch.randn([2, 4, 3, 8, 8]));
 */
export class InstanceNorm3d extends InstanceNorm {
  protected get sampleDims(): number {
    return 4;
  }
}
