// Every distribution, divergence, transform and constraint against PyTorch: values, gradients, random streams, printed forms.
import { expect } from 'chai';
import { registeredPairs } from '../../lib/distributions/kl/registry.js';
import torch, { distributions as D, type Tensor } from '../../lib/index.js';
import {
  type Differentiated,
  type Digest,
  describeCases,
  expectDifferentiated,
  expectDigest,
  expectMissing,
  Makers,
  pairs,
  SEED,
  type Spec,
  title,
} from './support.js';

interface OfDistribution {
  repr: string;
  reprAfter: string;
  batchShape: number[];
  eventShape: number[];
  hasRsample: boolean;
  hasEnumerateSupport: boolean;
  argConstraints: Record<string, string>;
  support: string;
  isDiscrete: boolean;
  eventDim: number;
  mean?: Digest;
  mode?: Digest;
  variance?: Digest;
  stddev?: Digest;
  sample: Digest;
  next: Digest;
  one: Digest;
  rsample?: Differentiated;
  logProb: Differentiated;
  entropy?: Differentiated;
  perplexity?: Digest;
  cdf?: Differentiated;
  icdf?: Differentiated;
  enumerated?: [Digest, Digest];
  expanded: [repr: string, sample: Digest, logProb: Digest];
}

const moments = ['mean', 'mode', 'variance', 'stddev'] as const;
type Case = Exclude<Spec, number | boolean | string | unknown[]>;

function seeded<T>(run: () => T): T {
  torch.manualSeed(SEED);
  return run();
}

function compare(have: () => Tensor, want: Digest | undefined, what: string): void {
  if (want === undefined) expectMissing(have, what);
  else expectDigest(have(), want, what);
}

function checkDistribution(spec: Case, want: OfDistribution): void {
  const d = new Makers().value(spec) as D.Distribution;
  expect(String(d)).to.equal(want.repr);
  const texts = Object.entries(d.argConstraints).map(([name, constraint]) => [name, String(constraint)]);
  expect({
    batchShape: d.batchShape,
    eventShape: d.eventShape,
    hasRsample: d.hasRsample,
    hasEnumerateSupport: d.hasEnumerateSupport,
    argConstraints: Object.fromEntries(texts),
    support: String(d.support),
    isDiscrete: d.support.isDiscrete,
    eventDim: d.support.eventDim,
  }).to.deep.equal({
    batchShape: want.batchShape,
    eventShape: want.eventShape,
    hasRsample: want.hasRsample,
    hasEnumerateSupport: want.hasEnumerateSupport,
    argConstraints: want.argConstraints,
    support: want.support,
    isDiscrete: want.isDiscrete,
    eventDim: want.eventDim,
  });
  for (const name of moments) compare(() => d[name], want[name], name);
  const sample = seeded(() => d.sample([3])).detach();
  expectDigest(sample, want.sample, 'sample');
  expectDigest(torch.rand([1]), want.next, 'the number after it');
  expectDigest(
    seeded(() => d.sample()),
    want.one,
    'one sample',
  );
  type Made = [D.Distribution];
  const differentiated = (name: string, wanted: Differentiated | undefined, run: (d: D.Distribution) => Tensor) =>
    expectDifferentiated<Made>([spec], wanted, run, name);
  differentiated('rsample', want.rsample, (made) => seeded(() => made.rsample([2])));
  differentiated('logProb', want.logProb, (made) => made.logProb(sample));
  // PyTorch's fails for an expanded Multinomial.
  if (!(spec.distribution === 'Multinomial' && spec.expand)) {
    differentiated('entropy', want.entropy, (made) => made.entropy());
    compare(() => d.perplexity(), want.perplexity, 'perplexity');
  }
  differentiated('cdf', want.cdf, (made) => made.cdf(sample));
  const p = torch.tensor([0.05, 0.3, 0.5, 0.9]).reshape([-1, ...d.batchShape.map(() => 1)]);
  differentiated('icdf', want.icdf, (made) => made.icdf(p));
  if (want.enumerated) {
    expectDigest(d.enumerateSupport(), want.enumerated[0], 'enumerateSupport');
    expectDigest(d.enumerateSupport({ expand: false }), want.enumerated[1], 'enumerateSupport, not expanded');
  } else expectMissing(() => d.enumerateSupport(), 'enumerateSupport');
  const wide = d.expand([2, ...d.batchShape]);
  const [repr, wideSample, wideLogProb] = want.expanded;
  expect(String(wide)).to.equal(repr);
  expectDigest(
    seeded(() => wide.sample()),
    wideSample,
    'sample of the expanded one',
  );
  expectDigest(wide.logProb(sample.narrow(0, 0, 2)), wideLogProb, 'logProb of the expanded one');
  expect(String(d), 'at the end').to.equal(want.reprAfter);
}

