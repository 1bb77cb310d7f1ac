import { check, instance, oneOf } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { tensor as tensorKind } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import type { Constraint } from '../constraints/index.js';
import { shapeOf, tensorArgument } from '../parameters.js';

/** What every transform takes. */
export interface TransformOptions {
  /**
   * 1 keeps the last argument with its result, so that the inverse of a result is the very tensor that it was computed from.
   * Default: 0.
   */
  cacheSize?: 0 | 1 | undefined;
}

export const transformTable = { cacheSize: [oneOf(0, 1), 0] } as const;
const readTransform = optionsOf('Transform', transformTable);

/**
 * A differentiable function with a tractable logarithm of the determinant of its Jacobian; the base class for those of one's own.
 *
 * A subclass defines `domain`, `codomain` and `compute(x)`, and where it is `bijective` `computeInverse(y)` and `logJacobian(x, y)`;
 * where shapes change, `shapeAfter(shape)` and `shapeBefore(shape)`; `isSame(other)` where others can be the same function. The
 * public methods check their arguments before they call these.
 *
 * @example
 * const t = new distributions.ExpTransform();
 * const y = t.call(x);
 * t.inv.call(y);                // x
 * t.logAbsDetJacobian(x, y);
 * @see https://pytorch.org/docs/stable/distributions.html#module-torch.distributions.transforms
 */
export abstract class Transform {
  /** @internal */
  readonly cacheSize: 0 | 1;
  /** @internal The last argument and its result; one that a scope has disposed is computed again. */
  private kept: { x: Tensor; y: Tensor } | undefined;
  private inverted: Transform | undefined;

  constructor(options?: TransformOptions) {
    this.cacheSize = readTransform(options).cacheSize as 0 | 1;
  }

  /** The region that arguments come from. */
  abstract get domain(): Constraint;
  /** The region that results lie in. */
  abstract get codomain(): Constraint;
  /** Whether it has an inverse that undoes it. Default: false. */
  get bijective(): boolean {
    return false;
  }
  /** 1 where it increases and -1 where it decreases, of transforms of single numbers. */
  get sign(): number | Tensor {
    throw this.lacks('sign');
  }
  /** How many of the last dimensions it transforms together. */
  get eventDim(): number {
    const [from, to] = [this.domain.eventDim, this.codomain.eventDim];
    if (from === to) return from;
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `${this.constructor.name} has an eventDim of its domain, ${from}, and one of its codomain, ${to}`,
    );
  }
  /** The inverse transform, whose inverse is this one. */
  get inv(): Transform {
    this.inverted ??= this.makeInverse();
    return this.inverted;
  }
  /** @internal */
  protected makeInverse(): Transform {
    return new InverseTransform(this);
  }

  /** The result for `x`. */
  call(x: Tensor): Tensor {
    tensorArgument(x);
    if (this.cacheSize === 0) return this.compute(x);
    if (this.kept?.x === x && !this.kept.y.isDisposed) return this.kept.y;
    const y = this.compute(x);
    this.kept = { x, y };
    return y;
  }
  /** @internal What {@link inv} calls. */
  callInverse(y: Tensor): Tensor {
    tensorArgument(y);
    if (this.cacheSize === 0) return this.computeInverse(y);
    if (this.kept?.y === y && !this.kept.x.isDisposed) return this.kept.x;
    const x = this.computeInverse(y);
    this.kept = { x, y };
    return x;
  }
  /** The logarithm of the absolute value of the determinant of the Jacobian at `x`, whose result is `y`. */
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return this.logJacobian(check('x', x, tensorKind), check('y', y, tensorKind));
  }
  /** The shape of the result for an argument of a shape. */
  forwardShape(shape: readonly number[]): number[] {
    return this.shapeAfter(shapeOf('shape', shape));
  }
  /** The shape of the argument for a result of a shape. */
  inverseShape(shape: readonly number[]): number[] {
    return this.shapeBefore(shapeOf('shape', shape));
  }
  protected compute(_x: Tensor): Tensor {
    throw this.lacks('compute()');
  }
  protected computeInverse(_y: Tensor): Tensor {
    throw this.lacks('inverse');
  }
  protected logJacobian(_x: Tensor, _y: Tensor): Tensor {
    throw this.lacks('logAbsDetJacobian()');
  }
  protected shapeAfter(shape: readonly number[]): number[] {
    return [...shape];
  }
  protected shapeBefore(shape: readonly number[]): number[] {
    return [...shape];
  }
  /** The same transform with another `cacheSize`. */
  withCache(cacheSize: 0 | 1 = 1): Transform {
    check('cacheSize', cacheSize, oneOf(0, 1));
    return this.cacheSize === cacheSize ? this : this.cached(cacheSize);
  }
  /** @internal */
  protected cached(cacheSize: 0 | 1): Transform {
    const copy = Object.create(Object.getPrototypeOf(this) as object) as Transform;
    return Object.assign(copy, this, { cacheSize, kept: undefined, inverted: undefined });
  }
  /** Whether another transform is known to be the same function. */
  equals(other: Transform): boolean {
    return this.isSame(check('other', other, transformKind));
  }
  protected isSame(other: Transform): boolean {
    return this === other;
  }
  /** @internal The error for what a transform does not have. */
  protected lacks(what: string): TorchClipError {
    return new TorchClipError('ERR_OP_UNAVAILABLE', `${this.constructor.name} has no ${what}`);
  }
  toString(): string {
    return `${this.constructor.name}()`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** @internal */
export const transformKind = instance<Transform>(Transform, 'a Transform');

/** What `inv` of a transform is. */
class InverseTransform extends Transform {
  private readonly of: Transform;

  constructor(of: Transform) {
    super({ cacheSize: of.cacheSize });
    this.of = of;
  }
  get domain(): Constraint {
    return this.of.codomain;
  }
  get codomain(): Constraint {
    return this.of.domain;
  }
  override get bijective(): boolean {
    return this.of.bijective;
  }
  override get sign(): number | Tensor {
    return this.of.sign;
  }
  override get eventDim(): number {
    return this.of.eventDim;
  }
  override get inv(): Transform {
    return this.of;
  }
  protected override cached(cacheSize: 0 | 1): Transform {
    return this.of.withCache(cacheSize).inv;
  }
  override call(x: Tensor): Tensor {
    return this.of.callInverse(x);
  }
  override callInverse(y: Tensor): Tensor {
    return this.of.call(y);
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    return this.of.logAbsDetJacobian(y, x).neg();
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return this.of.inverseShape(shape);
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return this.of.forwardShape(shape);
  }
  protected override isSame(other: Transform): boolean {
    return other instanceof InverseTransform && this.of.equals(other.of);
  }
  override toString(): string {
    return `_InverseTransform(${this.of})`;
  }
}
