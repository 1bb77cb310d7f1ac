import { arrayOf, check, integer, number, sizes } from '../../check.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { pad } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { Module } from '../module.js';
import * as print from '../print.js';

/** One width for every side, or one for each: `[left, right]`, then `[top, bottom]`, then `[front, back]`. A negative width crops. */
export type Padding = number | readonly number[];

/** What all padding modules share: the widths, and how many of the last dimensions they are about. */
abstract class Pad extends Module {
  /** Two widths per dimension, the last dimension first. */
  readonly padding: readonly number[];

  constructor(dims: number, padding: Padding) {
    super();
    this.padding = sizes('padding', padding, 2 * dims, integer());
  }

  protected abstract pad(input: Tensor): Tensor;

  override forward(input: Tensor): Tensor {
    const { shape } = check('input', input, tensor);
    const n = field(this, 'padding', arrayOf(integer())).length / 2;
    // With constants PyTorch takes any number of dimensions from `dims` on.
    if (!(this instanceof ConstantPad) && shape.length !== n + 1 && shape.length !== n + 2) {
      throw mustHave('input', `${n + 1} or ${n + 2} dimensions`, shape);
    }
    return this.pad(input);
  }

  override extraRepr(): string {
    return print.size(this.padding);
  }
}

abstract class CircularPad extends Pad {
  protected override pad(input: Tensor): Tensor {
    return pad(input, this.padding, 'circular');
  }
}

abstract class ReflectionPad extends Pad {
  protected override pad(input: Tensor): Tensor {
    return pad(input, this.padding, 'reflect');
  }
}

abstract class ReplicationPad extends Pad {
  protected override pad(input: Tensor): Tensor {
    return pad(input, this.padding, 'replicate');
  }
}

abstract class ConstantPad extends Pad {
  readonly value: number;

  constructor(dims: number, padding: Padding, value: number) {
    super(dims, padding);
    this.value = check('value', value, number);
  }

  protected override pad(input: Tensor): Tensor {
    return pad(input, this.padding, 'constant', this.value);
  }

  override extraRepr(): string {
    return `padding=${print.size(this.padding)}, value=${this.value}`;
  }
}

/**
 * Continues `[n, channels, length]` with its other end.
 *
 * @example
 * new nn.CircularPad1d(2).forward(torch.randn([1, 1, 4])).shape; // [1, 1, 8]
 */
export class CircularPad1d extends CircularPad {
  constructor(padding: Padding) {
    super(1, padding);
  }
}

/**
 * Continues `[n, channels, height, width]` with its other end.
 *
 * @example
 * new nn.CircularPad2d([1, 1, 2, 0]).forward(torch.randn([1, 1, 3, 3])).shape; // [1, 1, 5, 5]
 */
export class CircularPad2d extends CircularPad {
  constructor(padding: Padding) {
    super(2, padding);
  }
}

/**
 * Continues `[n, channels, depth, height, width]` with its other end.
 *
 * @example
 * new nn.CircularPad3d(1).forward(torch.randn([1, 1, 3, 3, 3])).shape; // [1, 1, 5, 5, 5]
 */
export class CircularPad3d extends CircularPad {
  constructor(padding: Padding) {
    super(3, padding);
  }
}

/**
 * Mirrors `[n, channels, length]` at its ends, which are not repeated.
 *
 * @example
 * new nn.ReflectionPad1d(2).forward(torch.randn([1, 1, 4])).shape; // [1, 1, 8]
 */
export class ReflectionPad1d extends ReflectionPad {
  constructor(padding: Padding) {
    super(1, padding);
  }
}

/**
 * Mirrors `[n, channels, height, width]` at its edges, which are not repeated.
 *
 * @example
 * new nn.ReflectionPad2d(1).forward(torch.randn([1, 1, 3, 3])).shape; // [1, 1, 5, 5]
 */
export class ReflectionPad2d extends ReflectionPad {
  constructor(padding: Padding) {
    super(2, padding);
  }
}

