import { check } from '../../check.js';
import type { Tensor } from '../../tensor.js';
import { type Parameter, parameter } from '../parameters.js';
import { Constraint } from './constraint.js';

abstract class OfVectors extends Constraint {
  override get eventDim(): number {
    return 1;
  }
}

/**
 * Vectors with a single 1 among zeros.
 *
 * @example
 * distributions.constraints.oneHot.check(torch.tensor([0, 1, 0])).item(); // true
 */
export class OneHot extends OfVectors {
  override get isDiscrete(): boolean {
    return true;
  }
  protected override inside(value: Tensor): Tensor {
    const isBoolean = value.eq(0).logicalOr(value.eq(1));
    return isBoolean.all(-1).logicalAnd(value.sum(-1).eq(1));
  }
}

/**
 * Vectors of numbers >= 0 that add up to 1, within 1e-6.
 *
 * @example
 * distributions.constraints.simplex.check(torch.tensor([0.5, 0.5])).item(); // true
 */
export class Simplex extends OfVectors {
  protected override inside(value: Tensor): Tensor {
    return value.ge(0).all(-1).logicalAnd(value.sum(-1).sub(1).abs().lt(1e-6));
  }
}

/**
 * Vectors of counts that add up to at most a bound.
 *
 * @example
 * new distributions.constraints.Multinomial(3).check(torch.tensor([1, 2])).item(); // true
 */
export class Multinomial extends OfVectors {
  readonly upperBound: Parameter;

  constructor(upperBound: Parameter) {
    super();
    this.upperBound = check('upperBound', upperBound, parameter);
  }
  override get isDiscrete(): boolean {
    return true;
  }
  protected override inside(value: Tensor): Tensor {
    return value.ge(0).all(-1).logicalAnd(value.sum(-1).le(this.upperBound));
  }
}
