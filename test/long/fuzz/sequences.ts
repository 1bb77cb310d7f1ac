// Sequences of valid calls in odd states: what one call leaves behind is what the next one meets, hooks and closures run
// other calls in the middle of one, and tensors go at any time.
import torch, { type Tensor } from '../../../lib/index.js';
import { fault } from './faults.js';
import type { Random } from './random.js';
import { Thrown } from './values.js';

const { autograd, clip, nn, optim } = torch;

/** What the calls of a sequence share. */
class World {
  readonly tensors: Tensor[] = [];
  readonly modules: torch.nn.Module[] = [];
  readonly optimizers: torch.optim.Optimizer[] = [];
  readonly hooks: { remove(): void }[] = [];
  readonly pending: Promise<unknown>[] = [];
  readonly states: unknown[] = [];
  readonly log: string[] = [];
  /** How many calls are under way inside one another. */
  depth = 0;
  readonly r: Random;

  constructor(r: Random) {
    this.r = r;
  }

  tensor(): Tensor {
    if (this.tensors.length === 0 || this.r.chance(0.15)) this.keep(create(this.r));
    return this.r.pick(this.tensors);
  }

  keep<T>(value: T): T {
    if (value instanceof torch.Tensor && value.numel() < 1e5) {
      this.tensors.push(value);
      if (this.tensors.length > 24) this.tensors.splice(this.r.below(this.tensors.length), 1);
    }
    return value;
  }

  /** Some calls from inside of a hook, a closure or a scope. */
  some(): void {
    if (this.depth > 3) return;
    for (let i = this.r.below(3); i > 0; i--) act(this);
  }
}

const shapeOf = (r: Random) => r.times(r.below(4), () => r.pick([0, 1, 2, 2, 3, 5]));

function create(r: Random): Tensor {
  const shape = r.chance(0.6) ? r.pick([[], [1], [3], [2, 3], [3, 3], [4, 3]]) : shapeOf(r);
  const requiresGrad = r.chance(0.4);
  const dtype = r.pick([torch.float32, torch.float32, torch.float32, torch.float64, torch.bfloat16, torch.complex64]);
  switch (r.below(8)) {
    case 0:
      return torch.zeros(shape, { dtype, requiresGrad });
    case 1:
      return torch.ones(shape, { dtype, requiresGrad });
    case 2:
      return torch.randn(shape, { dtype, requiresGrad });
    case 3:
      return torch.empty(shape, { dtype: torch.int64 }).zero_();
    case 4:
      return torch.tensor([1, 2, 3], { dtype, requiresGrad });
    case 5:
      return torch.eye(3, { dtype }).toSparse().requiresGrad_(requiresGrad);
    case 6:
      return r.chance(0.5)
        ? torch.quantizePerTensor(torch.ones(shape), 0.1, 0, torch.quint8)
        : torch.empty(shape, { dtype, device: 'meta' });
    default:
      return torch.full(shape, 0.5, { dtype, requiresGrad });
  }
}

type Action = (w: World) => unknown;

const unary = [
  'neg',
  'relu',
  'exp',
  'sin',
  'sum',
  'mean',
  'abs',
  'clone',
  'detach',
  'contiguous',
  'alias',
  't',
] as const;
const binary = ['add', 'sub', 'mul', 'div', 'matmul', 'maximum', 'where'] as const;
type Method = (...args: unknown[]) => unknown;
const call = (t: Tensor, name: string, ...args: unknown[]): unknown =>
  (t as unknown as Record<string, Method>)[name]!.apply(t, args);

/** Whole collections take longer than whole sequences. */
const collect = (w: World): void => {
  if (w.r.chance(0.1)) torch.collectGarbage();
};

const hookBodies: ((w: World, own: { remove(): void }[]) => (grad: Tensor) => Tensor | undefined)[] = [
  () => (g) => g.mul(2),
  () => () => undefined,
  (w) => () => {
    w.some();
    return undefined;
  },
  (_, own) => (g) => {
    for (const handle of own) handle.remove();
    return g.mul(3);
  },
  (w) => () => {
    for (const handle of w.hooks) handle.remove();
    return undefined;
  },
  (w) => (g) => {
    w.tensor().dispose();
    g.dispose();
    return undefined;
  },
  (w) => () => {
    const t = w.tensor();
    if (t.requiresGrad) w.hooks.push(t.registerHook(() => undefined));
    return undefined;
  },
  (w) => () => torch.enableGrad(() => w.tensor().mul(2)),
  () => () => {
    throw new Thrown('from a hook');
  },
  (w) => () => {
    collect(w);
    return undefined;
  },
];

