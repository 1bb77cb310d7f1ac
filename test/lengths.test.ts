// An array of four billion holes, wherever a list is expected: refused at once, since walking it would take minutes.
import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor, TorchClipError } from '../lib/index.js';

const holes = new Array(2 ** 32 - 1) as never;
const claim = { length: 2 ** 32 - 1, 0: 1 } as never;
const x = torch.ones([2, 3]);
const p = new nn.Parameter(torch.ones([2]));
const sgd = () => new optim.SGD([p], { lr: 0.1, momentum: 0.9 }) as never;
const adam = () => new optim.Adam([p]);
const lr = optim.lrScheduler;
const step = () => new lr.StepLR(sgd(), { stepSize: 1 });
type Dict = Record<string, unknown>;

/** A state dict in which one list is too long. */
function damaged<T extends { stateDict(): unknown; loadStateDict(saved: never): unknown }>(
  owner: T,
  damage: (saved: Dict & { param_groups: Dict[]; clip: { stages: unknown } }) => void,
): unknown {
  const saved = owner.stateDict() as never;
  damage(saved);
  return owner.loadStateDict(saved);
}

class Holes extends torch.autograd.Function {
  static forward(_: torch.autograd.FunctionContext, __: Tensor): Tensor {
    return holes;
  }
}
class HolesBack extends torch.autograd.Function {
  static forward(_: torch.autograd.FunctionContext, y: Tensor): Tensor {
    return y.mul(2);
  }
  static backward(): Tensor {
    return holes;
  }
}

class Own extends optim.Optimizer<{ lr?: number }> {
  constructor() {
    super([p], { lr: 0.1 });
  }
  override step(): never {
    throw new Error('it is never called');
  }
}

