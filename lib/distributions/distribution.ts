import { enableGrad, noGrad } from '../autograd/modes.js';
import { check, flag } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { readAll } from '../options.js';
import { shortest } from '../print/numbers.js';
import { sameShape, shapeText } from '../shape.js';
import { isTensor, type Tensor } from '../tensor.js';
import { type Constraint, isDependent } from './constraints/constraint.js';
import { refuseOutside } from './constraints/outside.js';
import { commonShape, expandsTo, shapeOf } from './parameters.js';

/** What every distribution takes. */
export interface DistributionOptions {
  /**
   * Whether parameters and values are checked against their constraints, which costs a pass over each and, on a GPU, waits for it.
   * Default: true, or what {@link Distribution.setDefaultValidateArgs} was given.
   */
  validateArgs?: boolean | undefined;
}

/** What a subclass tells {@link Distribution} of itself. */
export interface Definition extends DistributionOptions {
  /** Default: []. */
  batchShape?: readonly number[];
  /** Default: []. */
  eventShape?: readonly number[];
  /** Parameters of the shape of the batch, perhaps with further dimensions: they expand with it, are checked and printed. */
  given?: Readonly<Record<string, Tensor>>;
  /** Distributions that this one is made of, whose batch begins with its own: they expand with it. */
  parts?: Readonly<Record<string, Distribution>>;
  /** What is checked against `argConstraints`. Default: `given`. */
  checks?: Readonly<Record<string, Tensor>>;
}

/** How {@link Distribution.enumerateSupport} gives its values. */
export interface EnumerateOptions {
  /** Whether every batch has its own copy of them. Default: true. */
  expand?: boolean;
}

let validatesByDefault = true;

/**
 * Base of every distribution, and of those of one's own.
 *
 * A tensor of samples has the shape `[...sampleShape, ...batchShape, ...eventShape]`: independent draws, distributions that are not
 * the same, and the dimensions of one draw.
 *
 * @example
 * const likely = (d: distributions.Distribution, x: Tensor) => d.logProb(x).sum();
 * @see https://pytorch.org/docs/stable/distributions.html
 */
export abstract class Distribution {
  /** The parameters that were given, by name. */
  readonly given: Readonly<Record<string, Tensor>>;
  /** @internal What was computed from them and is kept. */
  readonly kept: Record<string, Tensor> = {};
  /** @internal */
  readonly parts: Readonly<Record<string, Distribution>>;
  private readonly batch: readonly number[];
  private readonly event: readonly number[];
  private readonly validation: boolean | undefined;

  /**
   * Sets whether distributions check their parameters and values where they are not told so by `validateArgs`; true unless set.
   */
  static setDefaultValidateArgs(value: boolean): void {
    validatesByDefault = check('value', value, flag);
  }

  constructor(definition: Definition = {}) {
    const {
      batchShape = [],
      eventShape = [],
      given = {},
      parts = {},
      checks = given,
      validateArgs,
    } = readAll('Distribution', definition) as Definition;
    this.batch = batchShape;
    this.event = eventShape;
    this.given = given;
    this.parts = parts;
    this.validation = validateArgs;
    if (!this.validates) return;
    const constraints = this.argConstraints;
    for (const [name, value] of Object.entries(checks)) {
      const constraint = constraints[name];
      if (constraint === undefined || isDependent(constraint)) continue;
      refuseOutside(`"${name}" of ${this.constructor.name}`, value, constraint);
    }
  }

  /** The shape of the distributions that are not the same. */
  get batchShape(): number[] {
    return [...this.batch];
  }
  /** The shape of one draw. */
  get eventShape(): number[] {
    return [...this.event];
  }
  /** What each parameter must satisfy. */
  get argConstraints(): Readonly<Record<string, Constraint>> {
    return {};
  }
  /** Where a draw can lie. */
  get support(): Constraint {
    throw this.lacks('support');
  }
  /** Whether {@link rsample} can be differentiated. */
  get hasRsample(): boolean {
    return false;
  }
  /** Whether {@link enumerateSupport} is there. */
  get hasEnumerateSupport(): boolean {
    return false;
  }
  /** The expectation. */
  get mean(): Tensor {
    throw this.lacks('mean');
  }
  /** The most likely value. */
  get mode(): Tensor {
    throw this.lacks('mode');
  }
  get variance(): Tensor {
    throw this.lacks('variance');
  }
  /** The square root of {@link variance}. */
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /** Draws of the shape `[...sampleShape, ...batchShape, ...eventShape]`, without a graph; `sampleShape` is [] by default. */
  sample(sampleShape?: readonly number[]): Tensor {
    return noGrad(() => this.rsample(sampleShape));
  }
  /** Draws as {@link sample}, through which gradients reach the parameters. */
  rsample(_sampleShape?: readonly number[]): Tensor {
    throw this.lacks('rsample()');
  }
  /** The logarithm of the density, or of the probability, of each event in `value`. */
  logProb(_value: Tensor): Tensor {
    throw this.lacks('logProb()');
  }
  /** The probability of a draw that is at most `value`. */
  cdf(_value: Tensor): Tensor {
    throw this.lacks('cdf()');
  }
  /** The inverse of {@link cdf}. */
  icdf(_value: Tensor): Tensor {
    throw this.lacks('icdf()');
  }
  /** All values that a draw can have, along a new first dimension. */
  enumerateSupport(_options?: EnumerateOptions): Tensor {
    throw this.lacks('enumerateSupport()');
  }
  /** In nats, of the shape of the batch. */
  entropy(): Tensor {
    throw this.lacks('entropy()');
  }
  /** The exponential of {@link entropy}. */
  perplexity(): Tensor {
    return this.entropy().exp();
  }

