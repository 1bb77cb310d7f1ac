import { arrayOf, check, elementsOf, integer } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import * as ops from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkDim } from '../constraints/combined.js';
import { type Constraint, cat, stack } from '../constraints/index.js';
import { sumRightmost } from '../parameters.js';
import { transformList } from './composed.js';
import { Transform, type TransformOptions, transformTable } from './transform.js';

/** What {@link StackTransform} takes beside its transforms. */
export interface StackTransformOptions extends TransformOptions {
  /** Default: 0. */
  dim?: number;
}

/** What {@link CatTransform} takes beside its transforms. */
export interface CatTransformOptions extends StackTransformOptions {
  /** How many entries of the dimension each transform has. Default: 1 each. */
  lengths?: readonly number[] | undefined;
}

function listed(transforms: readonly Transform[], cacheSize: 0 | 1): Transform[] {
  const list = elementsOf(check('transforms', transforms, transformList));
  return cacheSize === 0 ? list : list.map((transform) => transform.withCache(cacheSize));
}

/** Refuses what has another number of entries along a dimension. */
function checkSize(name: string, value: Tensor, dim: number, size: number): void {
  checkDim(dim, value);
  if (value.shape.at(dim) === size) return;
  throw invalidArgument(name, `a Tensor of ${size} entries along dimension ${dim}`, value.shape, 'ERR_SHAPE');
}

const readCat = optionsOf('CatTransform', {
  dim: [integer(), 0],
  lengths: [arrayOf(integer(0)), undefined],
  ...transformTable,
});

/**
 * Transforms of neighbouring parts along a dimension.
 *
 * @example
 * new distributions.transforms.CatTransform([first, second], { dim: 0, lengths: [2, 3] }).call(x);
 */
export class CatTransform extends Transform {
  readonly transforms: readonly Transform[];
  readonly dim: number;
  readonly lengths: readonly number[];

  constructor(transforms: readonly Transform[], options?: CatTransformOptions) {
    const { dim, lengths, cacheSize } = readCat(options);
    super({ cacheSize: cacheSize as 0 | 1 });
    this.transforms = listed(transforms, cacheSize as 0 | 1);
    this.dim = dim;
    this.lengths = lengths ?? this.transforms.map(() => 1);
    if (this.lengths.length !== this.transforms.length) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"lengths" must have one entry for each of ${this.transforms.length} transforms, got ${this.lengths.length}`,
      );
    }
  }
  /** The entries of all parts. */
  get length(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0);
  }
  override get eventDim(): number {
    return Math.max(...this.transforms.map((transform) => transform.eventDim));
  }
  get domain(): Constraint {
    return cat(
      this.transforms.map((transform) => transform.domain),
      { dim: this.dim, lengths: this.lengths },
    );
  }
  get codomain(): Constraint {
    return cat(
      this.transforms.map((transform) => transform.codomain),
      { dim: this.dim, lengths: this.lengths },
    );
  }
  override get bijective(): boolean {
    return this.transforms.every((transform) => transform.bijective);
  }
  protected override cached(cacheSize: 0 | 1): Transform {
    return new CatTransform(this.transforms, { dim: this.dim, lengths: this.lengths, cacheSize });
  }
  protected override compute(x: Tensor): Tensor {
    return ops.cat(
      this.partsOf('x', x).map((part, i) => this.transforms[i]!.call(part)),
      this.dim,
    );
  }
  protected override computeInverse(y: Tensor): Tensor {
    return ops.cat(
      this.partsOf('y', y).map((part, i) => this.transforms[i]!.inv.call(part)),
      this.dim,
    );
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    const [xs, ys] = [this.partsOf('x', x), this.partsOf('y', y)];
    const { eventDim } = this;
    const terms = this.transforms.map((transform, i) =>
      sumRightmost(transform.logAbsDetJacobian(xs[i]!, ys[i]!), eventDim - transform.eventDim),
    );
    const dim = (this.dim >= 0 ? this.dim - x.ndim : this.dim) + eventDim;
    return dim < 0 ? ops.cat(terms, dim) : terms.reduce((sum, term) => sum.add(term));
  }

  private partsOf(name: string, value: Tensor): Tensor[] {
    checkSize(name, value, this.dim, this.length);
    let start = 0;
    return this.lengths.map((length) => {
      start += length;
      return value.narrow(this.dim, start - length, length);
    });
  }
}

const readStack = optionsOf('StackTransform', { dim: [integer(), 0], ...transformTable });

/**
 * A transform for each entry of a dimension.
 *
 * @example
 * new distributions.transforms.StackTransform([first, second]).call(x);
 */
export class StackTransform extends Transform {
  readonly transforms: readonly Transform[];
  readonly dim: number;

  constructor(transforms: readonly Transform[], options?: StackTransformOptions) {
    const { dim, cacheSize } = readStack(options);
    super({ cacheSize: cacheSize as 0 | 1 });
    this.transforms = listed(transforms, cacheSize as 0 | 1);
    this.dim = dim;
  }
  get domain(): Constraint {
    return stack(
      this.transforms.map((transform) => transform.domain),
      { dim: this.dim },
    );
  }
  get codomain(): Constraint {
    return stack(
      this.transforms.map((transform) => transform.codomain),
      { dim: this.dim },
    );
  }
  override get bijective(): boolean {
    return this.transforms.every((transform) => transform.bijective);
  }
  protected override cached(cacheSize: 0 | 1): Transform {
    return new StackTransform(this.transforms, { dim: this.dim, cacheSize });
  }
  protected override compute(x: Tensor): Tensor {
    return this.stacked(this.entriesOf('x', x).map((entry, i) => this.transforms[i]!.call(entry)));
  }
  protected override computeInverse(y: Tensor): Tensor {
    return this.stacked(this.entriesOf('y', y).map((entry, i) => this.transforms[i]!.inv.call(entry)));
  }
  protected override logJacobian(x: Tensor, y: Tensor): Tensor {
    const [xs, ys] = [this.entriesOf('x', x), this.entriesOf('y', y)];
    return this.stacked(this.transforms.map((transform, i) => transform.logAbsDetJacobian(xs[i]!, ys[i]!)));
  }

  private stacked(entries: readonly Tensor[]): Tensor {
    return ops.stack(entries, this.dim);
  }
  private entriesOf(name: string, value: Tensor): Tensor[] {
    checkSize(name, value, this.dim, this.transforms.length);
    return value.unbind(this.dim);
  }
}