const calls: Record<string, () => unknown> = {
  'clip.tailIndex': () => clip.tailIndex(holes),
  'clip.tailIndex of an object': () => clip.tailIndex(claim),
  'clip.byGlobalNorm': () => clip.byGlobalNorm(holes, 1),
  'clip.byNorm': () => clip.byNorm(x, 1, { dim: holes }),
  MultiStepLR: () => new lr.MultiStepLR(sgd(), { milestones: holes }),
  SequentialLR: () => new lr.SequentialLR(sgd(), { schedulers: holes, milestones: [] }),
  'SequentialLR, milestones': () => new lr.SequentialLR(step().optimizer, { schedulers: [step()], milestones: holes }),
  ChainedScheduler: () => new lr.ChainedScheduler(holes),
  LambdaLR: () => new lr.LambdaLR(sgd(), { lrLambda: holes }),
  OneCycleLR: () => new lr.OneCycleLR(sgd(), { maxLr: holes, totalSteps: 5 }),
  CyclicLR: () => new lr.CyclicLR(sgd(), { baseLr: holes, maxLr: 1 }),
  ReduceLROnPlateau: () => new lr.ReduceLROnPlateau(sgd(), { minLr: holes }),
  'a scheduler, base_lrs': () => damaged(step(), (saved) => (saved.base_lrs = holes)),
  'a scheduler, _schedulers': () => damaged(new lr.ChainedScheduler([step()]), (saved) => (saved._schedulers = holes)),
  'a scheduler, phases': () =>
    damaged(new lr.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 5 }), (saved) => (saved._schedule_phases = holes)),
  'an optimizer, param_groups': () => damaged(adam(), (saved) => (saved.param_groups = holes)),
  'an optimizer, params': () => damaged(adam(), (saved) => (saved.param_groups[0]!.params = holes)),
  'an optimizer, heap': () =>
    damaged(
      new optim.ClippedSGD([p], { lr: 0.1, clippingType: 'auto_clip', reference: true } as never),
      (saved) => ((saved.reference as Dict).heap = holes),
    ),
  'an optimizer, betas': () => damaged(adam(), (saved) => (saved.param_groups[0]!.betas = holes)),
  'Muon, params': () =>
    damaged(new optim.Muon([new nn.Parameter(x)]), (saved) => (saved.param_groups[0]!.params = holes)),
  'a clipper, stages': () =>
    damaged(new optim.SGD([p], { lr: 0.1, clip: clip.auto() }), (saved) => (saved.clip.stages = holes)),
  parameters: () => new optim.SGD(holes),
  'a group': () => new optim.SGD([{ params: holes }]),
  betas: () => new optim.Adam([p], { betas: holes }),
  'betas that are assigned': () => {
    const optimizer = adam();
    optimizer.paramGroups[0]!.betas = holes;
    optimizer.step();
  },
  collate: () => torch.data.collate(holes),
  'collate, a sample': () => torch.data.collate([holes, holes]),
  Subset: () => new torch.data.Subset({ length: 4, get: () => 1 }, holes),
  SubsetRandomSampler: () => [...new torch.data.SubsetRandomSampler(holes)],
  WeightedRandomSampler: () => new torch.data.WeightedRandomSampler(holes, 1),
  randomSplit: () => torch.data.randomSplit({ length: 4, get: () => 1 }, holes),
  'TensorDataset.getBatch': () => new torch.data.TensorDataset(x).getBatch(holes),
  zeros: () => torch.zeros(holes),
  full: () => torch.full(holes, 1),
  reshape: () => x.reshape(holes),
  permute: () => x.permute(holes),
  tensor: () => torch.tensor(holes),
  'tensor, a row': () => torch.tensor([holes]),
  fromTypedArray: () => torch.fromTypedArray(new Float32Array(2), { shape: holes }),
  cat: () => torch.cat(holes),
  sum: () => x.sum(holes),
  index: () => x.index(holes),
  'index, an array': () => x.index([holes]),
  'autograd.backward': () => torch.autograd.backward(holes),
  'autograd.grad': () => torch.autograd.grad(holes, p),
  'autograd.grad, gradOutputs': () => torch.autograd.grad(p.sum(), p, { gradOutputs: holes }),
  'backward, inputs': () => p.sum().backward({ inputs: holes }),
  gradcheck: () => torch.autograd.gradcheck(() => x, holes),
  ModuleList: () => new nn.ModuleList(holes),
  ModuleDict: () => new nn.ModuleDict(holes),
  Sequential: () => new nn.Sequential(holes),
  normalize: () => nn.functional.normalize(x, { dim: holes }),
  'a batch sampler': () => [
    ...new torch.data.DataLoader({ length: 4, get: () => 1 }, { batchSampler: [holes] as never }),
  ],
  'CSV, the names of columns': () => new torch.data.CsvDataset('/dev/null', { columns: holes }),
  'CSV, the header': () => new torch.data.CsvDataset('/dev/null', { header: holes }),
  'a state of its own, an array': () => damaged(new Own(), (saved) => (saved.state = { 0: { entry: holes } })),
  Conv2d: () => new nn.Conv2d(1, 1, holes),
  LayerNorm: () => new nn.LayerNorm(holes),
  Unflatten: () => new nn.Unflatten(0, holes),
  interpolate: () => nn.functional.interpolate(torch.ones([1, 1, 4, 4]), { size: holes }),
  pad: () => nn.functional.pad(x, holes),
  ctcLoss: () => nn.functional.ctcLoss(torch.ones([2, 1, 2]), torch.ones([1, 1]), holes, holes),
  vectorToParameters: () => nn.utils.vectorToParameters(x.flatten(), holes),
  parametersToVector: () => nn.utils.parametersToVector(holes),
  clipGradNorm_: () => nn.utils.clipGradNorm_(holes, 1),
  'GradScaler.scale': () => new torch.GradScaler({ device: 'cpu' }).scale(holes),
  qkClip: () => optim.qkClip(torch.ones([2]), { query: holes, key: holes }),
  estimateLipschitz: () => optim.estimateLipschitz({ params: holes, batches: [1], closure: () => x }),
  saveSafetensors: () => torch.io.saveSafetensors(holes, '/dev/null'),
  'module.loadStateDict': () => new nn.Linear(1, 1).loadStateDict(holes),
  'func.jvp': () => torch.func.jvp((y: Tensor) => y, holes, holes),
  'func.functionalCall': () => torch.func.functionalCall(new nn.Linear(1, 1), {}, holes),
  'func.functionalCall, states': () => torch.func.functionalCall(new nn.Linear(1, 1), holes, [x]),
  'func.stackModuleState': () => torch.func.stackModuleState(holes),
  'func.grad of an argument': () => torch.func.grad((_: unknown) => x.sum())(holes),
  vmap: () => torch.vmap((y: unknown) => y as Tensor)(holes),
  'autograd.functional.jacobian': () => torch.autograd.functional.jacobian((y: Tensor) => y, holes),
  'autograd.functional.jvp': () => torch.autograd.functional.jvp((y: Tensor) => y, holes, x),
  'autograd.functional.vjp, v': () => torch.autograd.functional.vjp((y: Tensor) => y, x, holes),
  'autograd.functional.vhp': () => torch.autograd.functional.vhp((y: Tensor) => y.sum(), x, holes),
  checkpoint: () => torch.utils.checkpoint.checkpoint((y: Tensor) => y, holes),
  checkpointSequential: () => torch.utils.checkpoint.checkpointSequential(holes, 2, x),
  'Function.forward': () => Holes.apply(p),
  'Function.backward': () => HolesBack.apply(p).sum().backward(),
  'a forward pre-hook': () => {
    const layer = new nn.Linear(3, 1);
    layer.registerForwardPreHook(() => holes);
    layer.call(x);
  },
  defaultConvert: () => torch.data.defaultConvert(holes),
  StackDataset: () => new torch.data.StackDataset(holes),
  ChainDataset: () => new torch.data.ChainDataset(holes),
  ConcatDataset: () => new torch.data.ConcatDataset(holes),
  'cuda.makeGraphedCallables': () => torch.cuda.makeGraphedCallables(holes, holes),
};

describe('an array of four billion holes', () => {
  for (const [name, call] of Object.entries(calls)) {
    it(`${name} refuses it`, () => {
      expect(call).throw(TorchClipError);
    });
  }

  it('torch.scope gives it back', () => {
    expect(torch.scope(() => holes)).equal(holes);
    expect(torch.scope(() => ({ holes }))).deep.property('holes', holes);
  });
});