  /**
   * The distribution with its batch expanded to `batchShape`, as `Tensor.expand` does: no memory is copied.
   *
   * @throws {TorchClipError} `ERR_SHAPE` where the batch does not expand to it.
   */
  expand(batchShape: readonly number[]): this {
    const shape = shapeOf('batchShape', batchShape);
    if (!expandsTo(this.batch, shape)) {
      throw invalidArgument('batchShape', `one that ${shapeText(this.batch)} expands to`, shape, 'ERR_SHAPE');
    }
    return this.expanded(shape);
  }

  /** @internal A copy with the batch `shape`; where parts do not expand with the batch, a subclass says how. */
  protected expanded(shape: readonly number[], parts?: Readonly<Record<string, Distribution>>): this {
    const before = this.batch.length;
    const copy = Object.create(Object.getPrototypeOf(this) as object) as this;
    const tensors = (from: Readonly<Record<string, Tensor>>) =>
      Object.fromEntries(
        Object.entries(from)
          .filter(([, t]) => !t.isDisposed)
          .map(([name, t]) => [name, t.expand([...shape, ...t.shape.slice(before)])]),
      );
    const own = parts ?? mapValues(this.parts, (part) => part.expand([...shape, ...part.batchShape.slice(before)]));
    return Object.assign(copy, this, {
      batch: shape,
      given: tensors(this.given),
      kept: tensors(this.kept),
      parts: own,
    });
  }

  /** @internal Whether values are checked. */
  get validates(): boolean {
    return this.validation ?? validatesByDefault;
  }

  /** The shape of as many draws, for a sampler of one's own. */
  protected extendedShape(sampleShape: readonly number[] = []): number[] {
    return [...shapeOf('sampleShape', sampleShape), ...this.batch, ...this.event];
  }

  /** @internal A parameter that was given. */
  protected param(name: string): Tensor {
    return this.given[name]!;
  }

  /** @internal What is computed once; again where a scope has disposed it. */
  protected lazy(name: string, compute: () => Tensor): Tensor {
    const have = this.kept[name];
    if (have !== undefined && !have.isDisposed) return have;
    const value = enableGrad(compute);
    this.kept[name] = value;
    return value;
  }

  /** Refuses values outside of the support, where values are checked; a `logProb` of one's own calls it first. */
  checkValue(value: Tensor): void {
    if (!isTensor(value)) throw invalidArgument('value', 'a Tensor', value);
    if (!this.validates) return;
    const { shape } = value;
    const ends = this.event.length === 0 ? [] : shape.slice(-this.event.length);
    if (!sameShape(ends, this.event)) {
      throw invalidArgument('value', `a Tensor of events of shape ${shapeText(this.event)}`, shape, 'ERR_SHAPE');
    }
    const wanted = [...this.batch, ...this.event];
    if (commonShape(shape, wanted) === undefined) {
      throw invalidArgument('value', `a Tensor that broadcasts with shape ${shapeText(wanted)}`, shape, 'ERR_SHAPE');
    }
    refuseOutside(`"value" for ${this.constructor.name}`, value, this.support);
  }

  /** @internal The error for what a distribution does not have. */
  protected lacks(what: string): TorchClipError {
    return new TorchClipError('ERR_OP_UNAVAILABLE', `${this.constructor.name} has no ${what}`);
  }

  /** The parameters as PyTorch prints them: the value of one element, else the size. */
  toString(): string {
    const shown = Object.keys(this.argConstraints).flatMap((name) => {
      const value = this.given[name] ?? this.kept[name];
      return value === undefined || value.isDisposed ? [] : [`${camelToSnake(name)}: ${parameterText(value)}`];
    });
    return `${this.constructor.name}(${shown.join(', ')})`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const mapValues = <T, R>(from: Readonly<Record<string, T>>, to: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(from).map(([name, value]) => [name, to(value)]));

const camelToSnake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function parameterText(value: Tensor): string {
  if (value.numel() !== 1) return `torch.Size(${shapeText(value.shape)})`;
  if (value.ndim > 0) return String(value);
  const item = value.item<number | boolean>();
  if (typeof item === 'boolean') return item ? 'True' : 'False';
  return value.dtype.isFloatingPoint ? shortest(item) : String(item);
}
