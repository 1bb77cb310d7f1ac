// Objects of the package with methods of their own, one of each kind.
import torch from '../../../lib/index.js';

const { clip, data, distributions, nn, optim } = torch;

const param = () => new nn.Parameter(torch.ones([2, 2]));
const sgd = () => new optim.SGD([param()], { lr: 0.1, momentum: 0.9 });

/** An optimizer that has taken a step. */
function stepped<O extends torch.optim.Optimizer>(make: (params: torch.Tensor[]) => O): O {
  const p = param();
  p.grad = torch.ones([2, 2]);
  const optimizer = make([p]);
  optimizer.step();
  return optimizer;
}

const squares = { length: 5, get: (i: number) => i * i };

export const objects: Record<string, () => object> = {
  generator: () => new torch.Generator(),
  linear: () => new nn.Linear(3, 2),
  sequential: () => new nn.Sequential(new nn.Linear(3, 3), new nn.ReLU()),
  moduleList: () => new nn.ModuleList([new nn.ReLU()]),
  moduleDict: () => new nn.ModuleDict({ a: new nn.ReLU() }),
  parameterList: () => new nn.ParameterList([param()]),
  parameterDict: () => new nn.ParameterDict({ a: param() }),
  batchNorm: () => new nn.BatchNorm1d(3),
  lstm: () => new nn.LSTM(3, 2),
  attention: () => new nn.MultiheadAttention(4, 2),
  embedding: () => new nn.Embedding(4, 3),
  lazyLinear: () => new nn.LazyLinear(2),
  crossEntropy: () => new nn.CrossEntropyLoss(),
  sgd: () => stepped((params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, clip: clip.norm(1) })),
  adamW: () => stepped((params) => new optim.AdamW(params, { clip: clip.auto() })),
  adafactor: () => stepped((params) => new optim.Adafactor(params)),
  sstm: () => stepped((params) => new optim.ClippedSSTM(params, { L: 1 })),
  scheduleFree: () => stepped((params) => new optim.AdamWScheduleFree(params)),
  lbfgs: () => new optim.LBFGS([param()]),
  restarter: () => new optim.Restarter(sgd()),
  stepLR: () => new optim.lrScheduler.StepLR(sgd(), { stepSize: 2 }),
  oneCycleLR: () => new optim.lrScheduler.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 9 }),
  plateau: () => new optim.lrScheduler.ReduceLROnPlateau(sgd()),
  averagedModel: () => new optim.swaUtils.AveragedModel(new nn.Linear(2, 2)),
  scaler: () => new torch.GradScaler({ device: 'cpu' }),
  clipper: () => clip.norm(1),
  dataset: () => squares,
  tensorDataset: () => new data.TensorDataset(torch.ones([4, 2])),
  loader: () => new data.DataLoader(squares, { batchSize: 2 }),
  sampler: () => new data.RandomSampler(squares),
  weighted: () => new data.WeightedRandomSampler([1, 2], 2),
  normal: () => new distributions.Normal(torch.ones([2]), 1),
  beta: () => new distributions.Beta(torch.ones([2]), 1, { validateArgs: false }),
  categorical: () => new distributions.Categorical(torch.ones([2, 3])),
  binomial: () => new distributions.Binomial(3, 0.5, { validateArgs: false }),
  multivariateNormal: () => new distributions.MultivariateNormal(torch.ones([2]), torch.eye(2)),
  wishart: () => new distributions.Wishart(3, torch.eye(2), { validateArgs: false }),
  lkjCholesky: () => new distributions.LKJCholesky(3),
  mixture: () =>
    new distributions.MixtureSameFamily(
      new distributions.Categorical(torch.ones([2])),
      new distributions.Normal(torch.ones([2]), 1),
    ),
  logisticNormal: () => new distributions.LogisticNormal(torch.ones([2]), 1, { validateArgs: false }),
  vonMises: () => new distributions.VonMises(0, 1, { validateArgs: false }),
  affineTransform: () => new distributions.AffineTransform(1, torch.ones([2]), { eventDim: 1 }),
  stickBreaking: () => new distributions.StickBreakingTransform({ cacheSize: 1 }),
  corrCholesky: () => new distributions.CorrCholeskyTransform(),
  catTransform: () => new distributions.CatTransform([new distributions.ExpTransform()]),
  composeTransform: () => new distributions.ComposeTransform([new distributions.ExpTransform()]),
  interval: () => distributions.constraints.interval(0, torch.ones([2])),
  corrCholeskyConstraint: () => distributions.constraints.corrCholesky,
  catConstraint: () => distributions.constraints.cat([distributions.constraints.real]),
  batchSampler: () => new data.BatchSampler(new data.SequentialSampler(squares), 2, false),
};
