// What distributions, transforms and constraints refuse, in which words.
import { expect } from 'chai';
import torch, { distributions as D } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const t = torch.tensor;
const { constraints: C } = D;
/** Calls that TypeScript does not let through. */
const untyped = D as unknown as Record<string, new (...args: unknown[]) => D.Distribution>;
const made = (name: string, ...args: unknown[]) => new untyped[name]!(...args);
const normal = new D.Normal(t([0, 1]), 1);

const refused: Record<string, [code: string, words: string, call: () => unknown]> = {
  // Parameters
  'no parameter': ['ERR_ARGUMENT', '"loc" must be a number or a Tensor, got undefined', () => made('Normal')],
  'a string as a parameter': [
    'ERR_ARGUMENT',
    '"scale" must be a number or a Tensor, got "1"',
    () => made('Normal', 0, '1'),
  ],
  'an unknown option': [
    'ERR_ARGUMENT',
    'unknown option "validate_args" of Normal; did you mean "validateArgs"?',
    () => made('Normal', 0, 1, { validate_args: false }),
  ],
  'options that are none': [
    'ERR_ARGUMENT',
    '"options" of Normal must be a plain object, got null',
    () => made('Normal', 0, 1, null),
  ],
  'a parameter that is given twice': [
    'ERR_ARGUMENT',
    '"probs" is given twice',
    () => made('Bernoulli', 0.3, { probs: 0.4 }),
  ],
  'more after the options': [
    'ERR_ARGUMENT',
    'the options object must be the last argument',
    () => made('Bernoulli', { probs: 0.3 }, 1),
  ],
  'no alternative': ['ERR_ARGUMENT', 'Bernoulli needs "probs" or "logits"', () => made('Bernoulli')],
  'two alternatives': [
    'ERR_ARGUMENT',
    '"probs" and "logits" of Categorical cannot be combined',
    () => made('Categorical', t([1, 1]), { logits: t([0, 0]) }),
  ],
  'two covariances': [
    'ERR_ARGUMENT',
    '"covarianceMatrix" and "scaleTril" of MultivariateNormal cannot be combined',
    () => made('MultivariateNormal', t([0, 0]), torch.eye(2), { scaleTril: torch.eye(2) }),
  ],
  'a number for a vector': ['ERR_ARGUMENT', '"probs" must be a Tensor, got 0.5', () => made('Categorical', 0.5)],
  'a tensor without dimensions': [
    'ERR_SHAPE',
    '"concentration" must be a Tensor of at least 1 dimension, got []',
    () => new D.Dirichlet(t(1)),
  ],
  'shapes that do not broadcast': [
    'ERR_SHAPE',
    'shapes must broadcast with each other, got [2] and [3]',
    () => new D.Normal(t([0, 1]), t([1, 2, 3])),
  ],
  'a factor of another size': [
    'ERR_SHAPE',
    '"covFactor" must be a Tensor of matrices with 2 rows, as loc has entries, got [3, 1]',
    () => new D.LowRankMultivariateNormal(t([0, 1]), torch.ones([3, 1]), t([1, 1])),
  ],
  'a count that is not an integer': [
    'ERR_ARGUMENT',
    '"totalCount" must be an integer >= 0, got 1.5',
    () => new D.Multinomial(1.5, t([1, 1])),
  ],
  'a matrix of one row': ['ERR_ARGUMENT', '"dim" must be an integer >= 2, got 1', () => new D.LKJCholesky(1)],
  'lims that are no pair': [
    'ERR_ARGUMENT',
    '"lims" must be an array of 2, each a number in [0, 1]',
    () => made('ContinuousBernoulli', 0.3, { lims: [0.4] }),
  ],
  'too many dimensions for an event': [
    'ERR_SHAPE',
    '"reinterpretedBatchNdims" must be at most the dimensions of the batch shape [2], got 2',
    () => new D.Independent(normal, 2),
  ],
  'components that are not there': [
    'ERR_SHAPE',
    '"componentDistribution" must have a batch of [3], as the mixture has weights, got [2]',
    () => new D.MixtureSameFamily(new D.Categorical(t([1, 1, 1])), normal),
  ],
  'a mixture by another distribution': [
    'ERR_ARGUMENT',
    '"mixtureDistribution" must be a Categorical, got a Normal',
    () => made('MixtureSameFamily', normal, normal),
  ],
  'a base without the dimensions': [
    'ERR_SHAPE',
    '"baseDistribution" must be one whose shape has at least 1 dimensions, got []',
    () => new D.TransformedDistribution(new D.Normal(0, 1), new D.StickBreakingTransform()),
  ],
  'transforms that are none': [
    'ERR_ARGUMENT',
    '"transforms" must be a Transform or an array of them, got a function',
    () => made('TransformedDistribution', normal, () => 0),
  ],

  // Values outside of constraints
  'a negative scale': [
    'ERR_ARGUMENT',
    '"scale" of Normal must satisfy GreaterThan(lower_bound=0.0), got -1',
    () => new D.Normal(0, -1),
  ],
  'one negative scale': [
    'ERR_ARGUMENT',
    '"scale" of HalfNormal must satisfy GreaterThan(lower_bound=0.0), got 0 at [1, 0]',
    () =>
      new D.HalfNormal(
        t([
          [1, 2],
          [0, -3],
        ]),
      ),
  ],
  NaN: [
    'ERR_ARGUMENT',
    '"loc" of LogNormal must satisfy Real(), got NaN at [1]',
    () => new D.LogNormal(t([0, Number.NaN]), 1),
  ],
  'a probability above 1': [
    'ERR_ARGUMENT',
    '"probs" of RelaxedBernoulli must satisfy Interval(lower_bound=0.0, upper_bound=1.0), got 2',
    () => new D.RelaxedBernoulli(1, 2),
  ],
  'a probability of 0': [
    'ERR_ARGUMENT',
    '"probs" of Geometric must satisfy GreaterThan(lower_bound=0.0), got 0',
    () => new D.Geometric(0),
  ],
  'a half count': [
    'ERR_ARGUMENT',
    '"totalCount" of Binomial must satisfy IntegerGreaterThan(lower_bound=0), got 1.5',
    () => new D.Binomial(1.5, 0.5),
  ],
  'weights that are negative': [
    'ERR_ARGUMENT',
    '"probs" of Categorical must satisfy Simplex(), got [-1, 2] at [1]',
    () =>
      new D.Categorical(
        t([
          [1, 1],
          [-1, 2],
        ]),
      ),
  ],
  'an empty interval': [
    'ERR_ARGUMENT',
    '"low" of Uniform must satisfy LessThan(upper_bound=1.0), got 2',
    () => new D.Uniform(2, 1),
  ],
  'a matrix that is not symmetric': [
    'ERR_ARGUMENT',
    '"covarianceMatrix" of MultivariateNormal must satisfy PositiveDefinite(), got [[1, 2], [3, 4]]',
    () =>
      new D.MultivariateNormal(
        t([0, 0]),
        t([
          [1, 2],
          [3, 4],
        ]),
      ),
  ],
  'a concentration of a part': [
    'ERR_ARGUMENT',
    '"concentration0" of Beta must satisfy GreaterThan(lower_bound=0.0), got -2',
    () => new D.Beta(1, -2),
  ],
  'degrees of freedom': [
    'ERR_ARGUMENT',
    '"df" of Chi2 must satisfy GreaterThan(lower_bound=0.0), got 0',
    () => new D.Chi2(0),
  ],
  'too few degrees of freedom': [
    'ERR_ARGUMENT',
    '"df" of Wishart must satisfy GreaterThan(lower_bound=1.0), got 1',
    () => new D.Wishart(1, torch.eye(2)),
  ],
  'a value outside': [
    'ERR_ARGUMENT',
    '"value" for Exponential must satisfy GreaterThanEq(lower_bound=0.0), got -1 at [1]',
    () => new D.Exponential(1).logProb(t([1, -1])),
  ],
  'a value outside of its own bounds': [
    'ERR_ARGUMENT',
    'got 3 at [1, 0]',
    () =>
      new D.Uniform(t([0, 1]), t([2, 4])).logProb(
        t([
          [1, 2],
          [3, 3],
        ]),
      ),
  ],
  'a value that is not an event': [
    'ERR_SHAPE',
    '"value" must be a Tensor of events of shape [2], got [3]',
    () => new D.MultivariateNormal(t([0, 0]), torch.eye(2)).logProb(t([1, 2, 3])),
  ],
  'a value of another batch': [
    'ERR_SHAPE',
    '"value" must be a Tensor that broadcasts with shape [2], got [3]',
    () => normal.logProb(t([1, 2, 3])),
  ],

  // Calls
  'a number as a value': ['ERR_ARGUMENT', '"value" must be a Tensor, got 0.5', () => normal.logProb(0.5 as never)],
  'a number as a probability': ['ERR_ARGUMENT', '"value" must be a Tensor, got 0.5', () => normal.icdf(0.5 as never)],
  'a number as a sample shape': [
    'ERR_ARGUMENT',
    '"sampleShape" must be an array, each element an integer >= 0, got 3',
    () => normal.sample(3 as never),
  ],
  'a negative size': [
    'ERR_ARGUMENT',
    '"sampleShape" must be an array, each element an integer >= 0, got [-1]',
    () => normal.rsample([-1]),
  ],
  'a batch that it does not expand to': [
    'ERR_SHAPE',
    '"batchShape" must be one that [2] expands to, got [3]',
    () => normal.expand([3]),
  ],
  'a smaller batch': ['ERR_SHAPE', '"batchShape" must be one that [2] expands to, got []', () => normal.expand([])],
  'a moment that there is not': [
    'ERR_OP_UNAVAILABLE',
    'LogisticNormal has no mean',
    () => new D.LogisticNormal(t([0]), 1).mean,
  ],
  'a gradient that there is not': ['ERR_OP_UNAVAILABLE', 'Poisson has no rsample()', () => new D.Poisson(1).rsample()],
  'counts that differ': [
    'ERR_OP_UNAVAILABLE',
    'Binomial has no values to enumerate where totalCount differs within the batch',
    () => new D.Binomial(t([1, 2]), 0.5).enumerateSupport(),
  ],
  'an option of enumerateSupport': [
    'ERR_ARGUMENT',
    '"expand" must be true or false, got 1',
    () => new D.Bernoulli(0.5).enumerateSupport({ expand: 1 as never }),
  ],
  'tries that are none': [
    'ERR_ARGUMENT',
    '"maxTryCorrection" must be an integer >= 0, got -1',
    () => new D.Wishart(3, torch.eye(2)).rsample([], -1),
  ],
  'a concentration that accepts no draw': [
    'ERR_ARGUMENT',
    '"concentration" of VonMises must be > 0 and below 1e15 for sample()',
    () => new D.VonMises(0, 1e20).sample(),
  ],
  'NaN where nothing is checked': [
    'ERR_ARGUMENT',
    '"concentration" of VonMises must be > 0',
    () => new D.VonMises(0, Number.NaN, { validateArgs: false }).sample(),
  ],
  'a switch that is none': [
    'ERR_ARGUMENT',
    '"value" must be true or false, got 1',
    () => D.Distribution.setDefaultValidateArgs(1 as never),
  ],
  'a second derivative of a draw': [
    'ERR_AUTOGRAD',
    'DirichletGradient needs a static backward() to be differentiated',
    () => {
      const concentration = t([1, 2], { requiresGrad: true });
      const x = new D.Dirichlet(concentration).rsample();
      const [first] = torch.autograd.grad(x.pow(2).sum(), concentration, { createGraph: true });
      first!.sum().backward();
    },
  ],

  // Divergences
  'no divergence': [
    'ERR_OP_UNAVAILABLE',
    'there is no KL divergence between Normal and Poisson',
    () => D.klDivergence(normal, new D.Poisson(1)),
  ],
  'no distribution': ['ERR_ARGUMENT', '"q" must be a Distribution, got 1', () => D.klDivergence(normal, 1 as never)],
  'families of one kind': [
    'ERR_OP_UNAVAILABLE',
    'there is no KL divergence between Wishart and Dirichlet',
    () => D.klDivergence(new D.Wishart(3, torch.eye(2)), new D.Dirichlet(t([1, 1]))),
  ],
  'a larger count': [
    'ERR_OP_UNAVAILABLE',
    'there is no KL divergence between Binomial and Binomial where q has the larger "totalCount"',
    () => D.klDivergence(new D.Binomial(1, 0.5), new D.Binomial(2, 0.5)),
  ],
  'events of two sizes': [
    'ERR_SHAPE',
    '"q" must have the event shape of "p", [2], got [3]',
    () =>
      D.klDivergence(
        new D.MultivariateNormal(t([0, 0]), torch.eye(2)),
        new D.MultivariateNormal(t([0, 0, 0]), torch.eye(3)),
      ),
  ],
  'transforms that differ': [
    'ERR_OP_UNAVAILABLE',
    'of different transforms or event shapes',
    () => D.klDivergence(new D.LogNormal(0, 1), new D.HalfCauchy(1)),
  ],
  'no class': [
    'ERR_ARGUMENT',
    '"typeP" must be a class of distributions, got an object',
    () => D.registerKl({} as never, D.Normal, () => t(0)),
  ],
  'no function': [
    'ERR_ARGUMENT',
    '"divergence" must be a synchronous function, got 1',
    () => D.registerKl(D.Normal, D.Normal, 1 as never),
  ],

  // Transforms and constraints
  'a cache of two': [
    'ERR_ARGUMENT',
    '"cacheSize" must be 0 or 1, got 2',
    () => new D.ExpTransform({ cacheSize: 2 as never }),
  ],
  'a number to transform': [
    'ERR_ARGUMENT',
    '"value" must be a Tensor, got 1',
    () => new D.ExpTransform().call(1 as never),
  ],
  'a Jacobian that there is not': [
    'ERR_OP_UNAVAILABLE',
    'AbsTransform has no logAbsDetJacobian()',
    () => new D.AbsTransform().logAbsDetJacobian(t(1), t(1)),
  ],
  'a sign that there is not': [
    'ERR_OP_UNAVAILABLE',
    'SoftmaxTransform has no sign',
    () => new D.SoftmaxTransform().sign,
  ],
  'shapes of two sizes': [
    'ERR_SHAPE',
    '"outShape" must have as many elements as [2], got [3]',
    () => new D.ReshapeTransform([2], [3]),
  ],
  'an event of another shape': [
    'ERR_SHAPE',
    '"shape" must end in [2], got [3]',
    () => new D.ReshapeTransform([2], [2, 1]).call(t([1, 2, 3])),
  ],
  'no triangle': [
    'ERR_SHAPE',
    '"x" must be a Tensor whose last dimension is a lower triangle, got [2]',
    () => new D.CorrCholeskyTransform().call(t([1, 2])),
  ],
  'lengths that are missing': [
    'ERR_ARGUMENT',
    '"lengths" must have one entry for each of 1 transforms, got 2',
    () => new D.CatTransform([new D.ExpTransform()], { lengths: [1, 2] }),
  ],
  'parts of another size': [
    'ERR_SHAPE',
    '"x" must be a Tensor of 1 entries along dimension 0, got [2]',
    () => new D.CatTransform([new D.ExpTransform()]).call(t([1, 2])),
  ],
  'a dimension that there is not': [
    'ERR_INDEX',
    '"dim" must be one of 1 dimensions, got 1',
    () => new D.StackTransform([new D.ExpTransform()], { dim: 1 }).call(t([1])),
  ],
  'no transform': [
    'ERR_ARGUMENT',
    '"parts" must be an array, each element a Transform',
    () => new D.ComposeTransform([1 as never]),
  ],
  'a bound that is none': [
    'ERR_ARGUMENT',
    '"lowerBound" must be a number or a Tensor, got null',
    () => C.greaterThan(null as never),
  ],
  'no constraint': ['ERR_ARGUMENT', '"baseConstraint" must be a Constraint, got 1', () => C.independent(1 as never, 1)],
  'a dependent constraint': [
    'ERR_ARGUMENT',
    'a dependent constraint has no values of its own to check',
    () => C.dependent.check(t(1)),
  ],
  'what a dependent constraint does not know': [
    'ERR_ARGUMENT',
    '"eventDim" of a dependent constraint is not known',
    () => C.dependent.eventDim,
  ],
  'no transform to it': [
    'ERR_OP_UNAVAILABLE',
    'bijectTo has no transform to BooleanConstraint',
    () => D.bijectTo(C.boolean),
  ],
  'a registry without a constraint': [
    'ERR_ARGUMENT',
    '"constraint" must be a Constraint, got 1',
    () => D.transformTo(1 as never),
  ],
  'no constraint to register': [
    'ERR_ARGUMENT',
    '"constraint" must be a Constraint or a class of them, got 1',
    () => D.bijectTo.register(1 as never, () => D.identityTransform),
  ],
};

