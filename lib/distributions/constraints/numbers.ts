import { check } from '../../check.js';
import type { Tensor } from '../../tensor.js';
import { type Parameter, parameter } from '../parameters.js';
import { boundText, Constraint } from './constraint.js';

/**
 * 0 or 1.
 *
 * @example
 * distributions.constraints.boolean.check(torch.tensor([0, 2])); // [true, false]
 */
export class BooleanConstraint extends Constraint {
  override get isDiscrete(): boolean {
    return true;
  }
  protected override inside(value: Tensor): Tensor {
    return value.eq(0).logicalOr(value.eq(1));
  }
  override toString(): string {
    return 'Boolean()';
  }
}

/**
 * Any number but NaN.
 *
 * @example
 * distributions.constraints.real.check(torch.tensor([1, NaN])); // [true, false]
 */
export class Real extends Constraint {
  protected override inside(value: Tensor): Tensor {
    return value.eq(value);
  }
}

const isWhole = (value: Tensor): Tensor => value.remainder(1).eq(0);

/** A region above a bound. */
abstract class Above extends Constraint {
  readonly lowerBound: Parameter;

  constructor(lowerBound: Parameter) {
    super();
    this.lowerBound = check('lowerBound', lowerBound, parameter);
  }
  override toString(): string {
    return `${this.constructor.name}(lower_bound=${boundText(this.lowerBound, this.isDiscrete)})`;
  }
}

/** A region below a bound. */
abstract class Below extends Constraint {
  readonly upperBound: Parameter;

  constructor(upperBound: Parameter) {
    super();
    this.upperBound = check('upperBound', upperBound, parameter);
  }
  override toString(): string {
    return `${this.constructor.name}(upper_bound=${boundText(this.upperBound, this.isDiscrete)})`;
  }
}

/** A region between two bounds. */
abstract class Between extends Constraint {
  readonly lowerBound: Parameter;
  readonly upperBound: Parameter;

  constructor(lowerBound: Parameter, upperBound: Parameter) {
    super();
    this.lowerBound = check('lowerBound', lowerBound, parameter);
    this.upperBound = check('upperBound', upperBound, parameter);
  }
  override toString(): string {
    const [low, high] = [this.lowerBound, this.upperBound].map((bound) => boundText(bound, this.isDiscrete));
    return `${this.constructor.name}(lower_bound=${low}, upper_bound=${high})`;
  }
}

/**
 * Integers between two bounds, both included.
 *
 * @example
 * new distributions.constraints.IntegerInterval(0, 9).check(torch.tensor([3, 10])); // [true, false]
 */
export class IntegerInterval extends Between {
  override get isDiscrete(): boolean {
    return true;
  }
  protected override inside(value: Tensor): Tensor {
    return isWhole(value).logicalAnd(value.ge(this.lowerBound)).logicalAnd(value.le(this.upperBound));
  }
}

/**
 * Integers from a bound on.
 *
 * @example
 * new distributions.constraints.IntegerGreaterThan(0).check(torch.tensor([3, 0.5])); // [true, false]
 */
export class IntegerGreaterThan extends Above {
  override get isDiscrete(): boolean {
    return true;
  }
  protected override inside(value: Tensor): Tensor {
    return isWhole(value).logicalAnd(value.ge(this.lowerBound));
  }
}

/**
 * Numbers above a bound.
 *
 * @example
 * new distributions.constraints.GreaterThan(0).check(torch.tensor([0, 1])); // [false, true]
 */
export class GreaterThan extends Above {
  protected override inside(value: Tensor): Tensor {
    return value.gt(this.lowerBound);
  }
}

/**
 * Numbers from a bound on.
 *
 * @example
 * new distributions.constraints.GreaterThanEq(0).check(torch.tensor([0, -1])); // [true, false]
 */
export class GreaterThanEq extends Above {
  protected override inside(value: Tensor): Tensor {
    return value.ge(this.lowerBound);
  }
}

/**
 * Numbers below a bound.
 *
 * @example
 * new distributions.constraints.LessThan(0).check(torch.tensor([0, -1])); // [false, true]
 */
export class LessThan extends Below {
  protected override inside(value: Tensor): Tensor {
    return value.lt(this.upperBound);
  }
}

/**
 * Numbers between two bounds, both included.
 *
 * @example
 * new distributions.constraints.Interval(0, 1).check(torch.tensor([1, 2])); // [true, false]
 */
export class Interval extends Between {
  protected override inside(value: Tensor): Tensor {
    return value.ge(this.lowerBound).logicalAnd(value.le(this.upperBound));
  }
}

/**
 * Numbers between two bounds, of which the lower one is included.
 *
 * @example
 * new distributions.constraints.HalfOpenInterval(0, 1).check(torch.tensor([0, 1])); // [true, false]
 */
export class HalfOpenInterval extends Between {
  protected override inside(value: Tensor): Tensor {
    return value.ge(this.lowerBound).logicalAnd(value.lt(this.upperBound));
  }
}
