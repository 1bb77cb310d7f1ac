import { check, oneOrMany, openFraction, orNull, sizes } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import * as ops from '../../ops/generated/functions.js';
import { alternative, optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';

type Sizes = number | readonly number[];

/** What the fractional pooling functions take beside the input and the kernel's size: `outputSize` or `outputRatio`. */
export interface FractionalMaxPoolOptions {
  /** The spatial sizes of the result; default null, by `outputRatio`. */
  outputSize?: Sizes | null;
  /** What the spatial sizes are multiplied with, between 0 and 1; default null, by `outputSize`. */
  outputRatio?: Sizes | null;
  /** Where the windows fall, uniform in [0, 1): `[n, channels, dimensions]`. Default: drawn from the global generator. */
  randomSamples?: Tensor | null;
}

type Pool = (input: Tensor, kernelSize: Sizes, outputSize: Sizes, samples: Tensor) => [Tensor, Tensor];

const table = {
  outputSize: [orNull(oneOrMany), null],
  outputRatio: [orNull(oneOrMany), null],
  randomSamples: [orNull(tensor), null],
} as const;

/** The fractional pooling over `n` dimensions. */
function fractionalOf(name: string, n: number, pool: Pool) {
  const read = optionsOf(`${name}()`, table);
  return (input: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): [Tensor, Tensor] => {
    const { outputSize, outputRatio, randomSamples } = read(options);
    const { shape, dtype, device } = check('input', input, tensor);
    if (shape.length !== n + 1 && shape.length !== n + 2) {
      throw mustHave('input', `${n + 1} or ${n + 2} dimensions`, shape);
    }
    alternative(`${name}()`, { outputSize, outputRatio });
    const kernel = sizes('kernelSize', kernelSize, n);
    const size =
      outputSize === null
        ? sizes('outputRatio', outputRatio, n, openFraction).map((ratio, d) => Math.trunc(shape.at(d - n)! * ratio))
        : sizes('outputSize', outputSize, n);
    const batch = shape.length === n + 1 ? 1 : shape[0]!;
    const samples = randomSamples ?? ops.rand([batch, shape.at(-n - 1)!, n], { dtype, device });
    return pool(input, kernel, size, samples);
  };
}

/**
 * The maxima of windows of `[n, channels, height, width]` that fall at random such that the result has a wanted size, and their
 * indices (Graham 2014).
 *
 * @example
 * const [y, indices] = F.fractionalMaxPool2dWithIndices(x, 2, { outputRatio: 0.7 });
 */
export const fractionalMaxPool2dWithIndices = fractionalOf('fractionalMaxPool2d', 2, ops.fractionalMaxPool2d);

/**
 * {@link fractionalMaxPool2dWithIndices} without the indices.
 *
 * @example
 * F.fractionalMaxPool2d(torch.randn([1, 3, 9, 9]), 2, { outputSize: 5 }).shape; // [1, 3, 5, 5]
 */
export function fractionalMaxPool2d(input: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): Tensor {
  return fractionalMaxPool2dWithIndices(input, kernelSize, options)[0];
}

/**
 * {@link fractionalMaxPool2dWithIndices} of `[n, channels, depth, height, width]`.
 *
 * @example
 * const [y, indices] = F.fractionalMaxPool3dWithIndices(x, 2, { outputSize: 4 });
 */
export const fractionalMaxPool3dWithIndices = fractionalOf('fractionalMaxPool3d', 3, ops.fractionalMaxPool3d);

/**
 * {@link fractionalMaxPool3dWithIndices} without the indices.
 *
 * @example
 * F.fractionalMaxPool3d(torch.randn([1, 3, 6, 6, 6]), 2, { outputSize: 4 }).shape; // [1, 3, 4, 4, 4]
 */
export function fractionalMaxPool3d(input: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): Tensor {
  return fractionalMaxPool3dWithIndices(input, kernelSize, options)[0];
}
