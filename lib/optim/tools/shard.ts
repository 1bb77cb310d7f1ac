import { native } from '../../binding/index.js';
import { check, flag, type Kind, kind } from '../../check.js';
import { groupOf, member, type ProcessGroup } from '../../distributed/group.js';
import { isReduced, noteShared, ownerOf, ownersOf } from '../../distributed/sharded-parameters.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { optionsOf } from '../../options.js';
import { Optimizer } from '../base/optimizer.js';

/** Options of {@link shard}. */
export interface ShardOptions {
  /** Default: the default group. */
  group?: ProcessGroup;
  /**
   * Whether a step takes the mean of the ranks' gradients; default true. False where they are equal already, as under
   * `DistributedDataParallel`, where leaving it out is warned of.
   */
  averageGradients?: boolean;
}

const read = optionsOf('shard()', {
  group: [kind<ProcessGroup | undefined>(member.expected, member.accepts), undefined],
  averageGradients: [flag as Kind<boolean | undefined>, undefined],
});
const broadcastBytes = 250 * 2 ** 20;

/**
 * Shares the state and the steps of an optimizer out among the ranks of a group (ZeRO-1): each keeps the state of a part of all elements
 * and updates them, and gets the others from the ranks that have them. All ranks call this with equal optimizers; parameters become those
 * of rank 0.
 *
 * Clipping is that of one process: a step has the bits of the unsharded one by the same mean gradients, with any number of ranks and
 * under every clipper. What the clippers of all ranks see, decide and remember is the same, so are skipped steps.
 *
 * Ranks exchange gradients while backward passes go on, and new parameters while the step updates others. What is in `grad` when a step is
 * called counts: what has changed since its pass is exchanged again.
 *
 * Where the parameters are those of modules under {@link fullyShard}, each rank keeps the state of its part of them, and a step sends
 * norms only.
 *
 * From then on `step`, `stateDict`, `loadStateDict`, `resetState` and `eval` are called by all ranks together, and block. State dicts are
 * those of the unsharded optimizer. {@link Optimizer.state} has this rank's parts, flat. `grad` is left as it is: every rank's own.
 *
 * @returns the optimizer itself.
 * @throws {TorchClipError} `ERR_ARGUMENT` for an optimizer that works on whole tensors, takes its steps itself or has `writeBack`,
 * `ERR_DEVICE` for parameters on a GPU, `ERR_DISTRIBUTED` where the ranks' optimizers differ. A step throws on all ranks where it throws
 * on one.
 * @see Rajbhandari, Rasley, Ruwase & He, "ZeRO: memory optimizations toward training trillion parameter models", 2020.
 *
 * @example
 * const optimizer = optim.shard(new optim.AdamW(model.parameters(), { lr: 1e-3, clip: clip.norm(1) }));
 */
export function shard<O extends Optimizer>(optimizer: O, options?: ShardOptions): O {
  const { group: given, averageGradients: averages } = read(options);
  if (!(optimizer instanceof Optimizer)) throw invalidArgument('optimizer', 'an Optimizer', optimizer);
  const group = check('group', groupOf(given), member);
  if (group.busy !== undefined) {
    throw new TorchClipError('ERR_STATE', 'shard() cannot follow a collective that is under way: await that one first');
  }
  const params = optimizer.addedGroups.flatMap((one) => one.params);
  const modules = ownersOf(params);
  optimizer.shareState(group, averages ?? true, modules);
  if (averages === undefined && group.size > 1 && params.some(isReduced)) {
    process.emitWarning(
      'optim.shard() averages gradients that DistributedDataParallel has averaged already: pass { averageGradients: false }, or leave the module unwrapped',
    );
  }
  noteShared(params);
  const whole = params.filter((p) => ownerOf(p) === undefined).map((p) => p.handle);
  native.broadcastCoalesced(group.native, whole, broadcastBytes, 0);
  // What was fetched before a step is from before it.
  if (modules.length > 0) {
    optimizer.registerStepPostHook(() => {
      for (const each of modules) each.release();
    });
  }
  return optimizer;
}