for (const family of ['location-scale', 'positive', 'bounded', 'discrete', 'multivariate']) {
  describeCases<Case, OfDistribution>(family, title, checkDistribution);
}

describeCases<{ p: Case; q: Case }, { kl: Differentiated | null }>(
  'kl',
  ({ p, q }) => `${title(p)} to ${title(q)}`,
  ({ p, q }, { kl }) =>
    expectDifferentiated<[D.Distribution, D.Distribution]>([p, q], kl ?? undefined, D.klDivergence, 'klDivergence'),
);

describe('klDivergence', () => {
  // Before tests register their own.
  const registered = registeredPairs();
  it('is there for every pair that PyTorch has', () => {
    const sorted = (list: [string, string][]) => list.map(String).sort();
    expect(sorted(registered)).to.deep.equal(sorted(pairs()));
  });
});

interface OfTransform {
  repr: string;
  bijective: boolean;
  domain: string;
  codomain: string;
  eventDims: number[];
  shapes: [number[], number[]];
  sign?: Digest;
  forward: Differentiated;
  inverse?: Digest;
  logAbsDetJacobian?: Differentiated;
  ofInverse?: Digest;
}

describeCases<Case & { x: number[] }, OfTransform>(
  'transforms',
  (c) => `${title(c)} of ${JSON.stringify(c.x)}`,
  ({ x: at, ...spec }, want) => {
    const t = new Makers().value(spec) as D.Transform;
    const x = torch.tensor(at);
    const forward = t.forwardShape(x.shape);
    expect({
      repr: String(t),
      bijective: t.bijective,
      domain: String(t.domain),
      codomain: String(t.codomain),
      eventDims: [t.domain.eventDim, t.codomain.eventDim],
      shapes: [forward, t.inverseShape(forward)],
    }).to.deep.equal({
      repr: want.repr,
      bijective: want.bijective,
      domain: want.domain,
      codomain: want.codomain,
      eventDims: want.eventDims,
      shapes: want.shapes,
    });
    compare(
      () => {
        const { sign } = t;
        return typeof sign === 'number' ? torch.tensor(sign) : sign;
      },
      want.sign,
      'sign',
    );
    type Made = [D.Transform, Tensor];
    expectDifferentiated<Made>([spec, at], want.forward, (made, value) => made.call(value), 'forward');
    const y = t.call(x).detach();
    compare(() => t.inv.call(y), want.inverse, 'inverse');
    const jacobian = (made: D.Transform, value: Tensor) => made.logAbsDetJacobian(value, made.call(value));
    expectDifferentiated<Made>([spec, at], want.logAbsDetJacobian, jacobian, 'logAbsDetJacobian');
    if (want.ofInverse) expectDigest(t.inv.logAbsDetJacobian(y, x), want.ofInverse, 'logAbsDetJacobian of the inverse');
  },
);

interface OfConstraint {
  repr: string;
  isDiscrete: boolean;
  eventDim: number;
  check: unknown;
  bijectTo?: [repr: string, result: Digest | null];
  transformTo?: [repr: string, result: Digest | null];
}

describeCases<Case & { value: number[]; x?: number[] }, OfConstraint>(
  'constraints',
  (c) => `${title(c)} of ${JSON.stringify(c.value)}`,
  ({ value, x = value, ...spec }, want) => {
    const c = new Makers().value(spec) as D.constraints.Constraint;
    expect([String(c), c.isDiscrete, c.eventDim]).to.deep.equal([want.repr, want.isDiscrete, want.eventDim]);
    expect(c.check(torch.tensor(value)).tolist()).to.deep.equal(want.check);
    for (const name of ['bijectTo', 'transformTo'] as const) {
      const wanted = want[name];
      if (wanted === undefined) {
        expectMissing(() => D[name](c), name);
        continue;
      }
      const transform = D[name](c);
      expect(String(transform)).to.equal(wanted[0]);
      if (wanted[1]) expectDigest(transform.call(torch.tensor(x).div(2)), wanted[1], name);
    }
  },
);
