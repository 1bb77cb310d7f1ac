import { inspect } from 'node:util';
import { expect } from 'chai';
import torch, { distributions as D, nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const t = torch.tensor;
const { constraints: C } = D;

describe('a distribution', () => {
  it('takes the dtype and the device of the tensors beside a number', () => {
    const d = new D.Normal(t([0, 1], { dtype: torch.float64 }), 1);
    expect([d.scale.dtype, d.scale.shape]).to.deep.equal([torch.float64, [2]]);
    expect(new D.Normal(0, 1).loc.dtype).to.equal(torch.float32);
    expect(d.sample([2]).dtype).to.equal(torch.float64);
  });

  it('is printed by inspect as by toString', () => {
    const d = new D.Gamma(2, 0.5);
    expect(inspect(d)).to.equal('Gamma(concentration: 2.0, rate: 0.5)');
    expect(inspect(C.interval(0, 1e-5))).to.equal('Interval(lower_bound=0.0, upper_bound=1e-05)');
    expect(inspect(new D.ExpTransform().inv)).to.equal('_InverseTransform(ExpTransform())');
  });

  it('gives shapes that can be changed without harm', () => {
    const d = new D.Normal(t([0, 1]), 1);
    d.batchShape.push(3);
    expect(d.sample().shape).to.deep.equal([2]);
    const shape = [4];
    const wide = new D.Normal(0, 1).expand(shape);
    shape.push(5);
    expect(wide.batchShape).to.deep.equal([4]);
  });

  it('reads each option once', () => {
    let reads = 0;
    const options = {
      get probs() {
        reads++;
        return reads === 1 ? 0.25 : 7;
      },
    };
    expect(new D.Bernoulli(options).probs.item()).to.equal(0.25);
    expect(reads).to.equal(1);
  });

  it('passes gradients to parameters that it computes from others', () => {
    const logits = t([0.3, -1], { requiresGrad: true });
    const d = torch.noGrad(() => new D.Bernoulli({ logits }));
    const { probs } = torch.noGrad(() => ({ probs: d.probs }));
    expect(probs.requiresGrad).to.equal(true);
    expect(d.probs).to.equal(probs);
  });

  it('computes again what a scope has disposed', () => {
    const d = new D.Categorical(t([1, 3]));
    const first = torch.scope(() => d.logits.exp().tolist());
    expect(d.kept.logits!.isDisposed).to.equal(true);
    expect(d.logits.exp().tolist()).to.deep.equal(first);
    torch.scope(() => new D.Bernoulli(0.3).logits.item());
    const bernoulli = new D.Bernoulli(0.3);
    torch.scope(() => bernoulli.logits.item());
    expect(bernoulli.expand([2]).logits.shape).to.deep.equal([2]);
    expect(String(bernoulli)).to.equal('Bernoulli(probs: 0.30000001192092896)');
  });

  it('that a scope returns keeps its tensors', () => {
    const d = torch.scope(() => new D.LogNormal(t([0, 1]).add(1), 1));
    expect(d.logProb(t([1, 1])).shape).to.deep.equal([2]);
    const transform = torch.scope(() => new D.AffineTransform(t(1).add(1), t(2)));
    expect(transform.call(t(1)).item()).to.equal(4);
  });

  it('does not record its draws by sample()', () => {
    const loc = t([0, 1], { requiresGrad: true });
    for (const d of [new D.Normal(loc, 1), new D.LogNormal(loc, 1), new D.Independent(new D.Normal(loc, 1), 1)]) {
      expect([d.sample().requiresGrad, d.rsample().requiresGrad]).to.deep.equal([false, true]);
    }
  });

  it('accepts an empty batch and no draws', () => {
    const empty = new D.Normal(torch.zeros([0, 2]), torch.ones([0, 2]));
    expect(empty.sample([3]).shape).to.deep.equal([3, 0, 2]);
    expect(empty.logProb(empty.sample()).shape).to.deep.equal([0, 2]);
    const events = t([1, 1]);
    const all: D.Distribution[] = [
      new D.Normal(0, 1),
      new D.Gamma(1, 1),
      new D.Poisson(1),
      new D.VonMises(0, 1),
      new D.Categorical(events),
      new D.OneHotCategorical(events),
      new D.Multinomial(3, events),
      new D.Dirichlet(events),
      new D.LKJCholesky(3),
      new D.Wishart(3, torch.eye(2)),
      new D.MultivariateNormal(events, torch.eye(2)),
      new D.LowRankMultivariateNormal(events, torch.ones([2, 1]), events),
      new D.LogisticNormal(events, events),
      new D.Independent(new D.Normal(events, events), 1),
      new D.RelaxedOneHotCategorical(1, events),
      new D.MixtureSameFamily(new D.Categorical(events), new D.Normal(events, 1)),
    ];
    for (const d of all) {
      for (const [shape, of] of [
        [[0], d],
        [[2, 0], d],
        [[], d.expand([0])],
        [[3], d.expand([0])],
      ] as const) {
        const x = of.sample(shape);
        expect(x.shape, String(d)).to.deep.equal([...shape, ...of.batchShape, ...d.eventShape]);
        expect(of.logProb(x).shape, String(d)).to.deep.equal([...shape, ...of.batchShape]);
      }
    }
  });

  it('of Wishart draws singular matrices again', () => {
    torch.manualSeed(0);
    const d = new D.Wishart(t([1.05, 3]), torch.eye(2));
    const valid = (x: Tensor) => d.support.check(x).all().item();
    expect(valid(d.rsample([50], 1))).to.equal(false);
    expect(valid(d.rsample([50], 100))).to.equal(true);
  });

  it('is checked unless it is told not to be', () => {
    const invalid = () => new D.Normal(0, -1);
    expect(refusalOf(invalid).code).to.equal('ERR_ARGUMENT');
    expect(new D.Normal(0, -1, { validateArgs: false }).scale.item()).to.equal(-1);
    try {
      D.Distribution.setDefaultValidateArgs(false);
      expect(invalid().scale.item()).to.equal(-1);
      expect(refusalOf(() => new D.Normal(0, -1, { validateArgs: true })).code).to.equal('ERR_ARGUMENT');
      expect(new D.Exponential(1).logProb(t(-1)).item()).to.equal(1);
    } finally {
      D.Distribution.setDefaultValidateArgs(true);
    }
    expect(refusalOf(invalid).code).to.equal('ERR_ARGUMENT');
    const unchecked = new D.Exponential(1, { validateArgs: false }).expand([2]);
    expect(unchecked.logProb(t(-1)).tolist()).to.deep.equal([1, 1]);
  });

  it('may have parameters of a module', () => {
    const p = new nn.Parameter(t([0, 0]));
    new D.Normal(p, 1)
      .logProb(t([1, 2]))
      .sum()
      .backward();
    expect(p.grad!.tolist()).to.deep.equal([1, 2]);
  });
});

/** Densities that fall linearly from 0 to `width`. */
class Ramp extends D.Distribution {
  constructor(width: Tensor) {
    super({ batchShape: width.shape, given: { width } });
  }
  get width(): Tensor {
    return this.param('width');
  }
  override get argConstraints() {
    return { width: C.positive };
  }
  override get support() {
    return C.interval(0, this.width);
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return torch.rsub(value.div(this.width), 1).mul(2).div(this.width).log();
  }
}
class Steep extends Ramp {}
class Narrow extends Ramp {}

describe('a distribution of your own', () => {
  it('is checked, printed and expanded', () => {
    const d = new Steep(t([1, 2]));
    expect(String(d.expand([3, 2]))).to.equal('Steep(width: torch.Size([3, 2]))');
    expect(d.expand([3, 2])).to.be.instanceOf(Steep);
    expect(refusalOf(() => new Steep(t(-1))).message).to.include('"width" of Steep must satisfy GreaterThan');
    expect(refusalOf(() => d.logProb(t([0.5, 3]))).message).to.include('got 3 at [1]');
    expect(refusalOf(() => d.mean).message).to.equal('Steep has no mean');
  });

  it('has the most specific divergence that is registered', async () => {
    const named = (name: number) => () => t(name);
    D.registerKl(Ramp, D.Distribution, named(1));
    const [ramp, steep, narrow] = [new Ramp(t(1)), new Steep(t(1)), new Narrow(t(1))];
    expect(D.klDivergence(steep, ramp).item()).to.equal(1);
    D.registerKl(Ramp, Ramp, named(2));
    expect(D.klDivergence(steep, ramp).item()).to.equal(2);
    D.registerKl(Steep, Ramp, named(3));
    expect([ramp, steep].map((p) => D.klDivergence(p, ramp).item())).to.deep.equal([2, 3]);
    D.registerKl(Steep, Ramp, named(4));
    expect(D.klDivergence(steep, narrow).item()).to.equal(4);
    D.registerKl(Ramp, Narrow, named(5));
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    expect(D.klDivergence(steep, narrow).item()).to.equal(4);
    expect((await warning).message).to.equal(
      'klDivergence(Steep, Narrow) is ambiguous: register one for (Steep, Narrow)',
    );
  });
});

describe('a transform', () => {
  it('with a cache gives back the very tensors', () => {
    const x = t([0.3, 2]);
    for (const transform of [new D.ExpTransform({ cacheSize: 1 }), new D.ExpTransform().withCache()]) {
      const y = transform.call(x);
      expect(transform.call(x)).to.equal(y);
      expect(transform.inv.call(y)).to.equal(x);
      expect(transform.inv.call(t([1, 2]))).not.to.equal(x);
    }
    const plain = new D.ExpTransform();
    expect(plain.inv.call(plain.call(x))).not.to.equal(x);
    expect(plain.withCache(0)).to.equal(plain);
    const affine = new D.AffineTransform(1, t([2, 3]), { eventDim: 1 });
    expect(affine.inv.inv).to.equal(affine);
    const cached = affine.withCache(1);
    expect([cached.equals(affine), cached.eventDim, cached.inv.inv === cached]).to.deep.equal([true, 1, true]);
    expect(cached.inv.call(cached.call(x))).to.equal(x);
    expect(affine.inv.call(affine.call(x))).not.to.equal(x);
    const composed = new D.ComposeTransform([new D.ExpTransform(), new D.AffineTransform(1, 2)]).withCache(1);
    expect(composed.inv.call(composed.call(x))).to.equal(x);
  });

  it('with a cache computes again what a scope has disposed', () => {
    const transform = new D.ExpTransform({ cacheSize: 1 });
    const x = t([0.3, 2]);
    const first = torch.scope(() => transform.call(x).tolist());
    expect(transform.call(x).tolist()).to.deep.equal(first);
  });

  it('equals another one where they are known to be the same', () => {
    const pairs: [D.Transform, D.Transform, boolean][] = [
      [new D.ExpTransform(), new D.ExpTransform(), true],
      [new D.ExpTransform(), new D.TanhTransform(), false],
      [new D.ExpTransform().inv, new D.ExpTransform().inv, true],
      [new D.ExpTransform().inv, new D.ExpTransform(), false],
      [new D.AffineTransform(1, 2), new D.AffineTransform(1, 2), true],
      [new D.AffineTransform(1, 2), new D.AffineTransform(1, 3), false],
      [new D.AffineTransform(1, t([2, 2])), new D.AffineTransform(1, 2), true],
      [new D.PowerTransform(2), new D.PowerTransform(t([2])), true],
      [new D.ComposeTransform([new D.ExpTransform()]), new D.ComposeTransform([new D.ExpTransform()]), true],
      [new D.ComposeTransform([]), D.identityTransform, true],
      [new D.ReshapeTransform([2], [2]), new D.ReshapeTransform([2], [2]), false],
    ];
    for (const [a, b, same] of pairs) expect(a.equals(b), `${a} and ${b}`).to.equal(same);
  });

  it('of your own needs its formulas alone', () => {
    class Cube extends D.Transform {
      get domain() {
        return C.real;
      }
      get codomain() {
        return C.real;
      }
      override get bijective() {
        return true;
      }
      override get sign() {
        return 1;
      }
      protected override compute(x: Tensor) {
        return x.pow(3);
      }
      protected override computeInverse(y: Tensor) {
        return y.sign().mul(y.abs().pow(1 / 3));
      }
      protected override logJacobian(x: Tensor) {
        return x.pow(2).mul(3).log();
      }
    }
    const d = new D.TransformedDistribution(new D.Normal(0, 1), new Cube());
    expect(d.cdf(t(8)).item()).to.be.closeTo(new D.Normal(0, 1).cdf(t(2)).item(), 1e-6);
    expect(new Cube().withCache(1)).to.be.instanceOf(Cube);
    expect(String(d.icdf(t(0.5)))).to.equal('tensor(0.)');
  });
});

describe('a registry of transforms', () => {
  it('takes those for constraints of your own', () => {
    class Even extends C.Constraint {
      override get isDiscrete() {
        return true;
      }
      protected override inside(value: Tensor) {
        return value.remainder(2).eq(0);
      }
    }
    expect(refusalOf(() => D.transformTo(new Even())).code).to.equal('ERR_OP_UNAVAILABLE');
    D.transformTo.register(Even, () => D.identityTransform);
    expect(D.transformTo(new Even())).to.equal(D.identityTransform);
    D.transformTo.register(new Even(), (constraint) => {
      expect(constraint).to.be.instanceOf(Even);
      return new D.AbsTransform();
    });
    expect(String(D.transformTo(new Even()))).to.equal('AbsTransform()');
    expect(C.isDependent(new Even())).to.equal(false);
    expect(C.isDependent(C.dependent)).to.equal(true);
  });
});
