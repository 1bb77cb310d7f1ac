import { arrayOf, check, flag, integer } from '../../check.js';
import { int64 } from '../../dtype.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { zeros } from '../../ops/generated/functions.js';
import { optionsOf, readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { isLazy, UninitializedBuffer, UninitializedParameter } from '../lazy.js';
import type { FactoryOptions, Module } from '../module.js';
import { factoryTable } from '../tables.js';
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormOptions,
  type NormBase,
  readBatchNorm,
} from './batchnorm.js';
import { Conv1d, Conv2d, Conv3d, type ConvNd, type ConvOptions } from './conv.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeOptions } from './conv-transpose.js';
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from './instancenorm.js';
import { Linear } from './linear.js';

type Size = number | readonly number[];

/** Sets what is readonly for users. */
const set = <T extends object>(module: T, values: { -readonly [K in keyof T]?: T[K] }) => Object.assign(module, values);

/** Makes a lazy layer one of the class that it stands for, and runs that. */
function settle<T extends Module>(lazy: T, Class: { prototype: T }, input: Tensor): Tensor {
  Object.setPrototypeOf(lazy, Class.prototype);
  return (lazy.forward as (input: Tensor) => Tensor).call(lazy, input);
}

const readLinear = optionsOf('LazyLinear', { bias: [flag, true], ...factoryTable });

/**
 * A {@link Linear} that takes `inFeatures` from its first input, which makes it a `Linear`. Its weights are drawn then.
 *
 * @example
 * const layer = new nn.LazyLinear(5);
 * layer.forward(torch.randn([2, 10]));
 * String(layer); // Linear(in_features=10, out_features=5, bias=True)
 */
export class LazyLinear extends Linear {
  constructor(outFeatures: number, options: FactoryOptions & { bias?: boolean } = {}) {
    const { bias, device, dtype } = readLinear(options, new.target.name);
    super(0, 0, { bias: false, device, dtype });
    set<Linear>(this, { outFeatures: check('outFeatures', outFeatures, integer(0)) });
    this.weight = new UninitializedParameter({ device, dtype });
    if (bias) this.bias = new UninitializedParameter({ device, dtype });
  }

  override resetParameters(): void {
    if (this.inFeatures !== 0 && !isLazy(this.weight)) super.resetParameters();
  }

  override forward(input: Tensor): Tensor {
    const size = check('input', input, tensor).shape.at(-1);
    if (size === undefined) throw mustHave('input', '1 or more dimensions', input.shape);
    const drawn = !isLazy(this.weight);
    set<Linear>(this, { inFeatures: size });
    if (isLazy(this.weight)) this.weight.materialize([this.outFeatures, size]);
    if (isLazy(this.bias)) this.bias.materialize([this.outFeatures]);
    // Values that were loaded stay.
    if (!drawn) super.resetParameters();
    return settle(this, Linear, input);
  }
}

/** Options for a layer without channels yet, as the base class is to have them. */
const unbiased = <O extends { bias?: boolean }>(options: O) => ({ ...readAll('a lazy layer', options), bias: false });

function prepareConv(
  layer: ConvNd,
  outChannels: number,
  { bias = true, device, dtype }: ConvOptions | ConvTransposeOptions,
) {
  if (check('outChannels', outChannels, integer(1)) % layer.groups !== 0) {
    throw invalidArgument('outChannels', `a multiple of groups (${layer.groups})`, outChannels);
  }
  set(layer, { outChannels });
  layer.weight = new UninitializedParameter({ device, dtype });
  if (check('bias', bias, flag)) layer.bias = new UninitializedParameter({ device, dtype });
}

function initialiseConv(layer: ConvNd, input: Tensor): void {
  const { shape } = check('input', input, tensor);
  const n = field(layer, 'kernelSize', arrayOf(integer(1))).length;
  const groups = field(layer, 'groups', integer(1));
  field(layer, 'outChannels', integer(1));
  if (shape.length !== n + 1 && shape.length !== n + 2) {
    throw mustHave('input', `${n + 1} or ${n + 2} dimensions`, shape);
  }
  const channels = shape.at(-n - 1)!;
  if (channels % groups !== 0) {
    throw mustHave('input', `a multiple of ${groups} channels (groups)`, shape);
  }
  const { weight, bias } = layer;
  set(layer, { inChannels: channels });
  if (isLazy(bias)) bias.materialize([layer.outChannels]);
  if (!isLazy(weight)) return;
  weight.materialize(layer.weightShape());
  layer.resetParameters();
}

