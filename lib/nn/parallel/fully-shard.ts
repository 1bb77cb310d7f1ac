import { isGradEnabled } from '../../autograd/index.js';
import { native } from '../../binding/index.js';
import { check, flag, instance, kind, orNull } from '../../check.js';
import { groupOf, member, type ProcessGroup } from '../../distributed/group.js';
import { ownerOf, ShardedParameters } from '../../distributed/sharded-parameters.js';
import { TorchClipError } from '../../errors.js';
import type { TensorPart } from '../../io/parts.js';
import { optionsOf } from '../../options.js';
import { tensorsIn } from '../../scope.js';
import { refusePromise } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { checkSame } from './agreement.js';

declare const brand: unique symbol;
type Ending = object & { readonly [brand]: 'ending' };

declare module '../../binding/index.js' {
  interface Native {
    atEndOfBackward(body: () => void): Ending;
    awaitsEnd(ending: Ending): boolean;
  }
}

/** Options of {@link fullyShard}. */
export interface FullyShardOptions {
  /** Default: the default group. */
  group?: ProcessGroup;
  /**
   * Whether a forward pass ends without the other ranks' parameters, which the backward pass fetches again; false keeps them until the
   * backward pass is over. Default null: true, but false for a module that is called outside of every other one.
   */
  reshardAfterForward?: boolean | null;
}

/** What {@link fullyShard} adds to a module. */
export interface FullyShardedModule {
  /** Fetches the parameters of this module, until its next forward or backward pass ends or `reshard` is called. All ranks call it. */
  unshard(): void;
  /** Gives back what the other ranks have of this module's parameters. */
  reshard(): void;
  /**
   * The module's state with this rank's parts of its parameters, each an `io.TensorPart`, and whole buffers, for
   * `distributed.saveCheckpoint`: no rank needs room for all. Of modules below that are sharded as well it has the parts, too.
   */
  shardedStateDict(): Record<string, Tensor | TensorPart>;
}

const read = optionsOf('fullyShard()', {
  group: [kind<ProcessGroup | undefined>(member.expected, member.accepts), undefined],
  reshardAfterForward: [orNull(flag), null],
});

const broadcastBytes = 250 * 2 ** 20;
/** How many calls of fully sharded modules are under way. */
let depth = 0;

/** A call that autograd records. */
interface Call {
  /** How many of its inputs have gradients. */
  inputs: number;
  /** Those whose gradients are still to come in this backward pass. */
  waiting: number;
  /** Whether the backward pass has reached its outputs. */
  entered: boolean;
}

/** A backward pass, with the modules that it has reached. */
interface Pass {
  readonly reached: Set<Unit>;
  /** Whose gradients are being averaged: one module's at a time, while the pass goes on. */
  averages: Unit | null;
  readonly ending: Ending;
}
let pass: Pass | null = null;

/** The pass that runs, if any: one that has failed does not come to its end. */
function currentPass(): Pass | null {
  if (pass !== null && !native.awaitsEnd(pass.ending)) {
    const { reached } = pass;
    pass = null;
    for (const unit of reached) unit.leavePass();
  }
  return pass;
}

/** One module's own parameters in its passes. */
class Unit {
  readonly #calls = new Set<Call>();
  readonly #arrived = new Set<Tensor>();
  readonly #hooked = new WeakSet<Tensor>();

  constructor(
    readonly parameters: ShardedParameters,
    readonly reshards: boolean | null,
  ) {}

