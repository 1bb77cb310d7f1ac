// `torch.distributions.constraints`: those without bounds are values, the others functions of their bounds; each has a class.
import type { Parameter } from '../parameters.js';
import { Cat, IndependentConstraint, Stack } from './combined.js';
import { type Constraint, Dependent } from './constraint.js';
import {
  CorrCholesky,
  LowerCholesky,
  LowerTriangular,
  PositiveDefinite,
  PositiveSemidefinite,
  Square,
  Symmetric,
} from './matrices.js';
import {
  BooleanConstraint,
  GreaterThan,
  GreaterThanEq,
  HalfOpenInterval,
  IntegerGreaterThan,
  IntegerInterval,
  Interval,
  LessThan,
  Real,
} from './numbers.js';
import { Multinomial, OneHot, Simplex } from './vectors.js';

export { Cat, IndependentConstraint, MixtureSameFamilyConstraint, Stack } from './combined.js';
export { Constraint, Dependent, type DependentOptions, isDependent } from './constraint.js';
export * from './matrices.js';
export * from './numbers.js';
export * from './vectors.js';

/** A constraint that depends on other variables. */
export const dependent = new Dependent();
/** 0 or 1. */
export const boolean = new BooleanConstraint();
/** Vectors with a single 1 among zeros. */
export const oneHot = new OneHot();
/** Integers >= 0. */
export const nonnegativeInteger = new IntegerGreaterThan(0);
/** Integers >= 1. */
export const positiveInteger = new IntegerGreaterThan(1);
/** Any number but NaN. */
export const real = new Real();
/** Vectors of numbers that are not NaN. */
export const realVector = new IndependentConstraint(real, 1);
/** Numbers > 0. */
export const positive = new GreaterThan(0);
/** Numbers >= 0. */
export const nonnegative = new GreaterThanEq(0);
/** Numbers in [0, 1]. */
export const unitInterval = new Interval(0, 1);
/** Vectors of numbers >= 0 that add up to 1. */
export const simplex = new Simplex();
/** Lower triangles. */
export const lowerTriangular = new LowerTriangular();
/** Lower triangles with a positive diagonal. */
export const lowerCholesky = new LowerCholesky();
/** Cholesky factors of correlation matrices. */
export const corrCholesky = new CorrCholesky();
/** Matrices with as many rows as columns. */
export const square = new Square();
/** Matrices equal to their transposes. */
export const symmetric = new Symmetric();
/** Symmetric matrices without a negative eigenvalue. */
export const positiveSemidefinite = new PositiveSemidefinite();
/** Symmetric matrices with positive eigenvalues alone. */
export const positiveDefinite = new PositiveDefinite();

/**
 * A constraint on each of the last `reinterpretedBatchNdims` dimensions, which together make one event.
 *
 * @example
 * distributions.constraints.independent(distributions.constraints.positive, 1).check(torch.ones([2, 3])).shape; // [2]
 */
export const independent = (baseConstraint: Constraint, reinterpretedBatchNdims: number): IndependentConstraint =>
  new IndependentConstraint(baseConstraint, reinterpretedBatchNdims);
/**
 * Integers in [lowerBound, upperBound].
 *
 * @example
 * distributions.constraints.integerInterval(0, 9).check(torch.tensor([3, 10])); // [true, false]
 */
export const integerInterval = (lowerBound: Parameter, upperBound: Parameter): IntegerInterval =>
  new IntegerInterval(lowerBound, upperBound);
/**
 * Numbers > `lowerBound`.
 *
 * @example
 * distributions.constraints.greaterThan(1).check(torch.tensor([1, 2])); // [false, true]
 */
export const greaterThan = (lowerBound: Parameter): GreaterThan => new GreaterThan(lowerBound);
/**
 * Numbers >= `lowerBound`.
 *
 * @example
 * distributions.constraints.greaterThanEq(1).check(torch.tensor([1, 2])); // [true, true]
 */
export const greaterThanEq = (lowerBound: Parameter): GreaterThanEq => new GreaterThanEq(lowerBound);
/**
 * Numbers < `upperBound`.
 *
 * @example
 * distributions.constraints.lessThan(1).check(torch.tensor([0, 1])); // [true, false]
 */
export const lessThan = (upperBound: Parameter): LessThan => new LessThan(upperBound);
/**
 * Numbers in [lowerBound, upperBound].
 *
 * @example
 * distributions.constraints.interval(-1, 1).check(torch.tensor([0, 2])); // [true, false]
 */
export const interval = (lowerBound: Parameter, upperBound: Parameter): Interval =>
  new Interval(lowerBound, upperBound);
/**
 * Numbers in [lowerBound, upperBound).
 *
 * @example
 * distributions.constraints.halfOpenInterval(0, 1).check(torch.tensor([0, 1])); // [true, false]
 */
export const halfOpenInterval = (lowerBound: Parameter, upperBound: Parameter): HalfOpenInterval =>
  new HalfOpenInterval(lowerBound, upperBound);
/**
 * Vectors of counts that add up to at most `upperBound`.
 *
 * @example
 * distributions.constraints.multinomial(3).check(torch.tensor([1, 2])); // true
 */
export const multinomial = (upperBound: Parameter): Multinomial => new Multinomial(upperBound);
/**
 * Constraints on neighbouring parts along a dimension, of `lengths` entries each (default 1).
 *
 * @example
 * distributions.constraints.cat([distributions.constraints.real, distributions.constraints.positive]).check(x);
 */
export const cat = (constraints: readonly Constraint[], options?: { dim?: number; lengths?: readonly number[] }): Cat =>
  new Cat(constraints, options);
/**
 * A constraint for each entry of a dimension (default 0).
 *
 * @example
 * distributions.constraints.stack([distributions.constraints.real, distributions.constraints.positive]).check(x);
 */
export const stack = (constraints: readonly Constraint[], options?: { dim?: number }): Stack =>
  new Stack(constraints, options);
