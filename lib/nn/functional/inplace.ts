// Activations that may overwrite their input: what an option is to them is another operator to libtorch.
import { check, flag } from '../../check.js';
import type { Generator } from '../../generator.js';
import * as ops from '../../ops/generated/functions.js';
import type { Scalar } from '../../ops/types.js';
import { isPlainObject, readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';

/** Whether an activation overwrites its input and returns it; default false. */
export interface Inplace {
  inplace?: boolean;
}

type Op = (input: Tensor, ...rest: never[]) => Tensor;
type Any = (...args: unknown[]) => Tensor;

/** The operator, or with `inplace` among the options the one that writes to its input. */
function either<F extends Op>(name: string, op: Op, inPlace: Op): F {
  const [plain, writing] = [op as Any, inPlace as Any];
  const choose = (...args: unknown[]): Tensor => {
    const last = args.length > 1 ? args[args.length - 1] : undefined;
    if (!isPlainObject(last) || !('inplace' in last)) return plain(...args);
    const { inplace = false, ...options } = readAll(`${name}()`, last);
    check('inplace', inplace, flag);
    return (inplace ? writing : plain)(...args.slice(0, -1), options);
  };
  return choose as unknown as F;
}

/**
 * `max(x, 0)`, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.relu(x, { inplace: true });
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html
 */
export const relu: (input: Tensor, options?: Inplace & { out?: Tensor }) => Tensor = either(
  'relu',
  ops.relu,
  ops.relu_,
);

/**
 * `min(max(x, 0), 6)`, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.relu6(x);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html
 */
export const relu6: (input: Tensor, options?: Inplace) => Tensor = either('relu6', ops.relu6, ops.relu6_);

/**
 * The scaled exponential unit of Klambauer et al., 2017.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.selu(x);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.selu.html
 */
export const selu: (input: Tensor, options?: Inplace) => Tensor = either('selu', ops.selu, ops.selu_);

/**
 * `x sigmoid(x)`, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.silu(x);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.silu.html
 */
export const silu: (input: Tensor, options?: Inplace & { out?: Tensor }) => Tensor = either(
  'silu',
  ops.silu,
  ops.silu_,
);

/**
 * `x tanh(log(1 + exp(x)))`, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.mish(x);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.mish.html
 */
export const mish: (input: Tensor, options?: Inplace & { out?: Tensor }) => Tensor = either(
  'mish',
  ops.mish,
  ops.mish_,
);

/**
 * `x relu6(x + 3) / 6`, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.hardswish(x);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html
 */
export const hardswish: (input: Tensor, options?: Inplace & { out?: Tensor }) => Tensor = either(
  'hardswish',
  ops.hardswish,
  ops.hardswish_,
);

/**
 * `relu6(x + 3) / 6`, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.hardsigmoid(x);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html
 */
export const hardsigmoid: (input: Tensor, options?: Inplace & { out?: Tensor }) => Tensor = either(
  'hardsigmoid',
  ops.hardsigmoid,
  ops.hardsigmoid_,
);

/**
 * `x` above 0 and `negativeSlope * x` below, element by element.
 *
 * @param negativeSlope default 0.01.
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.leakyRelu(x, 0.2, { inplace: true });
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
 */
export const leakyRelu: {
  (input: Tensor, options?: Inplace & { negativeSlope?: Scalar; out?: Tensor }): Tensor;
  (input: Tensor, negativeSlope: Scalar, options?: Inplace & { out?: Tensor }): Tensor;
} = either('leakyRelu', ops.leakyRelu, ops.leakyRelu_);

/**
 * `x` above 0 and `alpha (exp(x) - 1)` below, element by element.
 *
 * @param alpha default 1.
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.elu(x, 1, { inplace: true });
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.elu.html
 */
export const elu: {
  (input: Tensor, options?: Inplace & { alpha?: Scalar; scale?: Scalar; inputScale?: Scalar; out?: Tensor }): Tensor;
  (input: Tensor, alpha: Scalar, options?: Inplace & { scale?: Scalar; inputScale?: Scalar; out?: Tensor }): Tensor;
} = either('elu', ops.elu, ops.elu_);

/**
 * `max(0, x) + min(0, alpha (exp(x / alpha) - 1))`, element by element.
 *
 * @param alpha default 1.
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.celu(x, 1);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.celu.html
 */
export const celu: {
  (input: Tensor, options?: Inplace & { alpha?: Scalar }): Tensor;
  (input: Tensor, alpha: Scalar, options?: Inplace): Tensor;
} = either('celu', ops.celu, ops.celu_);

/**
 * `x` limited to `minVal` and `maxVal`, element by element.
 *
 * @param minVal default -1.
 * @param maxVal default 1.
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.hardtanh(x, -2, 2);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardtanh.html
 */
export const hardtanh: {
  (input: Tensor, options?: Inplace & { minVal?: Scalar; maxVal?: Scalar; out?: Tensor }): Tensor;
  (input: Tensor, minVal: Scalar, maxVal?: Scalar, options?: Inplace & { out?: Tensor }): Tensor;
} = either('hardtanh', ops.hardtanh, ops.hardtanh_);

/**
 * `x` above `threshold` and `value` elsewhere, element by element.
 *
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.threshold(x, 0.1, 20);
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.threshold.html
 */
export const threshold: (
  input: Tensor,
  threshold: Scalar,
  value: Scalar,
  options?: Inplace & { out?: Tensor },
) => Tensor = either('threshold', ops.threshold, ops.threshold_);

/**
 * `x` above 0 and a random slope times `x` below, drawn between `lower` and `upper`, or their mean outside of training.
 *
 * @param lower default 1/8.
 * @param upper default 1/3.
 * @param training whether slopes are drawn; default false.
 * @param options.inplace overwrite the input; default false.
 *
 * @example
 * F.rrelu(x, { lower: 0.1, upper: 0.3, training: true });
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.rrelu.html
 */
export const rrelu: {
  (
    input: Tensor,
    options?: Inplace & { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null },
  ): Tensor;
  (
    input: Tensor,
    lower: Scalar,
    upper?: Scalar,
    training?: boolean,
    options?: Inplace & { generator?: Generator | null },
  ): Tensor;
} = either('rrelu', ops.rrelu, ops.rrelu_);
