import { arrayOf, check, elementsOf, instance, integer } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { Constraint } from './constraint.js';

export const constraintKind = instance<Constraint>(Constraint, 'a Constraint');
const listKind = arrayOf(constraintKind);
const whole = integer();

/**
 * A constraint on each of the last few dimensions, which together make one event.
 *
 * @example
 * new distributions.constraints.IndependentConstraint(distributions.constraints.positive, 1).check(torch.ones([2, 3])).shape; // [2]
 */
export class IndependentConstraint extends Constraint {
  readonly baseConstraint: Constraint;
  readonly reinterpretedBatchNdims: number;

  constructor(baseConstraint: Constraint, reinterpretedBatchNdims: number) {
    super();
    this.baseConstraint = check('baseConstraint', baseConstraint, constraintKind);
    this.reinterpretedBatchNdims = check('reinterpretedBatchNdims', reinterpretedBatchNdims, integer(0));
  }
  override get isDiscrete(): boolean {
    return this.baseConstraint.isDiscrete;
  }
  override get eventDim(): number {
    return this.baseConstraint.eventDim + this.reinterpretedBatchNdims;
  }
  protected override inside(value: Tensor): Tensor {
    const result = this.baseConstraint.check(value);
    return this.reinterpretedBatchNdims === 0 ? result : result.flatten(-this.reinterpretedBatchNdims).all(-1);
  }
  override toString(): string {
    return `IndependentConstraint(${this.baseConstraint}, ${this.reinterpretedBatchNdims})`;
  }
}

/**
 * The support of a mixture: that of every component, whose dimension the value lacks.
 *
 * @example
 * new distributions.MixtureSameFamily(weights, parts).support;
 */
export class MixtureSameFamilyConstraint extends Constraint {
  readonly baseConstraint: Constraint;

  constructor(baseConstraint: Constraint) {
    super();
    this.baseConstraint = check('baseConstraint', baseConstraint, constraintKind);
  }
  override get isDiscrete(): boolean {
    return this.baseConstraint.isDiscrete;
  }
  override get eventDim(): number {
    return this.baseConstraint.eventDim;
  }
  protected override inside(value: Tensor): Tensor {
    const result = this.baseConstraint.check(value.unsqueeze(-1 - this.eventDim));
    return result.flatten(value.ndim - this.eventDim).all(-1);
  }
  override toString(): string {
    return `MixtureSameFamilyConstraint(${this.baseConstraint})`;
  }
}

/** @internal Refuses a dimension that a tensor does not have. */
export function checkDim(dim: number, t: Tensor): void {
  if (-t.ndim <= dim && dim < t.ndim) return;
  throw invalidArgument('dim', `one of ${t.ndim} dimensions`, dim, 'ERR_INDEX');
}

const readCat = optionsOf('constraints.cat()', {
  dim: [whole, 0],
  lengths: [arrayOf(integer(0)), undefined],
});

/**
 * Constraints on neighbouring parts along a dimension.
 *
 * @example
 * new distributions.constraints.Cat([distributions.constraints.real, distributions.constraints.positive]).check(x);
 */
export class Cat extends Constraint {
  readonly constraints: readonly Constraint[];
  readonly dim: number;
  readonly lengths: readonly number[];

  constructor(constraints: readonly Constraint[], options?: { dim?: number; lengths?: readonly number[] }) {
    super();
    const { dim, lengths } = readCat(options);
    this.constraints = elementsOf(check('constraints', constraints, listKind));
    this.dim = dim;
    this.lengths = lengths ?? this.constraints.map(() => 1);
    if (this.lengths.length !== this.constraints.length) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"lengths" must have one entry for each of ${this.constraints.length} constraints, got ${this.lengths.length}`,
      );
    }
  }
  override get isDiscrete(): boolean {
    return this.constraints.some((c) => c.isDiscrete);
  }
  override get eventDim(): number {
    return Math.max(...this.constraints.map((c) => c.eventDim));
  }
  protected override inside(value: Tensor): Tensor {
    checkDim(this.dim, value);
    const { dim } = this;
    const length = this.lengths.reduce((sum, part) => sum + part, 0);
    if (value.shape.at(dim)! < length) {
      throw invalidArgument('value', `a Tensor of ${length} entries along dimension ${dim}`, value.shape, 'ERR_SHAPE');
    }
    let start = 0;
    const checks = this.constraints.map((constraint, i) => {
      const part = value.narrow(dim, start, this.lengths[i]!);
      start += this.lengths[i]!;
      return constraint.check(part);
    });
    return ops.cat(checks, dim);
  }
}

const readStack = optionsOf('constraints.stack()', { dim: [whole, 0] });

/**
 * A constraint for each entry of a dimension.
 *
 * @example
 * new distributions.constraints.Stack([distributions.constraints.real, distributions.constraints.positive]).check(x);
 */
export class Stack extends Constraint {
  readonly constraints: readonly Constraint[];
  readonly dim: number;

  constructor(constraints: readonly Constraint[], options?: { dim?: number }) {
    super();
    const { dim } = readStack(options);
    this.constraints = elementsOf(check('constraints', constraints, listKind));
    this.dim = dim;
  }
  override get isDiscrete(): boolean {
    return this.constraints.some((c) => c.isDiscrete);
  }
  override get eventDim(): number {
    const dim = Math.max(...this.constraints.map((c) => c.eventDim));
    return this.dim + dim < 0 ? dim + 1 : dim;
  }
  protected override inside(value: Tensor): Tensor {
    checkDim(this.dim, value);
    const { dim, constraints } = this;
    if (value.shape.at(dim) !== constraints.length) {
      throw invalidArgument(
        'value',
        `a Tensor of ${constraints.length} entries along dimension ${dim}`,
        value.shape,
        'ERR_SHAPE',
      );
    }
    return ops.stack(
      constraints.map((constraint, i) => constraint.check(value.select(dim, i))),
      dim,
    );
  }
}