  forward(module: Module, forward: (...args: never[]) => unknown, given: readonly unknown[]): unknown {
    // A pass of activation checkpointing, inside of a backward pass that needs the parameters itself.
    const again = currentPass() !== null;
    const records = isGradEnabled();
    const isOutermost = depth === 0;
    let done = false;
    depth += 1;
    try {
      this.parameters.gather();
      const call: Call = { inputs: 0, waiting: 0, entered: false };
      const args = records ? given.map((arg) => this.#input(call, arg)) : given;
      // What comes after an `await` would find the parameters given back.
      const output = refusePromise('a fully sharded module', Reflect.apply(forward, module, args), 'forward');
      if (records) this.#output(call, output);
      done = true;
      return output;
    } finally {
      depth -= 1;
      if (!again && (!done || (this.reshards ?? !isOutermost))) this.parameters.release();
    }
  }

  /** An input's place in the graph, which is reached when all of this call is through. */
  #input(call: Call, arg: unknown): unknown {
    if (!isTensor(arg) || !arg.requiresGrad) return arg;
    const input = arg.viewAs(arg);
    call.inputs += 1;
    input.registerHook(() => this.#leave(call));
    return input;
  }

  #output(call: Call, output: unknown): void {
    for (const owner of tensorsIn(output)) {
      const tensor = owner as Tensor;
      if (isTensor(tensor) && tensor.requiresGrad && !tensor.isLeaf) tensor.registerHook(() => this.#enter(call));
    }
  }

  #enter(call: Call): void {
    const running = currentPass() ?? begin();
    if (call.entered) return;
    if (!running.reached.has(this)) {
      running.reached.add(this);
      native.shardedTake(this.parameters.native);
      this.#awaitGradients();
    }
    call.entered = true;
    call.waiting = call.inputs;
    this.#calls.add(call);
    this.parameters.gather();
  }

  #leave(call: Call): void {
    if (!call.entered) return;
    call.waiting -= 1;
    if (call.waiting > 0) return;
    this.#forget(call);
    if (this.#calls.size === 0) this.parameters.release();
  }

