// Functions that the package is given: a class cannot be called, and nothing waits for a promise.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor } from '../lib/index.js';
import { refusalOf } from './support.js';

const { autograd, data, utils } = torch;
const lr = optim.lrScheduler;
const { parametrize } = nn.utils;
type Given = never;

const leaf = () => torch.ones([2], { requiresGrad: true });
const sgd = (options: object = {}) => {
  const p = leaf();
  p.grad = torch.ones([2]);
  return new optim.SGD([p], { lr: 0.1, ...options });
};
const called = (module: nn.ReLU, hook: (module: nn.ReLU) => void): Tensor => {
  hook(module);
  return module.call(torch.ones([1]));
};

type Callable = { call(x: Tensor): unknown };

/** A module whose forward is what is given. */
class Of extends nn.Module {
  weight = new nn.Parameter(torch.ones([2]));
  norm = new nn.BatchNorm1d(2);
  constructor(override readonly forward: Given) {
    super();
  }
}
const compare = (options: object) =>
  optim.compare({
    model: () => new nn.Linear(2, 1),
    optimizers: { sgd: (params) => new optim.SGD(params, { lr: 0.1 }) },
    data: [torch.ones([1, 2])],
    loss: (model, x: Tensor) => model.call(x).sum(),
    epochs: 1,
    ...options,
  });
const row = () => torch.ones([1, 2], { requiresGrad: true });
const sequence = () => torch.ones([1, 1, 2]);
/** An `autograd.Function` with some members that are given. */
const apply = (members: object, x: Tensor = leaf()): Tensor => {
  class Own extends autograd.Function {
    static forward(y: Tensor): Tensor {
      return y.mul(2);
    }
    static setupContext(): void {}
    static backward(_: unknown, gradient: Tensor): Tensor {
      return gradient;
    }
  }
  Object.assign(Own, members);
  return (Own as unknown as { apply(y: Tensor): Tensor }).apply(x);
};

