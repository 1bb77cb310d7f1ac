// Functions that the package is given: a class cannot be called, and nothing waits for a promise.
import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor } from '../lib/index.js';
import { refusalOf } from './support.js';

const { autograd, data, utils } = torch;
const lr = optim.lrScheduler;
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
  'profiler, onTraceReady': (f) => torch.profiler.profile(() => 1, { onTraceReady: f }),
  'profiler, schedule': (f) => new torch.profiler.Profile({ schedule: f }).start(),
  'a loader in a plain loop, collate': (f) => [...new data.DataLoader([1, 2], { collate: f })],
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
      expect(message).match(/must be a (synchronous )?function.*, got .*a class/);
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

  it('may be one of the language’s own, or a function that is used as a class elsewhere', () => {
    expect(new lr.LambdaLR(sgd(), { lrLambda: Number }).getLastLr()).deep.equal([0]);
    function Old() {
      return 1;
    }
    expect(torch.noGrad(Old)).equal(1);
  });
});
