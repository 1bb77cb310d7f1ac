import { noGrad } from '../../autograd/index.js';
import { check, instance, integer } from '../../check.js';
import { full } from '../../creation/full.js';
import { allReduce } from '../../distributed/functional.js';
import { type GroupOption, groupKind, groupOf, isInitialized, type ProcessGroup } from '../../distributed/group.js';
import { bfloat16, float16, float32 } from '../../dtype.js';
import { mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { cat } from '../../ops/generated/functions.js';
import { readAll } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { batchNorm } from '../functional/index.js';
import { BatchNorm, type BatchNormOptions, NormBase } from '../layers/batchnorm.js';
import { Module } from '../module.js';

/** Options of {@link SyncBatchNorm}. */
export interface SyncBatchNormOptions extends BatchNormOptions {
  /** Default: the default group, as it is at each forward pass. */
  processGroup?: ProcessGroup | null;
}

/**
 * Batch normalisation over the batches of all ranks together, as `torch.nn.SyncBatchNorm`: for batches that are small on each rank.
 * Unlike PyTorch's it works on the CPU, too. Training passes block while they wait for the other ranks, two times forward and two
 * times backward. In evaluation, and without a process group, it is an ordinary batch normalisation.
 *
 * The input is `[n, channels, ...]`; parameters and buffers are those of `BatchNorm1d`.
 *
 * @example
 * const model = new nn.parallel.DistributedDataParallel(nn.SyncBatchNorm.convertSyncBatchnorm(new Net()));
 */
export class SyncBatchNorm extends NormBase {
  readonly #group: GroupOption | undefined;

  constructor(numFeatures: number, options: SyncBatchNormOptions = {}) {
    const { processGroup, ...rest } = readAll(new.target.name, options);
    super(numFeatures, rest);
    this.#group = processGroup === undefined ? undefined : check('processGroup', processGroup, groupKind);
  }

  override forward(input: Tensor): Tensor {
    const { shape } = check('input', input, tensor);
    if (shape.length < 2) throw mustHave('input', '2 dimensions or more', shape);
    const features = field(this, 'numFeatures', integer(1));
    if (shape[1] !== features) throw mustHave('input', `${features} channels`, shape);
    const { weight, bias, running_mean, running_var, eps } = this;
    const training = this.training || running_mean === null;
    const group = training && isInitialized() ? groupOf(this.#group) : null;
    const counter = this.training ? this.num_batches_tracked : null;
    const momentum = this.momentum ?? (counter ? 1 / (counter.item<number>() + 1) : 0);
    if (!this.training || group === null || group.size === 1) {
      const output = batchNorm(input, running_mean, running_var, { weight, bias, training, momentum, eps });
      counter?.add_(1);
      return output;
    }
    const dims = shape.map((_, i) => i).filter((i) => i !== 1);
    const x = input.dtype === float16 || input.dtype === bfloat16 ? input.to(float32) : input;
    const rows = full([1], input.numel() / this.numFeatures, { dtype: x.dtype, device: x.device });
    const sums = allReduce(cat([x.sum(dims), rows]), { group });
    const count = sums.narrow(0, this.numFeatures, 1).detach();
    const along = [1, this.numFeatures, ...shape.slice(2).map(() => 1)];
    const mean = sums.narrow(0, 0, this.numFeatures).div(count);
    const centred = x.sub(mean.view(along));
    const squares = allReduce(centred.pow(2).sum(dims), { group });
    const variance = squares.div(count);
    let output = centred.mul(variance.add(eps).rsqrt().view(along));
    if (weight !== null) output = output.mul(weight.view(along));
    if (bias !== null) output = output.add(bias.view(along));
    noGrad(() => {
      running_mean?.mul_(1 - momentum).add_(mean.detach().mul(momentum));
      running_var?.mul_(1 - momentum).add_(squares.detach().div(count.sub(1)).mul(momentum));
    });
    counter?.add_(1);
    return output.dtype === input.dtype ? output : output.to(input.dtype);
  }

  /**
   * The module with a {@link SyncBatchNorm} in place of every batch normalisation in it, which share its parameters and buffers; the
   * module itself where it is none.
   *
   * @param processGroup default the default group.
   */
  static convertSyncBatchnorm<M extends Module>(
    module: M,
    processGroup?: ProcessGroup,
  ): M extends BatchNorm ? SyncBatchNorm : M {
    check('module', module, instance(Module, 'a Module'));
    return converted(module, processGroup, new Set()) as M extends BatchNorm ? SyncBatchNorm : M;
  }
}

/** Each module is walked through once, so that one that holds itself ends. */
function converted(module: Module, processGroup: ProcessGroup | undefined, seen: Set<Module>): Module {
  if (module instanceof BatchNorm) return synchronised(module, processGroup);
  if (seen.has(module)) return module;
  seen.add(module);
  for (const [name, child] of module.namedChildren()) {
    const made = converted(child, processGroup, seen);
    if (made !== child) module.setSubmodule(name, made);
  }
  return module;
}

function synchronised(module: BatchNorm, processGroup: ProcessGroup | undefined): SyncBatchNorm {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = module;
  const options = { eps, momentum, affine, trackRunningStats, bias: module.bias !== null };
  const made = new SyncBatchNorm(numFeatures, processGroup === undefined ? options : { ...options, processGroup });
  made.registerParameter('weight', module.weight);
  made.registerParameter('bias', module.bias);
  made.registerBuffer('running_mean', module.running_mean);
  made.registerBuffer('running_var', module.running_var);
  made.registerBuffer('num_batches_tracked', module.num_batches_tracked);
  made.training = module.training;
  return made;
}
