// Every public function and class that takes an options object, with a call that is right but for the options.
import torch, { clip, nn, optim } from '../lib/index.js';

const F = nn.functional;
const x = torch.ones([2, 3]);
const image = torch.ones([1, 1, 4, 4]);
const line = torch.ones([1, 1, 8]);
const probabilities = torch.full([2, 3], 0.5);
const classes = torch.tensor([0n, 1n]);
const signs = torch.ones([2]);
const weight = torch.ones([4, 3]);
const leaf = () => torch.ones([2, 2], { requiresGrad: true });
const param = () => new nn.Parameter(torch.ones([2, 2]));
const linear = () => new nn.Linear(2, 2);
const sgd = () => new optim.SGD([param()], { lr: 0.1, momentum: 0.9 });
const dataset = { length: 4, get: (i: number) => i };
const lr = optim.lrScheduler;

/** A public function or class that takes options: a call with them, and an option that it accepts. */
export type Case = [call: (options: never) => unknown, name: string, value: unknown];

export const cases: Record<string, Case> = {
  // Creation, tensors, autograd
  tensor: [(o) => torch.tensor([1], o), 'requiresGrad', false],
  fromTypedArray: [(o) => torch.fromTypedArray(new Float32Array(2), o), 'requiresGrad', false],
  full: [(o) => torch.full([2], 1, o), 'requiresGrad', false],
  zeros: [(o) => torch.zeros([2], o), 'requiresGrad', false],
  sum: [(o) => x.sum(1, o), 'keepdim', true],
  argmax: [(o) => torch.argmax(x, o), 'keepdim', false],
  unique: [(o) => torch.unique(x, o), 'returnCounts', true],
  'x.unique': [(o) => x.unique(o), 'returnInverse', true],
  'x.to': [(o) => x.to(o), 'nonBlocking', false],
  indexPut: [(o) => x.indexPut([0], 1, o), 'accumulate', true],
  'loss.backward': [(o) => leaf().sum().backward(o), 'retainGraph', true],
  'autograd.backward': [(o) => torch.autograd.backward(leaf().sum(), null, o), 'createGraph', false],
  'autograd.grad': [
    (o) => {
      const a = leaf();
      return torch.autograd.grad(a.sum(), a, o);
    },
    'createGraph',
    true,
  ],
  'autograd.gradcheck': [
    (o) =>
      torch.autograd.gradcheck((a) => a.mul(2), [torch.ones([1], { dtype: torch.float64, requiresGrad: true })], o),
    'raiseException',
    true,
  ],
  setPrintOptions: [(o) => torch.setPrintOptions(o), 'sciMode', null],
  // Modules
  'nn.Linear': [(o) => new nn.Linear(2, 2, o), 'bias', false],
  'nn.Bilinear': [(o) => new nn.Bilinear(2, 2, 2, o), 'bias', false],
  'nn.Conv2d': [(o) => new nn.Conv2d(1, 1, 3, o), 'paddingMode', 'zeros'],
  'nn.ConvTranspose2d': [(o) => new nn.ConvTranspose2d(1, 1, 3, o), 'outputPadding', 0],
  'nn.MaxPool2d': [(o) => new nn.MaxPool2d(2, o), 'ceilMode', true],
  'nn.AvgPool2d': [(o) => new nn.AvgPool2d(2, o), 'countIncludePad', true],
  'nn.BatchNorm2d': [(o) => new nn.BatchNorm2d(1, o), 'trackRunningStats', true],
  'nn.LayerNorm': [(o) => new nn.LayerNorm(3, o), 'elementwiseAffine', true],
  'nn.RMSNorm': [(o) => new nn.RMSNorm(3, o), 'elementwiseAffine', true],
  'nn.GroupNorm': [(o) => new nn.GroupNorm(1, 3, o), 'affine', true],
  'nn.Embedding': [(o) => new nn.Embedding(4, 2, o), 'paddingIdx', 1],
  'nn.EmbeddingBag': [(o) => new nn.EmbeddingBag(4, 2, o), 'scaleGradByFreq', false],
  'nn.RNN': [(o) => new nn.RNN(2, 2, o), 'batchFirst', true],
  'nn.LSTM': [(o) => new nn.LSTM(2, 2, o), 'projSize', 1],
  'nn.GRU': [(o) => new nn.GRU(2, 2, o), 'numLayers', 1],
  'nn.Dropout': [(o) => new nn.Dropout(0.1, o), 'inplace', false],
  'nn.LeakyReLU': [(o) => new nn.LeakyReLU(0.1, o), 'inplace', false],
  'nn.ReLU': [(o) => new nn.ReLU(o), 'inplace', true],
  'nn.GELU': [(o) => new nn.GELU(o), 'approximate', 'tanh'],
  'nn.MSELoss': [(o) => new nn.MSELoss(o), 'reduction', 'sum'],
  'nn.CrossEntropyLoss': [(o) => new nn.CrossEntropyLoss(o), 'labelSmoothing', 0.1],
  'nn.BCEWithLogitsLoss': [(o) => new nn.BCEWithLogitsLoss(o), 'posWeight', null],
  'nn.KLDivLoss': [(o) => new nn.KLDivLoss(o), 'logTarget', true],
  'nn.MultiheadAttention': [(o) => new nn.MultiheadAttention(4, 2, o), 'batchFirst', true],
  'nn.Transformer': [(o) => new nn.Transformer(o), 'numEncoderLayers', 1],
  'nn.Upsample': [(o) => new nn.Upsample(o), 'scaleFactor', 2],
  'module.parameters': [(o) => linear().parameters(o), 'recurse', true],
  'module.namedParameters': [(o) => linear().namedParameters(o), 'recurse', true],
  'module.buffers': [(o) => linear().buffers(o), 'recurse', true],
  'module.namedBuffers': [(o) => linear().namedBuffers(o), 'recurse', true],
  'nn.Buffer': [(o) => new nn.Buffer(x, o), 'persistent', true],
  'module.registerBuffer': [(o) => linear().registerBuffer('b', x, o), 'persistent', true],
  'module.stateDict': [(o) => linear().stateDict(o), 'keepVars', true],
  'module.loadStateDict': [(o) => linear().loadStateDict(linear().stateDict(), o), 'strict', true],
  'module.zeroGrad': [(o) => linear().zeroGrad(o), 'setToNone', true],
  'module.to': [(o) => linear().to(o), 'dtype', torch.float32],
  'module.toEmpty': [(o) => linear().toEmpty(o), 'device', 'cpu'],
  'module.registerForwardHook': [(o) => linear().registerForwardHook(() => undefined, o), 'alwaysCall', true],
  // Functions of nn
  'F.mseLoss': [(o) => F.mseLoss(x, x, o), 'reduction', 'sum'],
  'F.l1Loss': [(o) => F.l1Loss(x, x, o), 'reduction', 'sum'],
  'F.smoothL1Loss': [(o) => F.smoothL1Loss(x, x, o), 'reduction', 'sum'],
  'F.huberLoss': [(o) => F.huberLoss(x, x, o), 'reduction', 'sum'],
  'F.crossEntropy': [(o) => F.crossEntropy(x, classes, o), 'ignoreIndex', -1],
  'F.nllLoss': [(o) => F.nllLoss(x, classes, o), 'ignoreIndex', -1],
  'F.binaryCrossEntropy': [(o) => F.binaryCrossEntropy(probabilities, probabilities, o), 'weight', null],
  'F.binaryCrossEntropyWithLogits': [(o) => F.binaryCrossEntropyWithLogits(x, x, o), 'posWeight', null],
  'F.klDiv': [(o) => F.klDiv(x, x, o), 'logTarget', true],
  'F.poissonNllLoss': [(o) => F.poissonNllLoss(x, x, o), 'logInput', true],
  'F.gaussianNllLoss': [(o) => F.gaussianNllLoss(x, x, x, o), 'full', true],
  'F.cosineEmbeddingLoss': [(o) => F.cosineEmbeddingLoss(x, x, signs, o), 'margin', 0],
  'F.hingeEmbeddingLoss': [(o) => F.hingeEmbeddingLoss(x, x, o), 'margin', 1],
  'F.marginRankingLoss': [(o) => F.marginRankingLoss(signs, signs, signs, o), 'margin', 0],
  'F.multiMarginLoss': [(o) => F.multiMarginLoss(x, classes, o), 'margin', 1],
  'F.multilabelSoftMarginLoss': [(o) => F.multilabelSoftMarginLoss(x, x, o), 'weight', null],
  'F.softMarginLoss': [(o) => F.softMarginLoss(x, x, o), 'reduction', 'sum'],
  'F.tripletMarginLoss': [(o) => F.tripletMarginLoss(x, x, x, o), 'swap', true],
  'F.tripletMarginWithDistanceLoss': [(o) => F.tripletMarginWithDistanceLoss(x, x, x, o), 'swap', true],
  'F.dropout': [(o) => F.dropout(x, o), 'training', false],
  'F.alphaDropout': [(o) => F.alphaDropout(x, o), 'training', false],
  'F.dropout1d': [(o) => F.dropout1d(x, o), 'training', false],
  'F.embedding': [(o) => F.embedding(classes, weight, o), 'normType', 2],
  'F.embeddingBag': [(o) => F.embeddingBag(classes.reshape([1, 2]), weight, o), 'includeLastOffset', false],
  'F.batchNorm': [(o) => F.batchNorm(x, null, null, o), 'training', true],
  'F.instanceNorm': [(o) => F.instanceNorm(line, o), 'useInputStats', true],
  'F.localResponseNorm': [(o) => F.localResponseNorm(line, 1, o), 'alpha', 1],
  'F.normalize': [(o) => F.normalize(x, o), 'eps', 1],
  'F.interpolate': [(o) => F.interpolate(image, o), 'scaleFactor', 2],
  'F.gridSample': [(o) => F.gridSample(image, torch.zeros([1, 1, 1, 2]), o), 'alignCorners', false],
  'F.affineGrid': [(o) => F.affineGrid(torch.ones([1, 2, 3]), [1, 1, 2, 2], o), 'alignCorners', false],
  'F.unfold': [(o) => F.unfold(image, 2, o), 'stride', [1, 1]],
  'F.fold': [(o) => F.fold(F.unfold(image, 2), 4, 2, o), 'stride', 1],
  'F.lpPool2d': [(o) => F.lpPool2d(image, 2, 2, o), 'ceilMode', false],
  'F.maxUnpool1d': [
    (o) => F.maxUnpool1d(line, torch.zeros([1, 1, 8], { dtype: torch.int64 }), 1, o),
    'outputSize',
    [8],
  ],
  'F.gumbelSoftmax': [(o) => F.gumbelSoftmax(x, o), 'hard', true],
  'F.softmin': [(o) => F.softmin(x, o), 'dim', 1],
  'init.uniform_': [(o) => nn.init.uniform_(x.clone(), o), 'a', 0],
  'init.normal_': [(o) => nn.init.normal_(x.clone(), o), 'std', 2],
  'init.xavierUniform_': [(o) => nn.init.xavierUniform_(x.clone(), o), 'gain', 1],
  'init.xavierNormal_': [(o) => nn.init.xavierNormal_(x.clone(), o), 'gain', 1],
  'init.kaimingUniform_': [(o) => nn.init.kaimingUniform_(x.clone(), o), 'nonlinearity', 'relu'],
  'init.kaimingNormal_': [(o) => nn.init.kaimingNormal_(x.clone(), o), 'nonlinearity', 'relu'],
  'init.orthogonal_': [(o) => nn.init.orthogonal_(x.clone(), o), 'gain', 1],
  'init.sparse_': [(o) => nn.init.sparse_(x.clone(), 0.5, o), 'std', 1],
  'init.dirac_': [(o) => nn.init.dirac_(torch.ones([1, 1, 3]), o), 'groups', 1],
  'init.truncNormal_': [(o) => nn.init.truncNormal_(x.clone(), o), 'mean', 0],
  'utils.clipGradNorm_': [(o) => nn.utils.clipGradNorm_([leaf()], 1, o), 'errorIfNonfinite', true],
  'utils.getTotalNorm': [(o) => nn.utils.getTotalNorm([x], o), 'normType', 2],
  // Clippers
  'clip.norm': [(o) => clip.norm(1, o), 'normType', 1],
  'clip.layerwise': [(o) => clip.layerwise(1, o), 'normType', 1],
  'clip.value': [(o) => clip.value(1, o), 'placement', 'update'],
  'clip.coordinatewise': [(o) => clip.coordinatewise(1, o), 'placement', 'update'],
  'clip.auto': [(o) => clip.auto(o), 'window', 5],
  'clip.agc': [(o) => clip.agc(o), 'clipping', 1],
  'clip.zscore': [(o) => clip.zscore(o), 'zThreshold', 1],
  'clip.adaGC': [(o) => clip.adaGC(o), 'warmup', 1],
  'clip.rms': [(o) => clip.rms(1, o), 'placement', 'update'],
  'clip.spam': [(o) => clip.spam(o), 'resetEvery', 5],
  'clip.stochastic': [(o) => clip.stochastic(clip.norm(1), o), 'beta', 0.5],
  'clip.custom': [(o) => clip.custom(() => 1, o), 'normType', 1],
  'clip.tap': [(o) => clip.tap(clip.norm(1), o), 'window', 3],
  'clip.tailIndex': [
    (o) =>
      clip.tailIndex(
        Array.from({ length: 12 }, (_, i) => i + 1),
        o,
      ),
    'confidence',
    0.9,
  ],
  'clip.byNorm': [(o) => clip.byNorm(x, 1, o), 'dim', 1],
  'clip.byGlobalNorm': [(o) => clip.byGlobalNorm([x], 1, o), 'useNorm', torch.ones([])],
  // Optimizers, schedulers, tools
  ...Object.fromEntries(
    Object.entries(optim)
      .filter(([, Class]) => typeof Class === 'function' && Class.prototype instanceof optim.Optimizer)
      .map(([name, Class]): [string, Case] => [
        `optim.${name}`,
        [
          (o) => Reflect.construct(Class as never, [[param()], o]) as unknown,
          ...(['LBFGS', 'SparseAdam'].includes(name) ? (['lr', 0.5] as const) : (['maxConsecutiveSkips', 3] as const)),
        ],
      ]),
  ),
  'a parameter group': [(o) => new optim.Adam([{ params: [param()], ...(o as object) }]), 'weightDecay', 1],
  'optimizer.addParamGroup': [
    (o) =>
      sgd().addParamGroup(Object.defineProperties({ params: [param()] }, Object.getOwnPropertyDescriptors(o)) as never),
    'weightDecay',
    1,
  ],
  'optimizer.zeroGrad': [(o) => sgd().zeroGrad(o), 'setToNone', false],
  StepLR: [(o) => new lr.StepLR(sgd() as never, o), 'stepSize', 2],
  MultiStepLR: [(o) => new lr.MultiStepLR(sgd() as never, o), 'milestones', [2]],
  ConstantLR: [(o) => new lr.ConstantLR(sgd() as never, o), 'totalIters', 2],
  LinearLR: [(o) => new lr.LinearLR(sgd() as never, o), 'startFactor', 0.5],
  ExponentialLR: [(o) => new lr.ExponentialLR(sgd() as never, o), 'gamma', 0.5],
  PolynomialLR: [(o) => new lr.PolynomialLR(sgd() as never, o), 'totalIters', 5],
  CosineAnnealingLR: [(o) => new lr.CosineAnnealingLR(sgd() as never, o), 'TMax', 5],
  CosineAnnealingWarmRestarts: [(o) => new lr.CosineAnnealingWarmRestarts(sgd() as never, o), 'T0', 5],
  OneCycleLR: [
    (o) => new lr.OneCycleLR(sgd() as never, { maxLr: 1, totalSteps: 9, ...(o as object) }),
    'pctStart',
    0.5,
  ],
  CyclicLR: [(o) => new lr.CyclicLR(sgd() as never, { baseLr: 0, maxLr: 1, ...(o as object) }), 'stepSizeUp', 5],
  LambdaLR: [(o) => new lr.LambdaLR(sgd() as never, o), 'lrLambda', () => 1],
  ReduceLROnPlateau: [(o) => new lr.ReduceLROnPlateau(sgd() as never, o), 'thresholdMode', 'abs'],
  ChainedScheduler: [
    (o) => new lr.ChainedScheduler([new lr.StepLR(sgd() as never, { stepSize: 1 })], o),
    'optimizer',
    undefined,
  ],
  qkClip: [(o) => optim.qkClip(torch.ones([2]), { query: param(), key: param(), ...(o as object) }), 'tau', 5],
  // Data, files, mixed precision
  DataLoader: [(o) => new torch.data.DataLoader(dataset, o), 'batchSize', 2],
  RandomSampler: [(o) => new torch.data.RandomSampler(dataset, o), 'numSamples', 2],
  SubsetRandomSampler: [(o) => new torch.data.SubsetRandomSampler([1], o), 'generator', new torch.Generator()],
  WeightedRandomSampler: [(o) => new torch.data.WeightedRandomSampler([1], 1, o), 'replacement', true],
  randomSplit: [(o) => torch.data.randomSplit(dataset, [2, 2], o), 'generator', new torch.Generator()],
  'io.saveSafetensors': [(o) => torch.io.saveSafetensors({ x }, '/dev/null', o), 'maxShardSize', undefined],
  'io.loadSafetensors': [(o) => torch.io.loadSafetensors('/no such file', o), 'device', 'cpu'],
  autocast: [(o) => torch.autocast({ deviceType: 'cpu', ...(o as object) }, () => 1), 'cacheEnabled', true],
  GradScaler: [(o) => new torch.GradScaler({ device: 'cpu', ...(o as object) }), 'initScale', 2],
  'cuda.Stream': [(o) => new torch.cuda.Stream(o), 'priority', 0],
  'cuda.Event': [(o) => new torch.cuda.Event(o), 'enableTiming', false],
};