/** A function whose backward pass runs other calls. */
class Odd extends autograd.Function {
  static forward(ctx: torch.autograd.FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    Odd.inside?.();
    return x.mul(2);
  }
  static backward(ctx: torch.autograd.FunctionContext, grad: Tensor): Tensor {
    Odd.inside?.();
    const [x] = ctx.savedTensors as [Tensor];
    return grad.mul(x);
  }
  static inside: (() => void) | undefined;
}

type Clip = torch.clip.Clipper | torch.clip.Clipper[] | undefined;

function clipper(w: World): Clip {
  const { r } = w;
  return r.pick<() => Clip>([
    () => undefined,
    () => clip.norm(r.pick([0.1, 1, 1e9])),
    () => clip.value(0.5),
    () => clip.auto(),
    () => clip.adaGC(),
    () => clip.zscore(),
    () => [clip.value(1), clip.norm(1)],
  ])();
}

const rules = ['SGD', 'AdamW', 'Adam', 'Lion', 'RMSprop', 'Adagrad', 'Adafactor', 'Muon', 'LAMB'] as const;

const actions: Record<string, Action> = {
  create: (w) => w.keep(create(w.r)),
  unary: (w) => w.keep(call(w.tensor(), w.r.pick(unary))),
  binary: (w) => w.keep(call(w.tensor(), w.r.pick(binary), w.tensor())),
  number: (w) => w.keep(call(w.tensor(), w.r.pick(['add', 'mul', 'pow', 'div']), w.r.pick([0, 2, -1, 0.5]))),
  view: (w) => {
    const t = w.tensor();
    const views: (() => unknown)[] = [
      () => t.view([-1]),
      () => t.unsqueeze(0).expand([2, ...t.shape]),
      () => t.select(0, 0),
      () => t.narrow(0, 0, 1),
      () => t.transpose(0, 1),
      () => t.data,
      () => t.asStrided([2], [1]),
      () => t.at({ step: 2 }),
    ];
    return w.keep(w.r.pick(views)());
  },
  inPlace: (w) => {
    const [t, u] = [w.tensor(), w.tensor()];
    const writes: (() => unknown)[] = [
      () => t.add_(u),
      () => t.mul_(2),
      () => t.zero_(),
      () => t.copy_(u),
      () => t.relu_(),
      () => t.indexPut_([0], 1),
      () => t.indexAdd_(0, torch.tensor([0n, 7n]), torch.ones([2])),
      () => t.normal_(),
      () => torch.noGrad(() => t.sub_(1)),
    ];
    w.r.pick(writes)();
  },
  reshape: (w) => {
    const [t, u] = [w.tensor(), w.tensor()];
    const changes: (() => unknown)[] = [
      () => t.resize_(shapeOf(w.r)),
      // Refused, after a collection.
      () => (w.r.chance(0.1) ? t.resize_([2 ** 44]) : t.resize_([])),
      () => t.resizeAs_(u),
      () => t.set_(u),
      () => t.set_(u, 0, [2, 2], [1, 1]),
      () => t.asStrided_([3], [w.r.below(3)]),
      () => t.squeeze_(),
      () => t.unsqueeze_(0),
      () => t.t_(),
      () => t.detach_(),
      () => {
        t.data = u;
      },
      () => torch.add(u, u, { out: t }),
      () => torch.matmul(u, u, { out: t }),
      () => torch.cat([u, u], { out: t } as never),
    ];
    w.r.pick(changes)();
  },
  gradients: (w) => {
    const [t, u] = [w.tensor(), w.tensor()];
    const changes: (() => unknown)[] = [
      () => {
        t.grad = null;
      },
      () => {
        t.grad = u;
      },
      () => {
        t.requiresGrad = w.r.chance(0.5);
      },
      () => t.retainGrad(),
      () => w.keep(t.grad),
    ];
    w.r.pick(changes)();
  },
  backward: (w) =>
    w
      .tensor()
      .sum()
      .backward({ retainGraph: w.r.chance(0.5) }),
  grad: (w) => {
    const options = { createGraph: w.r.chance(0.5), allowUnused: true as const };
    for (const g of torch.autograd.grad(w.tensor().sum(), [w.tensor(), w.tensor()], options)) w.keep(g);
  },
  hook: (w) => {
    const own: { remove(): void }[] = [];
    const handle = w.tensor().registerHook(w.r.pick(hookBodies)(w, own));
    own.push(handle);
    w.hooks.push(handle);
  },
  remove: (w) => {
    if (w.hooks.length > 0) w.r.pick(w.hooks).remove();
  },
  dispose: (w) => w.tensor().dispose(),
  forget: (w) => void w.tensors.splice(w.r.below(w.tensors.length + 1), 3),
  collect,
  scope: (w) => {
    const outer = torch.scope(() => {
      w.some();
      return w.tensor();
    });
    w.keep(outer);
  },
  noGrad: (w) => torch.noGrad(() => w.some()),
  inference: (w) => torch.inferenceMode(() => w.some()),
  autocast: (w) => torch.amp.autocast({ deviceType: 'cpu' }, () => w.some()),
  async: (w) => {
    const pending = w.r.chance(0.5) ? w.tensor().toTypedArrayAsync() : w.tensor().itemAsync();
    w.pending.push(pending.catch(() => undefined));
  },
  read: (w) =>
    w.r.pick<(t: Tensor) => unknown>([String, (t) => t.tolist(), (t) => t.dataPtr(), (t) => t.grad])(w.tensor()),
  module: (w) => {
    const { r } = w;
    const made = r.pick<() => torch.nn.Module>([
      () => new nn.Linear(3, r.pick([1, 3])),
      () => new nn.Sequential(new nn.Linear(3, 3), new nn.BatchNorm1d(3), new nn.ReLU(), new nn.Linear(3, 1)),
      () => new nn.LayerNorm([3]),
      () => new nn.Embedding(5, 3),
    ])();
    w.modules.push(made);
    for (const p of made.parameters()) w.keep(p);
  },
  forward: (w) => {
    if (w.modules.length === 0) return;
    const model = w.r.pick(w.modules) as unknown as { forward(x: Tensor): Tensor };
    w.keep(model.forward(w.r.chance(0.6) ? torch.randn([2, 3]) : w.tensor()));
  },
  moduleState: (w) => {
    if (w.modules.length === 0) return;
    const model = w.r.pick(w.modules);
    const changes: (() => unknown)[] = [
      () => model.loadStateDict(model.stateDict()),
      () => w.states.push(model.stateDict()),
      () => model.train(w.r.chance(0.5)),
      () => model.to(w.r.pick([torch.float32, torch.float64])),
      () => model.zeroGrad(),
      () => model.requiresGrad_(w.r.chance(0.7)),
    ];
    w.r.pick(changes)();
  },
  optimizer: (w) => {
    const model = w.modules.at(-1);
    const params = model !== undefined && w.r.chance(0.7) ? [...model.parameters()] : [w.tensor(), w.tensor()];
    const Rule = optim[w.r.pick(rules)] as unknown as new (p: unknown, o: object) => torch.optim.Optimizer;
    w.optimizers.push(new Rule(params, { lr: 0.01, clip: clipper(w) }));
  },
  step: (w) => {
    if (w.optimizers.length === 0) return;
    const optimizer = w.r.pick(w.optimizers);
    const steps: (() => unknown)[] = [
      () => optimizer.step(),
      () => optimizer.step(),
      () =>
        optimizer.step(() => {
          w.some();
          return w.tensor().sum().item();
        }),
      () => optimizer.zeroGrad(),
      () => optimizer.addParamGroup({ params: [w.tensor()] }),
      () => w.states.push(optimizer.stateDict()),
      () => optimizer.loadStateDict(optimizer.stateDict()),
      () => {
        const state = w.states.at(-1);
        if (state !== undefined) optimizer.loadStateDict(state as never);
      },
      () => {
        optimizer.paramGroups[0]!.lr = w.r.pick([0, 0.1, 1]);
      },
    ];
    w.r.pick(steps)();
  },
  scheduled: (w) => {
    if (w.optimizers.length === 0) return;
    const optimizer = w.r.pick(w.optimizers) as never;
    const scheduler = w.r.pick<() => torch.optim.lrScheduler.LRScheduler>([
      () => new optim.lrScheduler.StepLR(optimizer, { stepSize: 1 }),
      () =>
        new optim.lrScheduler.LambdaLR(optimizer, {
          lrLambda: () => {
            w.some();
            return 0.5;
          },
        }),
      () => new optim.lrScheduler.CosineAnnealingLR(optimizer, { TMax: 3 }),
    ])();
    for (let i = w.r.below(4); i > 0; i--) scheduler.step();
  },
  scaled: (w) => {
    if (w.optimizers.length === 0) return;
    const optimizer = w.r.pick(w.optimizers);
    const scaler = new torch.GradScaler({ device: 'cpu', initScale: 8 });
    const loss = scaler.scale(w.tensor().sum());
    if (w.r.chance(0.7)) loss.backward();
    if (w.r.chance(0.5)) scaler.unscale_(optimizer);
    scaler.step(optimizer);
    scaler.update();
  },
  function: (w) => {
    Odd.inside = w.r.chance(0.5) ? () => w.some() : undefined;
    w.keep(Odd.apply(w.tensor()));
  },
  checkpoint: (w) => {
    const again = (x: Tensor) => {
      if (w.r.chance(0.3)) w.some();
      return x.sin().mul(x);
    };
    w.keep(torch.utils.checkpoint.checkpoint(again, [w.tensor()]));
  },
  savedHooks: (w) =>
    autograd.graph.savedTensorsHooks(
      (t) => {
        if (w.r.chance(0.2)) w.some();
        return t;
      },
      (t) => t as Tensor,
      () => w.some(),
    ),
  anomaly: (w) => autograd.detectAnomaly(() => w.some()),
  moduleHook: (w) => {
    if (w.modules.length === 0) return;
    const model = w.r.pick(w.modules);
    w.hooks.push(
      w.r.pick<() => { remove(): void }>([
        () => model.registerForwardHook(() => w.some()),
        () => model.registerFullBackwardHook(() => w.some()),
        () => model.registerForwardPreHook(() => w.some()),
        () => model.registerLoadStateDictPostHook(() => w.some()),
      ])(),
    );
  },
  copy: (w) => {
    if (w.modules.length > 0) w.modules.push(nn.deepcopy(w.r.pick(w.modules)));
  },
  clipNow: (w) => {
    const own = [w.tensor(), w.tensor()];
    w.keep(nn.utils.clipGradNorm_(own, 1));
  },
};
const names = Object.keys(actions);
/** What makes states odd comes more often than what only makes tensors. */
const often = [
  'unary',
  'binary',
  'backward',
  'hook',
  'step',
  'reshape',
  'inPlace',
  'dispose',
  'forward',
  'moduleState',
];

