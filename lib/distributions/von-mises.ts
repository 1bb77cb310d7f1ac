import { noGrad } from '../autograd/modes.js';
import { float64 } from '../dtype.js';
import { TorchClipError } from '../errors.js';
import * as ops from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import type { Tensor } from '../tensor.js';
import { type Constraint, positive, real } from './constraints/index.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { blank, broadcastAll, common, from, named, type Parameter, parameter } from './parameters.js';

const read = optionsOf('VonMises', { loc: [parameter], concentration: [parameter], ...common });

/** Modified Bessel functions I0 and I1 by the polynomials of Abramowitz and Stegun, 9.8.1 to 9.8.4. */
const bessel = [
  {
    small: [1, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813],
    large: [
      0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537, -0.01647633, 0.00392377,
    ],
  },
  {
    small: [0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411],
    large: [
      0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312, 0.01787654, -0.00420059,
    ],
  },
] as const;

function polynomial(y: Tensor, coefficients: readonly number[]): Tensor {
  const [last, ...rest] = coefficients.toReversed();
  return rest.reduce((sum, c) => y.mul(sum).add(c), ops.fullLike(y, last!));
}

/** log I0 or log I1. */
function logBessel(x: Tensor, order: 0 | 1): Tensor {
  const { small, large } = bessel[order];
  const near = polynomial(x.div(3.75).pow(2), small);
  const below = (order === 1 ? x.abs().mul(near) : near).log();
  const above = x.sub(x.log().mul(0.5)).add(polynomial(x.reciprocal().mul(3.75), large).log());
  return ops.where(x.lt(3.75), below, above);
}

/**
 * Angles in [-pi, pi) around `loc`: the circular counterpart of a normal distribution, of precision `concentration`.
 *
 * Draws are made in double precision, by rejection: a GPU is waited for.
 *
 * @example
 * new distributions.VonMises(1, 1).sample();
 * @see Best and Fisher 1979, Efficient simulation of the von Mises distribution.
 */
export class VonMises extends Distribution {
  constructor(loc: Parameter, concentration: Parameter, options?: DistributionOptions) {
    const { validateArgs, ...params } = read(named(['loc', 'concentration'], [loc, concentration, options]));
    const [l, c] = broadcastAll(params.loc, params.concentration) as [Tensor, Tensor];
    super({ batchShape: l.shape, given: { loc: l, concentration: c }, validateArgs });
  }
  /** The mean angle, in radians. */
  get loc(): Tensor {
    return this.param('loc');
  }
  /** Often kappa. */
  get concentration(): Tensor {
    return this.param('concentration');
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { loc: real, concentration: positive };
  }
  override get support(): Constraint {
    return real;
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  /** The circular variance. */
  override get variance(): Tensor {
    const { concentration } = this;
    return from(1, logBessel(concentration, 1).sub(logBessel(concentration, 0)).exp());
  }
  override sample(sampleShape?: readonly number[]): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => this.draw(shape).to(this.loc.dtype));
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { loc, concentration } = this;
    const unnormalized = concentration.mul(value.sub(loc).cos());
    return unnormalized.sub(Math.log(2 * Math.PI)).sub(logBessel(concentration, 0));
  }

  private draw(shape: readonly number[]): Tensor {
    const [loc, kappa] = [this.loc.to(float64), this.concentration.to(float64)];
    const tau = kappa.pow(2).mul(4).add(1).sqrt().add(1);
    const rho = tau.sub(tau.mul(2).sqrt()).div(kappa.mul(2));
    const exact = rho.pow(2).add(1).div(rho.mul(2));
    // Below that, the difference in rho has no digits left.
    const r = ops.where(kappa.lt(1e-5), kappa.reciprocal().add(kappa), exact);
    // Else no draw would ever be accepted.
    if (!kappa.gt(0).logicalAnd(r.gt(1)).logicalAnd(r.isfinite()).all().item<boolean>()) {
      throw new TorchClipError('ERR_ARGUMENT', '"concentration" of VonMises must be > 0 and below 1e15 for sample()');
    }
    let x = blank(loc, shape);
    let done = ops.zerosLike(x).gt(0);
    while (!done.all().item<boolean>()) {
      const [u1, u2, u3] = ops.rand([3, ...shape], { dtype: loc.dtype, device: loc.device }).unbind() as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const z = u1.mul(Math.PI).cos();
      const f = r.mul(z).add(1).div(r.add(z));
      const c = kappa.mul(r.sub(f));
      const quick = c.mul(from(2, c)).sub(u2).gt(0);
      const accepted = quick.logicalOr(c.div(u2).log().add(1).sub(c).ge(0));
      x = ops.where(accepted, u3.sub(0.5).sign().mul(f.acos()), x);
      done = done.logicalOr(accepted);
    }
    return x
      .add(Math.PI)
      .add(loc)
      .remainder(2 * Math.PI)
      .sub(Math.PI);
  }
}
