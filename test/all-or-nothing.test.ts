// Every function that writes to more than one thing: where the write at any one place fails, all are as they were.
import torch, { clip, nn, optim, type Tensor } from '../lib/index.js';
import { expectUnchanged } from './unchanged.js';

const count = 3;
const places = Array.from({ length: count }, (_, i) => i);
const good = (i: number) => torch.full([2, 2], i + 1);
const expanded = () => torch.ones([1]).expand([2, 2]);
const inference = () => torch.inferenceMode(() => torch.ones([2, 2]));
const quantized = () => torch.quantizePerTensor(torch.ones([2, 2]), 0.1, 0, torch.quint8);

/** Sources that cannot be copied into a tensor. */
const badSources: Record<string, () => unknown> = {
  sparse: () => torch.eye(2).toSparse(),
  meta: () => torch.empty([2, 2], { device: 'meta' }),
  quantized,
  'of another shape': () => torch.ones([4]),
  'no tensor': () => [1, 2],
};
/** Targets that cannot be written. */
const badTargets: Record<string, () => Tensor> = { expanded, 'made in inference mode': inference };

interface Case {
  /** What goes wrong, by name. */
  faults: Record<string, () => unknown>;
  /** Something whose place `at` fails, the state that may change, and the call. */
  make(at: number, fault: () => unknown): { state: () => unknown; call: () => unknown };
}

const names = places.map((i) => `p${i}`);
const withFault = <T>(make: (i: number) => T, at: number, fault: () => unknown): T[] =>
  places.map((i) => (i === at ? (fault() as T) : make(i)));

/** A module with extra state that may refuse what begins with a word. */
class Noted extends nn.Module {
  refuses?: string;
  weight: nn.Parameter;
  constructor(
    weight: Tensor,
    private note: string,
  ) {
    super();
    this.weight = new nn.Parameter(weight);
  }
  override forward(x: Tensor): Tensor {
    return x;
  }
  override getExtraState(): unknown {
    return this.note;
  }
  override setExtraState(state: unknown): void {
    this.note = String(state);
    if (this.refuses !== undefined && this.note.startsWith(this.refuses)) raise();
  }
}

function moduleOf(parameters: Tensor[]): nn.Module {
  const module = new nn.Module();
  parameters.forEach((parameter, i) => {
    module.registerBuffer(names[i]!, parameter);
  });
  return module;
}

/** A small optimizer that has taken a step, one group per parameter. */
function trained(Class: string): optim.Optimizer {
  const groups = places.map((i) => ({ params: [new nn.Parameter(good(i))] }));
  const make = optim[Class as 'Adam'] as unknown as new (groups: object[], options: object) => optim.Optimizer;
  const optimizer = new make(groups, Class === 'SGD' ? { lr: 0.1, momentum: 0.9 } : { lr: 0.1 });
  for (const { params } of optimizer.paramGroups) for (const param of params) param.grad = torch.ones([2, 2]);
  optimizer.step();
  return optimizer;
}

const optimizerState = (optimizer: optim.Optimizer) => [
  optimizer.stateDict(),
  optimizer.paramGroups,
  optimizer.clipStats,
];

