import { arrayOf, check, elementsOf, integer } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { zerosLike } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { type Constraint, independent, real } from '../constraints/index.js';
import { sumRightmost } from '../parameters.js';
import { Transform, type TransformOptions, transformKind, transformTable } from './transform.js';

/** @internal */
export const transformList = arrayOf(transformKind);
const readCompose = optionsOf('ComposeTransform', transformTable);

/** The constraint with its event dimensions made `dims`. */
const widened = (constraint: Constraint, dims: number): Constraint =>
  dims > constraint.eventDim ? independent(constraint, dims - constraint.eventDim) : constraint;

/** The product of signs of which some may be tensors. */
export function signOf(parts: readonly Transform[]): number | Tensor {
  let sign: number | Tensor = 1;
  for (const part of parts) {
    const next: number | Tensor = part.sign;
    if (typeof sign === 'number') sign = typeof next === 'number' ? sign * next : next.mul(sign);
    else sign = sign.mul(next);
  }
  return sign;
}

/**
 * Transforms one after the other, the first one first.
 *
 * @example
 * const t = new distributions.transforms.ComposeTransform([new distributions.transforms.ExpTransform(), new distributions.transforms.AffineTransform(0, 2)]);
 */
export class ComposeTransform extends Transform {
  readonly parts: readonly Transform[];

  constructor(parts: readonly Transform[], options?: TransformOptions) {
    const { cacheSize } = readCompose(options) as { cacheSize: 0 | 1 };
    super({ cacheSize });
    const list = elementsOf(check('parts', parts, transformList));
    this.parts = cacheSize === 0 ? list : list.map((part) => part.withCache(cacheSize));
  }
  get domain(): Constraint {
    const [first] = this.parts;
    if (first === undefined) return real;
    const start = this.parts.at(-1)!.codomain.eventDim;
    const dims = this.parts.reduceRight((dim, { domain, codomain }) => {
      return Math.max(dim + domain.eventDim - codomain.eventDim, domain.eventDim);
    }, start);
    return widened(first.domain, dims);
  }
  get codomain(): Constraint {
    const last = this.parts.at(-1);
    if (last === undefined) return real;
    const start = this.parts[0]!.domain.eventDim;
    const dims = this.parts.reduce((dim, { domain, codomain }) => {
      return Math.max(dim + codomain.eventDim - domain.eventDim, codomain.eventDim);
    }, start);
    return widened(last.codomain, dims);
  }
  override get bijective(): boolean {
    return this.parts.every((part) => part.bijective);
  }
  override get sign(): number | Tensor {
    return signOf(this.parts);
  }
  /** @internal */
  protected override makeInverse(): Transform {
    return new InverseCompose(this);
  }
  protected override cached(cacheSize: 0 | 1): Transform {
    return new ComposeTransform(this.parts, { cacheSize });
  }
  protected override compute(x: Tensor): Tensor {
    return this.parts.reduce((value, part) => part.call(value), x);
  }
  protected override computeInverse(y: Tensor): Tensor {
    return this.parts.reduceRight((value, part) => part.inv.call(value), y);
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    if (this.parts.length === 0) return zerosLike(x);
    const values = [x];
    for (const part of this.parts.slice(0, -1)) values.push(part.call(values.at(-1)!));
    values.push(y);
    let dims = this.domain.eventDim;
    const terms = this.parts.map((part, i) => {
      const { domain, codomain } = part;
      const term = sumRightmost(part.logAbsDetJacobian(values[i]!, values[i + 1]!), dims - domain.eventDim);
      dims += codomain.eventDim - domain.eventDim;
      return term;
    });
    return terms.reduce((sum, term) => sum.add(term));
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return this.parts.reduce((at, part) => part.forwardShape(at), [...shape]);
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return this.parts.reduceRight((at, part) => part.inverseShape(at), [...shape]);
  }
  protected override isSame(other: Transform): boolean {
    return other instanceof ComposeTransform && sameTransforms(this.parts, other.parts);
  }
  override toString(): string {
    return `${composeName}(\n    ${this.parts.join(',\n    ')}\n)`;
  }
}

const composeName = 'ComposeTransform';

/** The inverses in reverse, whose own inverse is the transform that they come from. */
class InverseCompose extends ComposeTransform {
  private readonly of: ComposeTransform;

  constructor(of: ComposeTransform) {
    super(of.parts.map((part) => part.inv).reverse());
    this.of = of;
  }
  override get inv(): Transform {
    return this.of;
  }
}

/** @internal Whether two lists are known to be the same transforms. */
export const sameTransforms = (a: readonly Transform[], b: readonly Transform[]): boolean =>
  a.length === b.length && a.every((transform, i) => transform.equals(b[i]!));

/**
 * What changes nothing.
 *
 * @example
 * distributions.transforms.identityTransform.call(x);
 */
export const identityTransform: Transform = new ComposeTransform([]);

const readIndependent = optionsOf('IndependentTransform', transformTable);

/**
 * A transform of each of the last few dimensions, which together make one event: their Jacobians are multiplied.
 *
 * @example
 * new distributions.transforms.IndependentTransform(new distributions.transforms.ExpTransform(), 1).logAbsDetJacobian(x, y);
 */
export class IndependentTransform extends Transform {
  readonly baseTransform: Transform;
  readonly reinterpretedBatchNdims: number;

  constructor(baseTransform: Transform, reinterpretedBatchNdims: number, options?: TransformOptions) {
    const { cacheSize } = readIndependent(options) as { cacheSize: 0 | 1 };
    super({ cacheSize });
    this.baseTransform = check('baseTransform', baseTransform, transformKind).withCache(cacheSize);
    this.reinterpretedBatchNdims = check('reinterpretedBatchNdims', reinterpretedBatchNdims, integer(0));
  }
  get domain(): Constraint {
    return independent(this.baseTransform.domain, this.reinterpretedBatchNdims);
  }
  get codomain(): Constraint {
    return independent(this.baseTransform.codomain, this.reinterpretedBatchNdims);
  }
  override get bijective(): boolean {
    return this.baseTransform.bijective;
  }
  override get sign(): number | Tensor {
    return this.baseTransform.sign;
  }
  protected override cached(cacheSize: 0 | 1): Transform {
    return new IndependentTransform(this.baseTransform, this.reinterpretedBatchNdims, { cacheSize });
  }
  protected override compute(x: Tensor): Tensor {
    return this.baseTransform.call(enough('x', x, this.domain.eventDim));
  }
  protected override computeInverse(y: Tensor): Tensor {
    return this.baseTransform.inv.call(enough('y', y, this.codomain.eventDim));
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    return sumRightmost(this.baseTransform.logAbsDetJacobian(x, y), this.reinterpretedBatchNdims);
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return this.baseTransform.forwardShape(shape);
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return this.baseTransform.inverseShape(shape);
  }
  override toString(): string {
    return `IndependentTransform(${this.baseTransform}, ${this.reinterpretedBatchNdims})`;
  }
}

function enough(name: string, value: Tensor, dims: number): Tensor {
  if (value.ndim >= dims) return value;
  throw invalidArgument(name, `a Tensor of at least ${dims} dimensions`, value.shape, 'ERR_SHAPE');
}