/**
 * A {@link Conv1d} that takes `inChannels` from its first input, which makes it a `Conv1d`.
 *
 * @example
 * new nn.LazyConv1d(8, 3).forward(torch.randn([2, 4, 10])).shape; // [2, 8, 8]
 */
export class LazyConv1d extends Conv1d {
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(0, 0, kernelSize, unbiased(options));
    prepareConv(this, outChannels, options);
  }

  override forward(input: Tensor): Tensor {
    initialiseConv(this, input);
    return settle(this, Conv1d, input);
  }
}

/**
 * A {@link Conv2d} that takes `inChannels` from its first input, which makes it a `Conv2d`.
 *
 * @example
 * new nn.LazyConv2d(8, 3).forward(torch.randn([2, 4, 10, 10])).shape; // [2, 8, 8, 8]
 */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(0, 0, kernelSize, unbiased(options));
    prepareConv(this, outChannels, options);
  }

  override forward(input: Tensor): Tensor {
    initialiseConv(this, input);
    return settle(this, Conv2d, input);
  }
}

/**
 * A {@link Conv3d} that takes `inChannels` from its first input, which makes it a `Conv3d`.
 *
 * @example
 * new nn.LazyConv3d(8, 3).forward(torch.randn([2, 4, 5, 5, 5])).shape; // [2, 8, 3, 3, 3]
 */
export class LazyConv3d extends Conv3d {
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(0, 0, kernelSize, unbiased(options));
    prepareConv(this, outChannels, options);
  }

  override forward(input: Tensor): Tensor {
    initialiseConv(this, input);
    return settle(this, Conv3d, input);
  }
}

/**
 * A {@link ConvTranspose1d} that takes `inChannels` from its first input, which makes it a `ConvTranspose1d`.
 *
 * @example
 * new nn.LazyConvTranspose1d(8, 3).forward(torch.randn([2, 4, 10])).shape; // [2, 8, 12]
 */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(0, 0, kernelSize, unbiased(options));
    prepareConv(this, outChannels, options);
  }

  override forward(input: Tensor): Tensor {
    initialiseConv(this, input);
    return settle(this, ConvTranspose1d, input);
  }
}

/**
 * A {@link ConvTranspose2d} that takes `inChannels` from its first input, which makes it a `ConvTranspose2d`.
 *
 * @example
 * new nn.LazyConvTranspose2d(8, 3).forward(torch.randn([2, 4, 10, 10])).shape; // [2, 8, 12, 12]
 */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(0, 0, kernelSize, unbiased(options));
    prepareConv(this, outChannels, options);
  }

  override forward(input: Tensor): Tensor {
    initialiseConv(this, input);
    return settle(this, ConvTranspose2d, input);
  }
}

/**
 * A {@link ConvTranspose3d} that takes `inChannels` from its first input, which makes it a `ConvTranspose3d`.
 *
 * @example
 * new nn.LazyConvTranspose3d(8, 3).forward(torch.randn([2, 4, 5, 5, 5])).shape; // [2, 8, 7, 7, 7]
 */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(0, 0, kernelSize, unbiased(options));
    prepareConv(this, outChannels, options);
  }

  override forward(input: Tensor): Tensor {
    initialiseConv(this, input);
    return settle(this, ConvTranspose3d, input);
  }
}

const featureless = (options: BatchNormOptions, owner: string) => {
  const { device, dtype, eps, momentum } = readBatchNorm(options, owner);
  return { device, dtype, eps, momentum, affine: false, trackRunningStats: false };
};

function prepareNorm(norm: NormBase, options: BatchNormOptions, owner: string): void {
  const { affine, bias, trackRunningStats, device, dtype } = readBatchNorm(options, owner);
  // Nothing has been made for the one feature that the base class was told of.
  set(norm, { numFeatures: 0, affine, trackRunningStats });
  if (affine) norm.weight = new UninitializedParameter({ device, dtype });
  if (affine && bias) norm.bias = new UninitializedParameter({ device, dtype });
  if (!trackRunningStats) return;
  norm.registerBuffer('running_mean', new UninitializedBuffer({ device, dtype }));
  norm.registerBuffer('running_var', new UninitializedBuffer({ device, dtype }));
  norm.registerBuffer('num_batches_tracked', zeros([], { device, dtype: int64 }));
}

