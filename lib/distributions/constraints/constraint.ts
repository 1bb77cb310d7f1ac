import { invalidArgument, TorchClipError } from '../../errors.js';
import { shortest } from '../../print/numbers.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Parameter } from '../parameters.js';

/**
 * A region over which a variable is valid, such as the positive numbers; the base class for those of one's own.
 *
 * @example
 * class Even extends distributions.constraints.Constraint {
 *   override get isDiscrete() { return true; }
 *   protected override inside(value: Tensor) { return value.remainder(2).eq(0); }
 * }
 * @see https://pytorch.org/docs/stable/distributions.html#module-torch.distributions.constraints
 */
export abstract class Constraint {
  /** Whether the region is discrete. Default: false. */
  get isDiscrete(): boolean {
    return false;
  }
  /** How many of the last dimensions make one event: 1 for vectors, 2 for matrices. Default: 0. */
  get eventDim(): number {
    return 0;
  }
  /** Whether each event is inside: a bool tensor of the shape before the event's dimensions. */
  check(value: Tensor): Tensor {
    if (!isTensor(value)) throw invalidArgument('value', 'a Tensor', value);
    if (value.ndim < this.eventDim) {
      throw invalidArgument('value', `a Tensor of at least ${this.eventDim} dimensions`, value.shape, 'ERR_SHAPE');
    }
    return this.inside(value);
  }
  /** Computes {@link check}, for a Tensor with the dimensions of an event; what a subclass defines. */
  protected abstract inside(value: Tensor): Tensor;
  /** Its name with its bounds, as PyTorch prints it. */
  toString(): string {
    return `${this.constructor.name}()`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A bound as PyTorch prints it: a number is a float, unless the constraint is one of integers. */
export function boundText(bound: Parameter, whole = false): string {
  if (typeof bound !== 'number') {
    return bound.ndim === 0 ? boundText(bound.item<number>(), !bound.dtype.isFloatingPoint) : String(bound);
  }
  return whole && Number.isInteger(bound) ? String(bound) : shortest(bound);
}

/** What {@link Dependent} knows of itself. */
export interface DependentOptions {
  /** Whether the values are discrete; default unknown. */
  isDiscrete?: boolean;
  /** How many last dimensions make one value; default unknown. */
  eventDim?: number;
}

/**
 * A constraint that depends on other variables, so that no value can be checked against it.
 *
 * @example
 * distributions.constraints.dependent instanceof distributions.constraints.Dependent; // true
 */
export class Dependent extends Constraint {
  readonly #known: DependentOptions;

  constructor(options: DependentOptions = {}) {
    super();
    this.#known = { ...options };
  }
  override get isDiscrete(): boolean {
    return this.#told('isDiscrete');
  }
  override get eventDim(): number {
    return this.#told('eventDim');
  }
  override check(_value: Tensor): Tensor {
    throw new TorchClipError('ERR_ARGUMENT', 'a dependent constraint has no values of its own to check');
  }
  protected override inside(value: Tensor): Tensor {
    return this.check(value);
  }

  #told<K extends keyof DependentOptions>(name: K): NonNullable<DependentOptions[K]> {
    const value = this.#known[name];
    if (value === undefined)
      throw new TorchClipError('ERR_ARGUMENT', `"${name}" of a dependent constraint is not known`);
    return value;
  }
}

/**
 * Whether a constraint is a {@link Dependent} one.
 *
 * @example
 * distributions.constraints.isDependent(distributions.constraints.dependent); // true
 */
export function isDependent(constraint: Constraint): constraint is Dependent {
  return constraint instanceof Dependent;
}
