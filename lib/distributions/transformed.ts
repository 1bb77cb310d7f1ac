import { noGrad } from '../autograd/modes.js';
import { type Kind, kind } from '../check.js';
import { invalidArgument } from '../errors.js';
import { optionsOf } from '../options.js';
import { sameShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, independent } from './constraints/index.js';
import { type Definition, Distribution, type DistributionOptions } from './distribution.js';
import { distributionKind, Independent } from './independent.js';
import { common, named, sumRightmost, tensorArgument } from './parameters.js';
import { signOf, transformList } from './transforms/composed.js';
import { ComposeTransform, Transform } from './transforms/index.js';

type Transforms = Transform | readonly Transform[];
const transformsKind: Kind<Transforms> = kind(
  'a Transform or an array of them',
  (value) => value instanceof Transform || transformList.accepts(value),
);

const read = optionsOf('TransformedDistribution', {
  baseDistribution: [distributionKind],
  transforms: [transformsKind],
  ...common,
});

/**
 * The distribution of what transforms make of the draws of another one.
 *
 * @example
 * // A logistic distribution from a uniform one.
 * new distributions.TransformedDistribution(new distributions.Uniform(0, 1), [
 *   new distributions.SigmoidTransform().inv,
 *   new distributions.AffineTransform(a, b),
 * ]);
 */
export class TransformedDistribution<D extends Distribution = Distribution> extends Distribution {
  /** The transforms, the first one first. */
  readonly transforms: readonly Transform[];

  constructor(
    baseDistribution: Distribution,
    transforms: Transforms,
    options?: DistributionOptions,
    /** @internal The parameters of a subclass. */
    own?: Pick<Definition, 'given' | 'checks'>,
  ) {
    const args = read(named(['baseDistribution', 'transforms'], [baseDistribution, transforms, options]));
    const list = args.transforms instanceof Transform ? [args.transforms] : [...args.transforms];
    const { base, batchShape, eventShape } = placed(args.baseDistribution, list);
    super({ ...own, batchShape, eventShape, parts: { base }, validateArgs: args.validateArgs });
    this.transforms = list;
  }
  /** The distribution whose draws are transformed, with its batch and event as the transforms need them. */
  get baseDist(): D {
    return this.parts.base as D;
  }
  override get support(): Constraint {
    const last = this.transforms.at(-1);
    if (last === undefined) return this.baseDist.support;
    const extra = this.eventShape.length - last.codomain.eventDim;
    return extra > 0 ? independent(last.codomain, extra) : last.codomain;
  }
  override get hasRsample(): boolean {
    return this.baseDist.hasRsample;
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    return noGrad(() => this.transformed(this.baseDist.sample(sampleShape)));
  }
  override rsample(sampleShape?: readonly number[]): Tensor {
    return this.transformed(this.baseDist.rsample(sampleShape));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    let dims = this.eventShape.length;
    let [y, result]: [Tensor, Tensor | undefined] = [value, undefined];
    for (const transform of this.transforms.toReversed()) {
      const x = transform.inv.call(y);
      const { domain, codomain } = transform;
      dims += domain.eventDim - codomain.eventDim;
      const term = sumRightmost(transform.logAbsDetJacobian(x, y), dims - domain.eventDim).neg();
      result = result === undefined ? term : result.add(term);
      y = x;
    }
    const base = sumRightmost(this.baseDist.logProb(y), dims - this.baseDist.eventShape.length);
    return result === undefined ? base : result.add(base);
  }
  override cdf(value: Tensor): Tensor {
    const x = this.transforms.reduceRight((y, transform) => transform.inv.call(y), tensorArgument(value));
    this.baseDist.checkValue(x);
    return this.increasing(this.baseDist.cdf(x));
  }
  override icdf(value: Tensor): Tensor {
    return this.transformed(this.baseDist.icdf(this.increasing(tensorArgument(value))));
  }

  /** @internal */
  protected override expanded(shape: readonly number[]): this {
    const whole = this.transforms.reduceRight(
      (at, transform) => transform.inverseShape(at),
      [...shape, ...this.eventShape],
    );
    const { baseDist } = this;
    const base = baseDist.expand(whole.slice(0, whole.length - baseDist.eventShape.length));
    return super.expanded(shape, { base });
  }
  private transformed(x: Tensor): Tensor {
    return this.transforms.reduce((value, transform) => transform.call(value), x);
  }
  /** Probabilities p as 1 - p where the transforms decrease. */
  private increasing(value: Tensor): Tensor {
    const sign = signOf(this.transforms);
    return sign === 1 ? value : value.sub(0.5).mul(sign).add(0.5);
  }
}

/** The base distribution as the transforms need it, and the shapes of what they make of it. */
function placed(given: Distribution, transforms: readonly Transform[]) {
  const shape = [...given.batchShape, ...given.eventShape];
  const eventDim = given.eventShape.length;
  const transform = new ComposeTransform(transforms);
  const [from, to] = [transform.domain.eventDim, transform.codomain.eventDim];
  if (shape.length < from) {
    throw invalidArgument('baseDistribution', `one whose shape has at least ${from} dimensions`, shape, 'ERR_SHAPE');
  }
  const forward = transform.forwardShape(shape);
  const back = transform.inverseShape(forward);
  let base = sameShape(shape, back) ? given : given.expand(back.slice(0, back.length - eventDim));
  if (from > eventDim) base = new Independent(base, from - eventDim);
  const cut = forward.length - Math.max(to, eventDim + to - from);
  return { base, batchShape: forward.slice(0, cut), eventShape: forward.slice(cut) };
}