const cases: Record<string, Case> = {
  'module.loadStateDict, a source': {
    faults: badSources,
    make(at, fault) {
      const module = moduleOf(places.map(good));
      const saved = withFault((i) => good(i + 10), at, fault);
      return {
        state: () => module.stateDict(),
        call: () => module.loadStateDict(Object.fromEntries(names.map((name, i) => [name, saved[i]!]))),
      };
    },
  },
  'module.loadStateDict, a target': {
    faults: badTargets,
    make(at, fault) {
      const module = moduleOf(withFault(good, at, fault));
      const saved = Object.fromEntries(names.map((name, i) => [name, good(i + 10)]));
      return { state: () => module.stateDict(), call: () => module.loadStateDict(saved) };
    },
  },
  ...Object.fromEntries(
    ([{}, { assign: true }, { strict: false }] as const).map((options): [string, Case] => [
      `module.loadStateDict with ${JSON.stringify(options)}, setExtraState or a hook`,
      {
        faults: { setExtraState: () => 'extra', 'a hook': () => 'hook' },
        make(at, fault) {
          const layers = places.map((i) => new Noted(good(i), `note ${i}`));
          const model = new nn.Sequential(...layers);
          const saved = new nn.Sequential(...places.map((i) => new Noted(good(i + 10), `other ${i}`))).stateDict();
          if (fault() === 'extra') layers[at]!.refuses = 'other';
          else layers[at]!.registerLoadStateDictPostHook(raise);
          return {
            state: () => [model.stateDict(), layers.map(({ weight }) => weight)],
            call: () => model.loadStateDict(saved, options),
          };
        },
      },
    ]),
  ),
  'lazyModule.loadStateDict, a hook': {
    faults: { 'an exception': () => 'boom' },
    make() {
      const lazy = new nn.LazyLinear(3);
      lazy.registerLoadStateDictPostHook(raise);
      return {
        state: () => [lazy.weight.shape, lazy.weight instanceof nn.UninitializedParameter],
        call: () => lazy.loadStateDict(new nn.Linear(2, 3).stateDict()),
      };
    },
  },
  'module.to, a tensor without values': {
    faults: { meta: () => torch.empty([2, 2], { device: 'meta' }) },
    make(at, fault) {
      const module = moduleOf(withFault(good, at, fault));
      return { state: () => module.stateDict(), call: () => module.to({ device: 'cpu', dtype: torch.float64 }) };
    },
  },
  'module.requiresGrad_, integers': {
    faults: { int64: () => new nn.Parameter(torch.ones([2, 2], { dtype: torch.int64 }), false) },
    make(at, fault) {
      const module = new nn.Module();
      withFault((i) => new nn.Parameter(good(i), false), at, fault).forEach((parameter, i) => {
        module.registerParameter(names[i]!, parameter);
      });
      return { state: () => module.parameters(), call: () => module.requiresGrad_(true) };
    },
  },
  'nn.utils.vectorToParameters, a target': {
    faults: { ...badTargets, sparse: () => torch.eye(2).toSparse() },
    make(at, fault) {
      const targets = withFault(good, at, fault);
      return { state: () => targets, call: () => nn.utils.vectorToParameters(torch.zeros([4 * count]), targets) };
    },
  },
  ...Object.fromEntries(
    ['SGD', 'Adam', 'Adafactor', 'AdamWScheduleFree', 'ClippedSSTM'].map((Class): [string, Case] => [
      `optimizer.loadStateDict, ${Class}: a state tensor`,
      {
        faults: { 'of another shape': () => torch.ones([5]), 'no tensor': () => 'x' },
        make(at, fault) {
          const optimizer = trained(Class);
          const saved = trained(Class).stateDict();
          const state = saved.state[at]!;
          const slot = Object.keys(state).find((name) => name !== 'step')!;
          state[slot] = fault() as Tensor;
          return { state: () => optimizerState(optimizer), call: () => optimizer.loadStateDict(saved) };
        },
      },
    ]),
  ),
  ...Object.fromEntries(
    ['SGD', 'Adam', 'Adafactor', 'AdamWScheduleFree', 'ClippedSSTM'].map((Class): [string, Case] => [
      `optimizer.loadStateDict, ${Class}: a hook`,
      {
        faults: { 'an exception': () => 'boom' },
        make(at) {
          const optimizer = trained(Class);
          const other = trained(Class);
          other.paramGroups[at]!.lr = 0.5;
          other.step();
          optimizer.registerLoadStateDictPostHook(raise);
          return { state: () => optimizerState(optimizer), call: () => optimizer.loadStateDict(other.stateDict()) };
        },
      },
    ]),
  ),
  'optimizer.loadStateDict, an option': {
    faults: { 'a string': () => 'fast', null: () => null, negative: () => -1, absent: () => undefined },
    make(at, fault) {
      const optimizer = trained('Adam');
      const saved = trained('Adam').stateDict();
      saved.param_groups[at]!.lr = fault();
      return { state: () => optimizerState(optimizer), call: () => optimizer.loadStateDict(saved) };
    },
  },
  'a step under a custom clipper, the coefficient of a group': {
    faults: { 'an exception': () => 'boom', NaN: () => NaN },
    make(at, fault) {
      const params = places.map((i) => new nn.Parameter(good(i)));
      const groups = params.map((param) => ({ params: [param] }));
      const decide = ({ unit }: { unit: number }) => {
        if (unit !== at) return 0.5;
        const wrong = fault();
        if (wrong === 'boom') throw new Error('boom');
        return wrong as number;
      };
      const optimizer = new optim.SGD(groups, {
        lr: 0.1,
        momentum: 0.9,
        clip: clip.custom(decide, { scope: 'group' }),
        writeBack: true,
      });
      for (const param of params) param.grad = torch.ones([2, 2]);
      return { state: () => [params, params.map((p) => p.grad), optimizer.stateDict()], call: () => optimizer.step() };
    },
  },
  'Expectigrad, a learning rate of a group': {
    faults: { 'an exception': () => 'boom', NaN: () => NaN },
    make(at, fault) {
      const params = places.map((i) => new nn.Parameter(good(i)));
      const rate = (i: number) => (i === at ? () => (fault() === 'boom' ? raise() : NaN) : () => 0.01);
      const optimizer = new optim.Expectigrad(params.map((param, i) => ({ params: [param], lr: rate(i) })));
      for (const param of params) param.grad = torch.ones([2, 2]);
      return { state: () => [params, optimizer.paramGroups, optimizer.stateDict()], call: () => optimizer.step() };
    },
  },
  'Restarter.loadStateDict, a mean': {
    faults: { 'of another shape': () => torch.ones([5]), 'no tensor': () => 1 },
    make(at, fault) {
      const params = places.map((i) => new nn.Parameter(good(i)));
      const make = () => {
        const restarter = new optim.Restarter(new optim.Adam(params, { lr: 0.1 }));
        for (const param of params) param.grad = torch.ones([2, 2]);
        restarter.step();
        return restarter;
      };
      const [restarter, saved] = [make(), make().stateDict()];
      saved.mean![at] = fault() as Tensor;
      return {
        state: () => [params, restarter.stateDict()],
        call: () => restarter.loadStateDict(saved),
      };
    },
  },
  'scheduler.loadStateDict, a field': {
    faults: { 'a string': () => 'x', 'no value': () => undefined, NaN: () => NaN },
    make(at, fault) {
      const optimizer = trained('SGD');
      const make = () =>
        new optim.lrScheduler.ChainedScheduler(
          places.map((i) => new optim.lrScheduler.StepLR(optimizer, { stepSize: i + 1 })),
        );
      const [scheduler, saved] = [make(), make().stateDict()];
      (saved._schedulers as Record<string, unknown>[])[at]!.gamma = fault();
      return {
        state: () => [optimizerState(optimizer), scheduler.stateDict()],
        call: () => scheduler.loadStateDict(saved),
      };
    },
  },
  'scaler.loadStateDict, a number': {
    faults: { 'a string': () => 'x', 'no value': () => undefined, NaN: () => NaN, negative: () => -1 },
    make(at, fault) {
      const scaler = new torch.GradScaler({ device: 'cpu' });
      scaler.scale(torch.ones([]));
      const saved = { ...scaler.stateDict(), scale: 2 } as Record<string, unknown>;
      saved[['scale', 'growth_factor', '_growth_tracker'][at]!] = fault();
      return { state: () => scaler.stateDict(), call: () => scaler.loadStateDict(saved as never) };
    },
  },
  'ParameterDict.update, an entry': {
    faults: { 'no tensor': () => 1, 'integers that cannot train': () => torch.ones([2], { dtype: torch.int64 }) },
    make(at, fault) {
      const dict = new nn.ParameterDict({ p1: good(7) });
      const values = withFault(good, at, fault as () => Tensor);
      return {
        state: () => dict.entries(),
        call: () => dict.update(new Map(names.map((name, i) => [name, values[i]!]))),
      };
    },
  },
  'ModuleDict.update, a name': {
    faults: { 'with a dot': () => 'a.b', 'of a method': () => 'forward' },
    make(at, fault) {
      const dict = new nn.ModuleDict<Record<string, nn.TensorModule>>({ p0: new nn.Linear(2, 2) });
      const keys = withFault((i) => names[i]!, at, fault);
      return {
        state: () => dict.entries().map(([name, module]) => [name, module.parameters()]),
        call: () => dict.update(keys.map((key) => [key, new nn.Linear(2, 2)] as const)),
      };
    },
  },
  'ParameterList.extend, an element': {
    faults: { 'no tensor': () => 1, 'integers that cannot train': () => torch.ones([2], { dtype: torch.int64 }) },
    make(at, fault) {
      const list = new nn.ParameterList([good(7)]);
      const values = withFault(good, at, fault as () => Tensor);
      return { state: () => [...list], call: () => list.extend(values) };
    },
  },
  'registerParametrization, its functions': {
    faults: {
      'forward of another shape': () => 'sum',
      'forward of another dtype': () => 'double',
      'forward throws': () => 'boom',
    },
    make(_, fault) {
      const name = fault() as string;
      const layer = new nn.Linear(2, 2);
      class Wrong extends nn.Module {
        override forward(x: Tensor): Tensor {
          return name === 'sum' ? x.sum() : name === 'double' ? x.double() : raise();
        }
        rightInverse(x: Tensor): Tensor {
          return x.mul(2);
        }
      }
      const { weight } = layer;
      return {
        state: () => [layer.stateDict(), weight, weight === layer.weight, String(layer)],
        call: () => nn.utils.parametrize.registerParametrization(layer, 'weight', new Wrong()),
      };
    },
  },
  ...Object.fromEntries(
    (['avgFn', 'multiAvgFn'] as const).map((option): [string, Case] => [
      `AveragedModel.updateParameters, ${option}`,
      {
        faults: { 'an exception': () => 'boom' },
        make(at) {
          const model = moduleOf([]);
          places.forEach((i) => {
            // Each dtype is averaged in a call of its own.
            const dtype = [torch.float32, torch.float64, torch.bfloat16][i]!;
            model.registerParameter(names[i]!, new nn.Parameter(good(i).to({ dtype })));
          });
          let call = 0;
          const next = () => call++ === at && raise();
          const averaged = new optim.swaUtils.AveragedModel(
            model,
            option === 'avgFn'
              ? {
                  avgFn: (mean, current) => {
                    next();
                    return mean.add(current);
                  },
                }
              : {
                  multiAvgFn: (means) => {
                    for (const mean of means) mean.add_(5);
                    next();
                  },
                },
          );
          averaged.updateParameters(model);
          return { state: () => averaged.stateDict(), call: () => averaged.updateParameters(model) };
        },
      },
    ]),
  ),
  'swaUtils.updateBn, a batch': {
    faults: { 'no tensor': () => 1, 'of another shape': () => torch.ones([5]), 'an exception': () => 'boom' },
    make(at, fault) {
      const model = new nn.Sequential(new nn.BatchNorm1d(2), new nn.BatchNorm1d(2, { momentum: 0.3 }));
      model.forward(torch.randn([4, 2]));
      model.eval();
      function* batches() {
        for (const batch of withFault(good, at, fault as () => Tensor)) {
          if ((batch as unknown) === 'boom') raise();
          yield batch;
        }
      }
      return {
        state: () => [model.stateDict(), model.training, String(model)],
        call: () => optim.swaUtils.updateBn(batches(), model),
      };
    },
  },
  'nn.utils.clipGradNorm_, a gradient that is NaN': {
    faults: { NaN: () => torch.full([2, 2], NaN) },
    make(at, fault) {
      const params = places.map((i) => new nn.Parameter(good(i)));
      const grads = withFault(() => torch.full([2, 2], 9), at, fault);
      params.forEach((param, i) => {
        param.grad = grads[i]!;
      });
      return {
        state: () => params.map(({ grad }) => grad),
        call: () => nn.utils.clipGradNorm_(params, 1, { errorIfNonfinite: true }),
      };
    },
  },
  'nn.utils.clipGradValue_, a parameter': {
    faults: { 'no tensor': () => 1 },
    make(at, fault) {
      const params = places.map((i) => new nn.Parameter(good(i)));
      for (const param of params) param.grad = torch.full([2, 2], 9);
      const given = withFault<unknown>((i) => params[i]!, at, fault);
      return { state: () => params.map(({ grad }) => grad), call: () => nn.utils.clipGradValue_(given as Tensor[], 1) };
    },
  },
  'qkClip, a weight': {
    faults: { 'of rows that the heads do not share': () => torch.ones([3, 2]), 'no tensor': () => 1 },
    make(at, fault) {
      const weights = withFault<Tensor>((i) => torch.full([2, 2], i + 1), at, fault as () => Tensor);
      return {
        state: () => weights,
        call: () => optim.qkClip(torch.full([2], 1e3), { query: weights, key: torch.ones([2, 2]), tau: 1 }),
      };
    },
  },
  'optimizer.addParamGroup, a parameter': {
    faults: { 'an integer tensor': () => torch.ones([2], { dtype: torch.int64 }), 'no tensor': () => 1, expanded },
    make(at, fault) {
      const optimizer = trained('SGD');
      const params = withFault((i) => new nn.Parameter(good(i)) as Tensor, at, fault);
      return { state: () => optimizerState(optimizer), call: () => optimizer.addParamGroup({ params }) };
    },
  },
};

function raise(): never {
  throw new Error('boom');
}

describe('all or nothing', () => {
  for (const [name, { faults, make }] of Object.entries(cases)) {
    for (const [what, fault] of Object.entries(faults)) {
      for (const at of places) {
        it(`${name}: ${what} at ${at}`, () => {
          const { state, call } = make(at, fault);
          expectUnchanged(state, call);
        });
      }
    }
  }
});
