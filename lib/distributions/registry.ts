import { check, synchronous } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { refuseLater } from '../sync.js';
import { isTensor } from '../tensor.js';
import { constraintKind } from './constraints/combined.js';
import * as constraints from './constraints/index.js';
import {
  AffineTransform,
  CatTransform,
  ComposeTransform,
  CorrCholeskyTransform,
  ExpTransform,
  IndependentTransform,
  identityTransform,
  LowerCholeskyTransform,
  PositiveDefiniteTransform,
  SigmoidTransform,
  SoftmaxTransform,
  StackTransform,
  StickBreakingTransform,
  type Transform,
} from './transforms/index.js';

/** A class of constraints. */
export type ConstraintClass<C extends constraints.Constraint = constraints.Constraint> = abstract new (
  ...args: never[]
) => C;

/** Transforms from unconstrained numbers to each kind of constraint. */
export interface ConstraintRegistry {
  /** The transform to the region of a constraint. */
  (constraint: constraints.Constraint): Transform;
  /**
   * Sets the transforms to the constraints of a class, or of the class of the constraint given; a subclass has its own.
   *
   * @example
   * distributions.transformTo.register(Even, () => new MyTransform());
   */
  register<C extends constraints.Constraint>(
    constraint: C | ConstraintClass<C>,
    factory: (constraint: C) => Transform,
  ): void;
}

type Factory = (constraint: never) => Transform;

function registry(name: string): ConstraintRegistry {
  const factories = new Map<unknown, Factory>();
  const transform = (constraint: constraints.Constraint): Transform => {
    const Class = check('constraint', constraint, constraintKind).constructor;
    const factory = factories.get(Class) as ((constraint: constraints.Constraint) => Transform) | undefined;
    if (factory !== undefined) return refuseLater('factory', factory(constraint));
    throw new TorchClipError('ERR_OP_UNAVAILABLE', `${name} has no transform to ${Class.name}`);
  };
  const register = (constraint: unknown, factory: unknown): void => {
    const isClass = typeof constraint === 'function' && constraint.prototype instanceof constraints.Constraint;
    if (!isClass && !(constraint instanceof constraints.Constraint)) {
      throw invalidArgument('constraint', 'a Constraint or a class of them', constraint);
    }
    check('factory', factory, synchronous());
    factories.set(isClass ? constraint : (constraint as constraints.Constraint).constructor, factory as Factory);
  };
  return Object.assign(transform, { register }) as ConstraintRegistry;
}

/**
 * The bijection from unconstrained numbers to the region of a constraint, for samplers such as Hamiltonian Monte Carlo, which need
 * its Jacobian.
 *
 * @example
 * const t = distributions.bijectTo(constraints.simplex); // StickBreakingTransform()
 */
export const bijectTo: ConstraintRegistry = registry('bijectTo');

/**
 * A transform from unconstrained numbers to the region of a constraint, for optimizers: it may not be bijective, and is then cheaper or
 * smoother than {@link bijectTo}.
 *
 * @example
 * const scale = distributions.transformTo(constraints.positive).call(unconstrained);
 */
export const transformTo: ConstraintRegistry = registry('transformTo');

const both: readonly ConstraintRegistry[] = [bijectTo, transformTo];

for (const to of both) {
  to.register(constraints.Real, () => identityTransform);
  to.register(
    constraints.IndependentConstraint,
    ({ baseConstraint, reinterpretedBatchNdims }: constraints.IndependentConstraint) =>
      new IndependentTransform(to(baseConstraint), reinterpretedBatchNdims),
  );
  // The greater-than constraints are also those of the positive and the nonnegative numbers.
  const above = ({ lowerBound }: Pick<constraints.GreaterThan, 'lowerBound'>): Transform =>
    new ComposeTransform([new ExpTransform(), new AffineTransform(lowerBound, 1)]);
  to.register(constraints.GreaterThan, above);
  to.register(constraints.GreaterThanEq, above);
  to.register(
    constraints.LessThan,
    ({ upperBound }: constraints.LessThan) =>
      new ComposeTransform([new ExpTransform(), new AffineTransform(upperBound, -1)]),
  );
  const between = ({ lowerBound, upperBound }: Pick<constraints.Interval, 'lowerBound' | 'upperBound'>): Transform => {
    if (lowerBound === 0 && upperBound === 1) return new SigmoidTransform();
    const width = isTensor(upperBound)
      ? upperBound.sub(lowerBound)
      : isTensor(lowerBound)
        ? lowerBound.neg().add(upperBound)
        : upperBound - lowerBound;
    return new ComposeTransform([new SigmoidTransform(), new AffineTransform(lowerBound, width)]);
  };
  to.register(constraints.Interval, between);
  to.register(constraints.HalfOpenInterval, between);
  to.register(constraints.CorrCholesky, () => new CorrCholeskyTransform());
  to.register(
    constraints.Cat,
    ({ constraints: list, dim, lengths }: constraints.Cat) => new CatTransform(list.map(to), { dim, lengths }),
  );
  to.register(
    constraints.Stack,
    ({ constraints: list, dim }: constraints.Stack) => new StackTransform(list.map(to), { dim }),
  );
}

bijectTo.register(constraints.Simplex, () => new StickBreakingTransform());
transformTo.register(constraints.Simplex, () => new SoftmaxTransform());
transformTo.register(constraints.LowerCholesky, () => new LowerCholeskyTransform());
transformTo.register(constraints.PositiveDefinite, () => new PositiveDefiniteTransform());
transformTo.register(constraints.PositiveSemidefinite, () => new PositiveDefiniteTransform());