function act(w: World): void {
  const name = w.r.pick(w.r.chance(0.5) ? often : names);
  w.log.push(`${'  '.repeat(w.depth)}${name}`);
  w.depth++;
  try {
    actions[name]!(w);
  } catch (error) {
    // The end of JavaScript's stack, where hooks go round in circles, is the caller's own.
    const wrong = error instanceof RangeError ? undefined : fault(error);
    if (wrong !== undefined) throw new Error(wrong, { cause: error });
  } finally {
    w.depth--;
  }
}

/** Runs a sequence; returns what was wrong, or undefined. */
export function runSequence(r: Random): string | undefined {
  const w = new World(r);
  try {
    for (let i = 10 + r.below(40); i > 0; i--) act(w);
    for (const t of w.tensors) if (!t.isDisposed) t.toTypedArray();
  } catch (error) {
    const wrong = fault(error);
    if (wrong !== undefined) return `${w.log.map((s) => s.trim()).join(', ')}: ${(error as Error).message}`;
  } finally {
    Odd.inside = undefined;
    // Functions in a graph hold this world, and may be held by what is in it.
    for (const handle of w.hooks) handle.remove();
    for (const list of [w.tensors, w.modules, w.optimizers, w.states]) list.length = 0;
  }
  if (!torch.isGradEnabled() || torch.isInferenceModeEnabled()) {
    return `${w.log.join(', ')} left another autograd mode behind`;
  }
  return undefined;
}