  #forget(call: Call): void {
    this.#calls.delete(call);
    call.entered = false;
  }

  #awaitGradients(): void {
    // A parameter keeps its hooks, and this object its parameters.
    const self = new WeakRef(this);
    for (const p of this.parameters.parameters) {
      if (!p.requiresGrad || this.#hooked.has(p)) continue;
      p.registerPostAccumulateGradHook((param) => {
        const unit = self.deref();
        if (unit !== undefined) unit.#gradient(param);
      });
      this.#hooked.add(p);
    }
  }

  #gradient(parameter: Tensor): void {
    const running = currentPass();
    if (running?.reached.has(this) !== true) {
      throw new TorchClipError(
        'ERR_STATE',
        'a parameter of a fully sharded module was used outside of its forward pass, where it is not whole',
      );
    }
    this.#arrived.add(parameter);
    if (this.parameters.parameters.every((p) => !p.requiresGrad || this.#arrived.has(p))) this.#reduce(running);
  }

  #reduce(running: Pass | null): void {
    this.#arrived.clear();
    if (running?.averages) native.shardedSettle(running.averages.parameters.native);
    native.shardedReduce(this.parameters.native);
    if (running !== null) running.averages = this;
  }

  /** What is left to do when no further gradient comes. */
  finish(): void {
    if (this.#arrived.size > 0) this.#reduce(null);
    this.leavePass();
  }

  leavePass(): void {
    this.#arrived.clear();
    for (const call of this.#calls) this.#forget(call);
    native.shardedGive(this.parameters.native);
    this.parameters.release();
  }
}

function begin(): Pass {
  const reached = new Set<Unit>();
  const ending = native.atEndOfBackward(() => {
    pass = null;
    for (const unit of [...reached].sort((a, b) => a.parameters.number - b.parameters.number)) unit.finish();
  });
  pass = { reached, ending, averages: null };
  return pass;
}

/**
 * Shares a module's parameters and gradients out among the ranks of a group (ZeRO-3), as `torch.distributed.fsdp.fully_shard`: each rank
 * keeps a part of the elements of each, fetches the others before the module's forward and backward passes, and gives them back after.
 * Gradients are averaged as soon as all of the module are there, and each rank has its part of the mean.
 *
 * Call it on the layers of a model, the inner ones first, then on the model, which gets the parameters that are left; then make the
 * optimizer, and share that out with {@link optim.shard}. Parameters and buffers become those of rank 0. Every forward and backward pass is
 * one of all ranks, and blocks.
 *
 * A tensor keeps its shape: elements of other ranks read as zero where they are not there. Use parameters within the module's forward pass
 * only. `stateDict()` and `loadStateDict()` are those of the whole module; all ranks call them.
 *
 * @returns the module.
 * @throws {TorchClipError} `ERR_ARGUMENT` where the ranks' parameters differ or one is not contiguous, `ERR_DEVICE` for parameters on a GPU,
 * `ERR_STATE` for a module that is sharded already or a parameter that a sharded module shares with one outside of it.
 * @see Rajbhandari, Rasley, Ruwase & He, "ZeRO: memory optimizations toward training trillion parameter models", 2020; Zhao et al.,
 * "PyTorch FSDP: experiences on scaling fully sharded data parallel", 2023.
 *
 * @example
 * for (const block of model.blocks) fullyShard(block);
 * fullyShard(model);
 * const optimizer = optim.shard(new optim.AdamW(model.parameters(), { clip: clip.norm(1) }));
 */
export function fullyShard<M extends Module>(module: M, options?: FullyShardOptions): M & FullyShardedModule {
  const { group: given, reshardAfterForward } = read(options);
  check('module', module, instance(Module, 'a Module'));
  if (sharded.has(module)) throw new TorchClipError('ERR_STATE', '"module" is fully sharded already');
  const group = check('group', groupOf(given), member);
  if (group.busy !== undefined) {
    throw new TorchClipError(
      'ERR_STATE',
      'fullyShard() cannot follow a collective that is under way: await that one first',
    );
  }
  requireOwnParameters(module);
  const named = module.namedParameters().filter(([, p]) => ownerOf(p) === undefined);
  native.requireShardable(named.map(([, p]) => p.handle));
  // Other groups are of ranks without this package, which cannot take part in the passes either.
  if (group.alike) checkSame(group, named);
  const state = [...named.map(([, p]) => p), ...module.buffers()].map((t) => t.handle);
  native.broadcastCoalesced(group.native, state, broadcastBytes, 0);
  const parameters = new ShardedParameters(
    group,
    named.map(([, p]) => p),
  );
  const unit = new Unit(parameters, reshardAfterForward);
  sharded.set(module, parameters);
  const { forward } = module;
  const added: FullyShardedModule & { forward: Module['forward'] } = {
    forward: (...args: never[]) => unit.forward(module, forward, args),
    unshard: () => parameters.gather(),
    reshard: () => parameters.release(),
    shardedStateDict: () => shardedState(module),
  };
  for (const [name, value] of Object.entries(added)) {
    Object.defineProperty(module, name, { value, configurable: true, writable: true, enumerable: false });
  }
  withStates(module, parameters);
  return module as M & FullyShardedModule;
}

const sharded = new WeakMap<Module, ShardedParameters>();

/** Refuses a parameter that a sharded module below has together with one outside of it, where it would not be whole. */
function requireOwnParameters(module: Module): void {
  const outside = (at: Module): void => {
    if (sharded.has(at)) return;
    for (const [name, p] of at.namedParameters({ recurse: false })) {
      if (ownerOf(p) === undefined) continue;
      throw new TorchClipError(
        'ERR_STATE',
        `the parameter "${name}" of ${at.constructor.name} belongs to a module that is fully sharded: shard one that holds both instead`,
      );
    }
    for (const child of at.children()) outside(child);
  };
  outside(module);
}

/** Whether state dicts are to have parts. */
let wantsParts = false;

/** State dicts with copies of whole parameters, or with parts. */
function withStates(module: Module, parameters: ShardedParameters): void {
  const own = new Set<Tensor>(parameters.parameters);
  module.registerStateDictPreHook(() => {
    if (!wantsParts) parameters.gather();
  });
  for (const holder of module.modules()) {
    const held = holder.namedParameters({ recurse: false }).filter(([, p]) => own.has(p));
    if (held.length === 0) continue;
    holder.registerStateDictPostHook((_module, stateDict: Record<string, Tensor | TensorPart>, prefix) => {
      const { whole } = parameters;
      if (!wantsParts) parameters.gather();
      for (const [name, p] of held) {
        stateDict[prefix + name] = wantsParts ? parameters.partOf(p) : p.detach().clone();
      }
      if (!whole) parameters.release();
    });
    holder.registerLoadStateDictPostHook(() => {
      if (held.some(([name, p]) => holder.getParameter(name) !== p)) {
        throw new TorchClipError(
          'ERR_STATE',
          'the parameters of a fully sharded module cannot be replaced: load without "assign"',
        );
      }
      parameters.release();
    });
  }
  module.registerStateDictPostHook(() => parameters.release());
}

function shardedState(module: Module): Record<string, Tensor | TensorPart> {
  wantsParts = true;
  try {
    return module.stateDict();
  } finally {
    wantsParts = false;
  }
}