function initialiseNorm(norm: NormBase, input: Tensor): void {
  const features = check('input', input, tensor).shape[1];
  if (features === undefined) throw mustHave('input', '2 or more dimensions', input.shape);
  set(norm, { numFeatures: features });
  const waiting = [norm.weight, norm.bias, norm.running_mean, norm.running_var].filter(isLazy);
  for (const t of waiting) t.materialize([features]);
  if (waiting.length > 0) norm.resetParameters();
}

/**
 * A {@link BatchNorm1d} that takes `numFeatures` from its first input, which makes it a `BatchNorm1d`.
 *
 * @example
 * new nn.LazyBatchNorm1d().forward(torch.randn([8, 4]));
 */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(options: BatchNormOptions = {}) {
    super(1, featureless(options, new.target.name));
    prepareNorm(this, options, new.target.name);
  }

  override forward(input: Tensor): Tensor {
    initialiseNorm(this, input);
    return settle(this, BatchNorm1d, input);
  }
}

/**
 * A {@link BatchNorm2d} that takes `numFeatures` from its first input, which makes it a `BatchNorm2d`.
 *
 * @example
 * new nn.LazyBatchNorm2d().forward(torch.randn([8, 4, 5, 5]));
 */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(options: BatchNormOptions = {}) {
    super(1, featureless(options, new.target.name));
    prepareNorm(this, options, new.target.name);
  }

  override forward(input: Tensor): Tensor {
    initialiseNorm(this, input);
    return settle(this, BatchNorm2d, input);
  }
}

/**
 * A {@link BatchNorm3d} that takes `numFeatures` from its first input, which makes it a `BatchNorm3d`.
 *
 * @example
 * new nn.LazyBatchNorm3d().forward(torch.randn([8, 4, 5, 5, 5]));
 */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(options: BatchNormOptions = {}) {
    super(1, featureless(options, new.target.name));
    prepareNorm(this, options, new.target.name);
  }

  override forward(input: Tensor): Tensor {
    initialiseNorm(this, input);
    return settle(this, BatchNorm3d, input);
  }
}

/**
 * An {@link InstanceNorm1d} that takes `numFeatures` from its first input, which makes it an `InstanceNorm1d`. As in PyTorch, and
 * unlike that, it has weights and running statistics by default.
 *
 * @example
 * new nn.LazyInstanceNorm1d().forward(torch.randn([8, 4, 5]));
 */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(options: BatchNormOptions = {}) {
    super(1, featureless(options, new.target.name));
    prepareNorm(this, options, new.target.name);
  }

  override forward(input: Tensor): Tensor {
    initialiseNorm(this, input);
    return settle(this, InstanceNorm1d, input);
  }
}

/**
 * An {@link InstanceNorm2d} that takes `numFeatures` from its first input, which makes it an `InstanceNorm2d`. As in PyTorch, and
 * unlike that, it has weights and running statistics by default.
 *
 * @example
 * new nn.LazyInstanceNorm2d().forward(torch.randn([8, 4, 5, 5]));
 */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(options: BatchNormOptions = {}) {
    super(1, featureless(options, new.target.name));
    prepareNorm(this, options, new.target.name);
  }

  override forward(input: Tensor): Tensor {
    initialiseNorm(this, input);
    return settle(this, InstanceNorm2d, input);
  }
}

/**
 * An {@link InstanceNorm3d} that takes `numFeatures` from its first input, which makes it an `InstanceNorm3d`. As in PyTorch, and
 * unlike that, it has weights and running statistics by default.
 *
 * @example
 * new nn.LazyInstanceNorm3d().forward(torch.randn([8, 4, 5, 5, 5]));
 */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(options: BatchNormOptions = {}) {
    super(1, featureless(options, new.target.name));
    prepareNorm(this, options, new.target.name);
  }

  override forward(input: Tensor): Tensor {
    initialiseNorm(this, input);
    return settle(this, InstanceNorm3d, input);
  }
}