/**
 * Mirrors `[n, channels, depth, height, width]` at its faces, which are not repeated.
 *
 * @example
 * new nn.ReflectionPad3d(1).forward(torch.randn([1, 1, 2, 2, 2])).shape; // [1, 1, 4, 4, 4]
 */
export class ReflectionPad3d extends ReflectionPad {
  constructor(padding: Padding) {
    super(3, padding);
  }
}

/**
 * Repeats the first and the last element of `[n, channels, length]`.
 *
 * @example
 * new nn.ReplicationPad1d(2).forward(torch.randn([1, 1, 4])).shape; // [1, 1, 8]
 */
export class ReplicationPad1d extends ReplicationPad {
  constructor(padding: Padding) {
    super(1, padding);
  }
}

/**
 * Repeats the edges of `[n, channels, height, width]`.
 *
 * @example
 * new nn.ReplicationPad2d(1).forward(torch.randn([1, 1, 3, 3])).shape; // [1, 1, 5, 5]
 */
export class ReplicationPad2d extends ReplicationPad {
  constructor(padding: Padding) {
    super(2, padding);
  }
}

/**
 * Repeats the faces of `[n, channels, depth, height, width]`.
 *
 * @example
 * new nn.ReplicationPad3d(1).forward(torch.randn([1, 1, 2, 2, 2])).shape; // [1, 1, 4, 4, 4]
 */
export class ReplicationPad3d extends ReplicationPad {
  constructor(padding: Padding) {
    super(3, padding);
  }
}

/**
 * Surrounds the last dimension with `value`.
 *
 * @example
 * new nn.ConstantPad1d([1, 2], 3.5).forward(torch.randn([1, 2, 4])).shape; // [1, 2, 7]
 */
export class ConstantPad1d extends ConstantPad {
  constructor(padding: Padding, value: number) {
    super(1, padding, value);
  }
}

/**
 * Surrounds the last two dimensions with `value`.
 *
 * @example
 * new nn.ConstantPad2d(1, 3.5).forward(torch.randn([1, 2, 2])).shape; // [1, 4, 4]
 */
export class ConstantPad2d extends ConstantPad {
  constructor(padding: Padding, value: number) {
    super(2, padding, value);
  }
}

/**
 * Surrounds the last three dimensions with `value`.
 *
 * @example
 * new nn.ConstantPad3d(1, 3.5).forward(torch.randn([1, 2, 2, 2])).shape; // [1, 4, 4, 4]
 */
export class ConstantPad3d extends ConstantPad {
  constructor(padding: Padding, value: number) {
    super(3, padding, value);
  }
}

/**
 * Surrounds the last dimension with zeros.
 *
 * @example
 * new nn.ZeroPad1d(2).forward(torch.randn([1, 1, 4])).shape; // [1, 1, 8]
 */
export class ZeroPad1d extends ConstantPad1d {
  constructor(padding: Padding) {
    super(padding, 0);
  }

  override extraRepr(): string {
    return print.size(this.padding);
  }
}

/**
 * Surrounds the last two dimensions with zeros.
 *
 * @example
 * new nn.ZeroPad2d([1, 1, 2, 0]).forward(torch.randn([1, 1, 3, 3])).shape; // [1, 1, 5, 5]
 */
export class ZeroPad2d extends ConstantPad2d {
  constructor(padding: Padding) {
    super(padding, 0);
  }

  override extraRepr(): string {
    return print.size(this.padding);
  }
}

/**
 * Surrounds the last three dimensions with zeros.
 *
 * @example
 * new nn.ZeroPad3d(1).forward(torch.randn([1, 1, 2, 2, 2])).shape; // [1, 1, 4, 4, 4]
 */
export class ZeroPad3d extends ConstantPad3d {
  constructor(padding: Padding) {
    super(padding, 0);
  }

  override extraRepr(): string {
    return print.size(this.padding);
  }
}
