import { native } from '../../binding/index.js';
import { check, flag, instance, kind, orNull, text } from '../../check.js';
import { groupOf, member, type ProcessGroup } from '../../distributed/group.js';
import { isShared, ownerOf, partOf, ShardedParameters } from '../../distributed/sharded-parameters.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import type { TensorPart } from '../../io/parts.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { isLazy } from '../lazy.js';
import { entriesOf, Module } from '../module.js';
import { checkSame } from './agreement.js';
import { DistributedDataParallel } from './distributed-data-parallel.js';
import { type Method, Unit } from './sharded-unit.js';

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
/**
 * Shares a module's parameters and gradients out among the ranks of a group (ZeRO-3), as `torch.distributed.fsdp.fully_shard`: each rank
 * keeps a part of the elements of each, fetches the others for the module's forward and backward passes (while the module before it is at
 * work), and gives them back after.
 * Gradients are averaged as soon as all of the module are there, and each rank has its part of the mean.
 *
 * Call it on the layers of a model, the inner ones first, then on the model, which gets the parameters that are left; then make the
 * optimizer, and share that out with {@link optim.shard}. Parameters and buffers become those of rank 0. Every forward and backward pass is
 * one of all ranks, and blocks.
 *
 * A tensor keeps its shape: elements of other ranks read as zero where they are not there. Use parameters within the module's forward pass
 * only. `stateDict()` and `loadStateDict()` are those of the whole module; all ranks call them.
 *
 * @returns the module itself, with the type of its new methods.
 * @throws {TorchClipError} `ERR_ARGUMENT` where the ranks' parameters differ or one is not contiguous, `ERR_DEVICE` for parameters on a GPU,
 * `ERR_STATE` for a module that is sharded already or a parameter that a sharded module shares with one outside of it.
 * @see Rajbhandari, Rasley, Ruwase & He, "ZeRO: memory optimizations toward training trillion parameter models", 2020; Zhao et al.,
 * "PyTorch FSDP: experiences on scaling fully sharded data parallel", 2023.
 *
 * @example
 * for (const block of model.blocks) fullyShard(block);
 * const sharded = fullyShard(model);
 * const optimizer = optim.shard(new optim.AdamW(sharded.parameters(), { clip: clip.norm(1) }));
 */
export function fullyShard<M extends Module>(module: M, options?: FullyShardOptions): M & FullyShardedModule {
  const { group: given, reshardAfterForward } = read(options);
  check('module', module, instance(Module, 'a Module'));
  if (units.has(module)) throw new TorchClipError('ERR_STATE', '"module" is fully sharded already');
  if (module.forward === Module.prototype.forward) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"module" must have a forward pass, in which its parameters are whole, got ${describe(module)}: shard its parts, or what holds it`,
    );
  }
  if (module.modules().some((one) => one instanceof DistributedDataParallel)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      '"module" must hold no DistributedDataParallel, which needs whole gradients: shard a module that none wraps',
    );
  }
  const group = check('group', groupOf(given), member);
  if (group.busy !== undefined) {
    throw new TorchClipError(
      'ERR_STATE',
      'fullyShard() cannot follow a collective that is under way: await that one first',
    );
  }
  requireOwnParameters(module);
  const named = module.namedParameters().filter(([, p]) => ownerOf(p) === undefined);
  for (const [name, p] of named) {
    if (isLazy(p)) {
      throw new TorchClipError('ERR_STATE', `"${name}" has no shape yet: make a forward pass before fullyShard()`);
    }
    if (isShared(p)) {
      throw new TorchClipError(
        'ERR_STATE',
        `"${name}" belongs to a sharded optimizer: call fullyShard() before optim.shard()`,
      );
    }
  }
  native.requireShardable(named.map(([, p]) => p.handle));
  // Other groups are of ranks without this package, which cannot take part in the passes either.
  if (group.alike) checkSame(group, named);
  const state = [...named.map(([, p]) => p), ...module.buffers()].map((t) => t.handle);
  native.broadcastCoalesced(group.native, state, broadcastBytes, 0);
  const parameters = new ShardedParameters(
    group,
    named.map(([, p]) => p),
  );
  units.set(module, new Unit(parameters, reshardAfterForward));
  const added: FullyShardedModule = {
    unshard: () => parameters.gather(),
    reshard: () => parameters.release(),
    shardedStateDict: () => shardedState(module),
  };
  for (const [name, value] of Object.entries(added)) define(module, name, value);
  registerFsdpForwardMethod(module, 'forward');
  withStates(module, parameters);
  return module as M & FullyShardedModule;
}

const units = new WeakMap<Module, Unit>();

function define(module: Module, name: string, value: unknown): void {
  Object.defineProperty(module, name, { value, configurable: true, writable: true, enumerable: false });
}

/**
 * Has the parameters of a fully sharded module whole in another method than `forward`, as `generate` or `decode` may need it; as
 * `torch.distributed.fsdp.register_fsdp_forward_method`.
 *
 * @param module on which {@link fullyShard} was called; others are left as they are, so that one script works with and without.
 * @throws {TorchClipError} `ERR_ARGUMENT` where the module has no such method.
 *
 * @example
 * registerFsdpForwardMethod(model.decoder, 'decode');
 */
export function registerFsdpForwardMethod(module: Module, methodName: string): void {
  check('module', module, instance(Module, 'a Module'));
  check('methodName', methodName, text);
  const method: unknown = Reflect.get(module, methodName);
  if (typeof method !== 'function') throw invalidArgument('methodName', 'the name of a method', methodName);
  const unit = units.get(module);
  if (unit === undefined) return;
  define(module, methodName, (...args: unknown[]) => unit.forward(module, method as Method, args));
}

/** Refuses a parameter that a sharded module below has together with one outside of it, where it would not be whole. */
function requireOwnParameters(module: Module): void {
  const outside = (at: Module): void => {
    if (units.has(at)) return;
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
  const own = new Set<unknown>(parameters.parameters);
  // What a state dict fetches for itself it gives back.
  let fetched = false;
  module.registerStateDictPreHook(() => {
    fetched = !wantsParts && !parameters.whole;
    if (fetched) parameters.gather();
  });
  for (const holder of module.modules()) {
    // A parameter may have several names.
    const held = entriesOf(holder).filter((entry): entry is [string, Tensor] => own.has(entry[1]));
    if (held.length === 0) continue;
    const requireSame = () => {
      const replaced = held.find(([name, p]) => Reflect.get(holder, name) !== p);
      if (replaced === undefined) return;
      throw new TorchClipError(
        'ERR_STATE',
        `"${replaced[0]}" of ${describe(holder)} was replaced: the parameters of a fully sharded module stay its own; load without "assign"`,
      );
    };
    holder.registerStateDictPostHook((_module, stateDict: Record<string, Tensor | TensorPart>, prefix) => {
      requireSame();
      const { whole } = parameters;
      if (!wantsParts) parameters.gather();
      for (const [name, p] of held) stateDict[prefix + name] = wantsParts ? partOf(p) : p.detach().clone();
      if (!whole && !wantsParts) parameters.release();
    });
    // What is loaded is whole, on all ranks, until the next pass ends.
    holder.registerLoadStateDictPreHook(() => parameters.gather());
    holder.registerLoadStateDictPostHook(requireSame);
  }
  module.registerStateDictPostHook(() => {
    if (fetched) parameters.release();
  });
}

function shardedState(module: Module): Record<string, Tensor | TensorPart> {
  wantsParts = true;
  try {
    return module.stateDict();
  } finally {
    wantsParts = false;
  }
}
