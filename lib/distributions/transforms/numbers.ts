import { check, integer } from '../../check.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Constraint, independent, interval, positive, real, unitInterval } from '../constraints/index.js';
import { broadcastAll, broadcastShapes, limitsOf, type Parameter, parameter } from '../parameters.js';
import { Transform, type TransformOptions, transformTable } from './transform.js';

const shapeOf = (value: Parameter): readonly number[] => (isTensor(value) ? value.shape : []);

/** An increasing bijection from all numbers, which has no parameters. */
abstract class Increasing extends Transform {
  get domain(): Constraint {
    return real;
  }
  override get bijective(): boolean {
    return true;
  }
  override get sign(): number {
    return 1;
  }
  protected override isSame(other: Transform): boolean {
    return other.constructor === this.constructor;
  }
}

/**
 * `y = exp(x)`.
 *
 * @example
 * new distributions.transforms.ExpTransform().call(torch.zeros([1])); // [1]
 */
export class ExpTransform extends Increasing {
  get codomain(): Constraint {
    return positive;
  }
  protected override compute(x: Tensor): Tensor {
    return x.exp();
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.log();
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    return x;
  }
}

const readPower = optionsOf('PowerTransform', transformTable);

/**
 * `y = x ** exponent` of positive numbers.
 *
 * @example
 * new distributions.transforms.PowerTransform(2).call(torch.tensor([3])); // [9]
 */
export class PowerTransform extends Transform {
  readonly exponent: Tensor;

  constructor(exponent: Parameter, options?: TransformOptions) {
    const { cacheSize } = readPower(options) as { cacheSize: 0 | 1 };
    super({ cacheSize });
    [this.exponent] = broadcastAll(check('exponent', exponent, parameter)) as [Tensor];
  }
  get domain(): Constraint {
    return positive;
  }
  get codomain(): Constraint {
    return positive;
  }
  override get bijective(): boolean {
    return true;
  }
  override get sign(): Tensor {
    return this.exponent.sign();
  }
  protected override compute(x: Tensor): Tensor {
    return x.pow(this.exponent);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.pow(this.exponent.reciprocal());
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    return this.exponent.mul(y).div(x).abs().log();
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return broadcastShapes(shape, this.exponent.shape);
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return broadcastShapes(shape, this.exponent.shape);
  }
  protected override isSame(other: Transform): boolean {
    return other instanceof PowerTransform && same(this.exponent, other.exponent);
  }
}

/** @internal The sigmoid, away from 0 and 1 by the precision of the dtype. */
export function clippedSigmoid(x: Tensor): Tensor {
  const { tiny, eps } = limitsOf(x);
  return x.sigmoid().clamp(tiny, 1 - eps);
}

/**
 * `y = 1 / (1 + exp(-x))`.
 *
 * @example
 * new distributions.transforms.SigmoidTransform().call(torch.zeros([1])); // [0.5]
 */
export class SigmoidTransform extends Increasing {
  get codomain(): Constraint {
    return unitInterval;
  }
  protected override compute(x: Tensor): Tensor {
    return clippedSigmoid(x);
  }
  protected override computeInverse(y: Tensor): Tensor {
    const { tiny, eps } = limitsOf(y);
    const inside = y.clamp(tiny, 1 - eps);
    return inside.log().sub(inside.neg().log1p());
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    return ops.softplus(x.neg()).neg().sub(ops.softplus(x));
  }
}

/**
 * `y = log(1 + exp(x))`.
 *
 * @example
 * new distributions.transforms.SoftplusTransform().call(x);
 */
export class SoftplusTransform extends Increasing {
  get codomain(): Constraint {
    return positive;
  }
  protected override compute(x: Tensor): Tensor {
    return ops.softplus(x);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.neg().expm1().neg().log().add(y);
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    return ops.softplus(x.neg()).neg();
  }
}

/**
 * `y = tanh(x)`, more stable than the sigmoid between affine transforms.
 *
 * @example
 * const squashed = new distributions.TransformedDistribution(normal, new distributions.transforms.TanhTransform());
 */
export class TanhTransform extends Increasing {
  get codomain(): Constraint {
    return interval(-1, 1);
  }
  protected override compute(x: Tensor): Tensor {
    return x.tanh();
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.atanh();
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    return ops
      .rsub(x, Math.log(2))
      .sub(ops.softplus(x.mul(-2)))
      .mul(2);
  }
}

/**
 * `y = |x|`; its inverse is the identity.
 *
 * @example
 * new distributions.transforms.AbsTransform().call(torch.tensor([-2])); // [2]
 */
export class AbsTransform extends Transform {
  get domain(): Constraint {
    return real;
  }
  get codomain(): Constraint {
    return positive;
  }
  protected override compute(x: Tensor): Tensor {
    return x.abs();
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y;
  }
  protected override isSame(other: Transform): boolean {
    return other instanceof AbsTransform;
  }
}

/** What {@link AffineTransform} takes beside its numbers. */
export interface AffineTransformOptions extends TransformOptions {
  /** How many of the last dimensions make one event. Default: 0. */
  eventDim?: number;
}

const readAffine = optionsOf('AffineTransform', { eventDim: [integer(0), 0], ...transformTable });

/**
 * `y = loc + scale * x`.
 *
 * @example
 * new distributions.transforms.AffineTransform(1, 2).call(torch.tensor([3])); // [7]
 */
export class AffineTransform extends Transform {
  readonly loc: Parameter;
  readonly scale: Parameter;
  private readonly dims: number;

  constructor(loc: Parameter, scale: Parameter, options?: AffineTransformOptions) {
    const { eventDim, cacheSize } = readAffine(options) as { eventDim: number; cacheSize: 0 | 1 };
    super({ cacheSize });
    this.loc = check('loc', loc, parameter);
    this.scale = check('scale', scale, parameter);
    this.dims = eventDim;
  }
  override get eventDim(): number {
    return this.dims;
  }
  get domain(): Constraint {
    return this.dims === 0 ? real : independent(real, this.dims);
  }
  get codomain(): Constraint {
    return this.domain;
  }
  override get bijective(): boolean {
    return true;
  }
  override get sign(): number | Tensor {
    return isTensor(this.scale) ? this.scale.sign() : Math.sign(this.scale);
  }
  protected override compute(x: Tensor): Tensor {
    return x.mul(this.scale).add(this.loc);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.sub(this.loc).div(this.scale);
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    const { scale, dims } = this;
    const result = isTensor(scale) ? scale.abs().log() : ops.fullLike(x, Math.log(Math.abs(scale)));
    const shape = x.shape.slice(0, x.ndim - dims);
    if (dims === 0) return result.expand(shape);
    return result.flatten(-dims).sum(-1).expand(shape);
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return broadcastShapes(shape, shapeOf(this.loc), shapeOf(this.scale));
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return this.shapeAfter(shape);
  }
  protected override isSame(other: Transform): boolean {
    return other instanceof AffineTransform && same(this.loc, other.loc) && same(this.scale, other.scale);
  }
}

function same(a: Parameter, b: Parameter): boolean {
  if (!isTensor(a)) return isTensor(b) ? same(b, a) : a === b;
  return a.eq(b).all().item<boolean>();
}