/** Every place that takes a function and does not wait for it, with a call that gives it one and has it called. */
const places: Record<string, (given: Given) => unknown> = {
  'x.registerHook': (f) => {
    const y = leaf().mul(2);
    y.registerHook(f);
    y.sum().backward();
  },
  'x.registerPostAccumulateGradHook': (f) => {
    const x = leaf();
    x.registerPostAccumulateGradHook(f);
    x.sum().backward();
  },
  'autograd.graph.registerMultiGradHook': (f) => {
    const x = leaf();
    autograd.graph.registerMultiGradHook([x], f);
    x.sum().backward();
  },
  savedTensorsHooks: (f) => autograd.graph.savedTensorsHooks(f, f, () => leaf().sin()),
  'autograd.functional.jacobian': (f) => autograd.functional.jacobian(f, leaf()),
  gradcheck: (f) => autograd.gradcheck(f, [torch.ones([1], { dtype: torch.float64, requiresGrad: true })]),
  detectAnomaly: (f) => autograd.detectAnomaly(f),
  noGrad: (f) => torch.noGrad(f),
  inferenceMode: (f) => torch.inferenceMode(f),
  autocast: (f) => torch.autocast({ deviceType: 'cpu' }, f),
  scope: (f) => torch.scope(f),
  checkpoint: (f) => utils.checkpoint.checkpoint(f, [leaf()] as Given),
  'module.apply': (f) => new nn.ReLU().apply(f),
  'module.registerForwardHook': (f) => called(new nn.ReLU(), (module) => module.registerForwardHook(f)),
  'module.registerForwardPreHook': (f) => called(new nn.ReLU(), (module) => module.registerForwardPreHook(f)),
  'module.registerLoadStateDictPostHook': (f) => {
    const module = new nn.Linear(1, 1);
    module.registerLoadStateDictPostHook(f);
    module.loadStateDict(module.stateDict());
  },
  'optimizer.step': (f) => sgd().step(f),
  'optimizer.registerStepPostHook': (f) => {
    const optimizer = sgd();
    optimizer.registerStepPostHook(f);
    optimizer.step();
  },
  'optimizer.registerStepPreHook': (f) => {
    const optimizer = sgd();
    optimizer.registerStepPreHook(f);
    optimizer.step();
  },
  'optimizer.registerStateDictPreHook': (f) => {
    const optimizer = sgd();
    optimizer.registerStateDictPreHook(f);
    optimizer.stateDict();
  },
  'clip.custom': (f) => sgd({ clip: clip.custom(f) }).step(),
  'LBFGS.step': (f) => new optim.LBFGS([leaf()]).step(f),
  LambdaLR: (f) => new lr.LambdaLR(sgd(), { lrLambda: f }),
  MultiplicativeLR: (f) => new lr.MultiplicativeLR(sgd(), { lrLambda: f }).step(),
  CyclicLR: (f) => new lr.CyclicLR(sgd({ momentum: 0.9 }), { baseLr: 0.1, maxLr: 1, scaleFn: f }).step(),
  'Expectigrad, lr': (f) => {
    const p = leaf();
    p.grad = torch.ones([2]);
    new optim.Expectigrad([p], { lr: f }).step();
  },
  'AveragedModel, avgFn': (f) => {
    const model = new nn.Linear(1, 1);
    const averaged = new optim.swaUtils.AveragedModel(model, { avgFn: f });
    averaged.updateParameters(model);
    averaged.updateParameters(model);
  },
  'module.registerStateDictPreHook': (f) => {
    const module = new nn.Linear(1, 1);
    module.registerStateDictPreHook(f);
    module.stateDict();
  },
  'optim.compare, model': (f) => compare({ model: f }),
  'optim.compare, optimizers': (f) => compare({ optimizers: { sgd: f } }),
  'optim.compare, data': (f) => compare({ data: f }),
  'optim.compare, loss': (f) => compare({ loss: f }),
  'optim.compare, metric': (f) => compare({ metric: f }),
  'optim.estimateLipschitz': (f) => optim.estimateLipschitz({ params: [leaf()], closure: f, batches: [1] }),
  'TripletMarginWithDistanceLoss, distanceFunction': (f) =>
    new nn.TripletMarginWithDistanceLoss({ distanceFunction: f }).call(row(), row(), row()),
  'TransformerEncoderLayer, activation': (f) =>
    new nn.TransformerEncoderLayer(2, 1, { activation: f, dimFeedforward: 2 }).call(sequence()),
  'TransformerDecoderLayer, activation': (f) =>
    new nn.TransformerDecoderLayer(2, 1, { activation: f, dimFeedforward: 2 }).call(sequence(), sequence()),
  'load, mapLocation': (f) => {
    const folder = mkdtempSync(join(tmpdir(), 'torch-clip-test-'));
    try {
      torch.save(torch.ones([1]), join(folder, 'a.pt'));
      torch.load(join(folder, 'a.pt'), { mapLocation: f });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  'distributions.bijectTo.register': (f) => {
    const { bijectTo, constraints } = torch.distributions;
    class Own extends constraints.Real {}
    bijectTo.register(Own as never, f);
    bijectTo(new Own());
  },
  'distributions.registerKl': (f) => {
    const { klDivergence, Normal, registerKl } = torch.distributions;
    class Own extends Normal {}
    registerKl(Own, Own, f);
    klDivergence(new Own(0, 1), new Own(0, 1));
  },
  'torch.func.vmap': (f) => torch.func.vmap(f)(leaf()),
  'parametrize.cached within another': (f) => parametrize.cached(() => parametrize.cached(f)),
  'profiler, onTraceReady': (f) => torch.profiler.profile(() => 1, { onTraceReady: f }),
  'profiler, schedule': (f) => new torch.profiler.Profile({ schedule: f }).start(),
  'a loader in a plain loop, collate': (f) => [...new data.DataLoader([1, 2], { collate: f })],
};

/** Likewise for a member of a class, which is looked at when it is called. */
const members: Record<string, (given: Given) => unknown> = {
  'updateBn, forward of the model': (f) => optim.swaUtils.updateBn([row()], new Of(f)),
  'a parametrization, forward': (f) => parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Of(f)),
  'an unsafe parametrization, forward': (f) =>
    parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Of(f), { unsafe: true }).weight,
  'Sequential, forward of a module': (f) =>
    (new nn.Sequential(new Of(f), new nn.ReLU()) as nn.Module as Callable).call(row()),
  checkpointSequential: (f) => utils.checkpoint.checkpointSequential([f, (x: Tensor) => x.mul(2)], 1, row()),
  'checkpointSequential, in a segment': (f) => utils.checkpoint.checkpointSequential([f, new nn.ReLU()], 2, row()),
  'autograd.Function, setupContext': (f) => apply({ setupContext: f }),
  'autograd.Function, setupContext under vmap': (f) =>
    torch.func.vmap((x: Tensor) => apply({ setupContext: f, generateVmapRule: true }, x))(leaf()),
  'autograd.Function, backward': (f) => apply({ backward: f }).sum().backward(),
  'autograd.Function, jvp': (f) =>
    autograd.forwardAd.dualLevel(() => apply({ jvp: f }, autograd.forwardAd.makeDual(leaf(), torch.ones([2])))),
  'autograd.Function, vmap': (f) => torch.func.vmap((x: Tensor) => apply({ vmap: f }, x))(leaf()),
  functionalCall: (f) => nn.utils.stateless.functionalCall(new Of(f), {}, [row()] as never),
};