describe('distributions refuse', () => {
  for (const [name, [code, words, call]] of Object.entries(refused)) {
    it(name, () => {
      const error = refusalOf(call);
      expect(error.message).to.include(words);
      expect(error.code).to.equal(code);
      expect(error.message).not.to.match(/\n/);
    });
  }
});

describe('methods of transforms and constraints refuse what is not an argument', () => {
  const objects: Record<string, object> = {
    exp: new D.ExpTransform(),
    inverse: new D.ExpTransform().inv,
    affine: new D.AffineTransform(1, t([2]), { eventDim: 1 }),
    power: new D.PowerTransform(2),
    composed: new D.ComposeTransform([new D.ExpTransform()]),
    independent: new D.IndependentTransform(new D.ExpTransform(), 1),
    reshape: new D.ReshapeTransform([2], [1, 2]),
    cat: new D.CatTransform([new D.ExpTransform()]),
    stack: new D.StackTransform([new D.ExpTransform()]),
    cumulative: new D.CumulativeDistributionTransform(normal),
    softmax: new D.SoftmaxTransform(),
    sticks: new D.StickBreakingTransform({ cacheSize: 1 }),
    correlations: new D.CorrCholeskyTransform(),
    cholesky: new D.LowerCholeskyTransform(),
    definite: new D.PositiveDefiniteTransform(),
    ...Object.fromEntries(Object.entries(C).filter(([, value]) => value instanceof C.Constraint)),
    interval: C.interval(0, t([1])),
    multinomial: C.multinomial(3),
    catConstraint: C.cat([C.real]),
    stackConstraint: C.stack([C.real]),
    mixture: new C.MixtureSameFamilyConstraint(C.real),
  };
  const methods = ['call', 'logAbsDetJacobian', 'forwardShape', 'inverseShape', 'equals', 'withCache', 'check'];
  const hostile: unknown[][] = [[], [null], [2.5], ['x'], [{}], [[-1]], [[null], 1], [t(1), 'y'], [Symbol('s')]];
  for (const [name, object] of Object.entries(objects)) {
    it(name, () => {
      for (const method of methods) {
        const call = (object as Record<string, ((...args: unknown[]) => unknown) | undefined>)[method];
        for (const args of call === undefined ? [] : hostile) {
          // withCache has a default, and some transforms take any tensor.
          if (
            (method === 'withCache' && args.length === 0) ||
            (args[0] instanceof torch.Tensor && method !== 'logAbsDetJacobian')
          ) {
            continue;
          }
          refusalOf(() => Reflect.apply(call!, object, args));
        }
      }
    });
  }
});