/** What nobody waited for, once the microtasks are done. Mocha's own listeners are put aside, which would let it pass. */
async function unhandledOf(act: () => void): Promise<unknown[]> {
  const others = process.listeners('unhandledRejection');
  const found: unknown[] = [];
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => found.push(reason));
  try {
    act();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
  return found;
}

describe('a function that is given', () => {
  for (const [name, give] of Object.entries(places)) {
    it(`${name}: a class is refused in a sentence`, () => {
      const { message } = refusalOf(() => give(class Mistaken {} as Given));
      expect(message).match(/must be .*(function|iterable).*, got .*a class/);
    });

    it(`${name}: an async function is refused, and its promise let go`, async () => {
      const unhandled = await unhandledOf(() => {
        const { message } = refusalOf(() =>
          give((async () => {
            throw new Error('nobody waits for this');
          }) as Given),
        );
        expect(message.split('. ')).length(1);
      });
      expect(unhandled).deep.equal([]);
    });

    it(`${name}: a promise that it returns is not a result, and is let go`, async () => {
      const unhandled = await unhandledOf(() => {
        refusalOf(() => give((() => Promise.reject(new Error('nobody waits for this'))) as Given));
      });
      expect(unhandled).deep.equal([]);
    });
  }

  for (const [name, give] of Object.entries(members)) {
    const functions = {
      'an async function': async () => {
        throw new Error('nobody waits for this');
      },
      'a function that returns a promise': () => Promise.reject(new Error('nobody waits for this')),
    };
    for (const [what, f] of Object.entries(functions)) {
      it(`${name}: ${what} is refused, and its promise let go`, async () => {
        const unhandled = await unhandledOf(() => {
          expect(refusalOf(() => give(f as Given)).message).match(/promise|async|Promise/);
        });
        expect(unhandled).deep.equal([]);
      });
    }
  }

  it('may be one of the language’s own, or a function that is used as a class elsewhere', () => {
    expect(new lr.LambdaLR(sgd(), { lrLambda: Number }).getLastLr()).deep.equal([0]);
    function Old() {
      return 1;
    }
    expect(torch.noGrad(Old)).equal(1);
  });
});
