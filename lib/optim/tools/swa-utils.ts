// Averages of weights over the course of training: `torch.optim.swa_utils`.

import { noGrad } from '../../autograd/index.js';
import { check, finite, finiteNonNegative, flag, integer, numberIn, oneOf, orNull, synchronous } from '../../check.js';
import { tensor } from '../../creation/tensor.js';
import type { DeviceLike } from '../../device.js';
import { int64 } from '../../dtype.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { device as deviceKind } from '../../kinds.js';
import { deepcopy } from '../../nn/deepcopy.js';
import { BatchNorm } from '../../nn/layers/batchnorm.js';
import { Module } from '../../nn/module.js';
import { alternativeOf, optionsOf } from '../../options.js';
import { refuseLater } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Optimizer } from '../base/optimizer.js';
import { complete, groupsOf, shared, spread } from '../lr-scheduler/per-group.js';
import { EpochScheduler, lastEpoch, type Point } from '../lr-scheduler/scheduler.js';

/** The next average of one tensor, from the average so far, the model's tensor, and of how many models the average is. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor;
/** Moves the averages of several tensors of one dtype and device in place. */
export type MultiAvgFn = (averaged: readonly Tensor[], current: readonly Tensor[], numAveraged: number) => void;

const decayKind = numberIn('[0, 1]');
const isContinuous = ({ dtype }: Tensor) => dtype.isFloatingPoint || dtype.isComplex;

/** The functions that cannot fail in the middle. */
const own = new WeakSet<AvgFn | MultiAvgFn>();
const known = <F extends AvgFn | MultiAvgFn>(fn: F): F => {
  own.add(fn);
  return fn;
};

/**
 * An exponential average, as one function per tensor: decay · average + (1 - decay) · model. Default 0.999.
 *
 * @example
 * new optim.swaUtils.AveragedModel(model, { avgFn: optim.swaUtils.getEmaAvgFn(0.999) });
 */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  check('decay', decay, decayKind);
  return known<AvgFn>((averaged, current) => noGrad(() => averaged.mul(decay).add(current.mul(1 - decay))));
}

/**
 * An exponential average, in place; default 0.999.
 *
 * @example
 * new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.999) });
 */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  check('decay', decay, decayKind);
  return known<MultiAvgFn>((averaged, current) =>
    noGrad(() => {
      for (const [i, mean] of averaged.entries()) {
        if (isContinuous(mean)) mean.lerp_(current[i]!, 1 - decay);
        else mean.copy_(mean.mul(decay).add(current[i]!.mul(1 - decay)));
      }
    }),
  );
}

/**
 * The mean of all models, as one function per tensor.
 *
 * @example
 * new optim.swaUtils.AveragedModel(model, { avgFn: optim.swaUtils.getSwaAvgFn() });
 */
export function getSwaAvgFn(): AvgFn {
  return known<AvgFn>((averaged, current, n) => noGrad(() => averaged.add(current.sub(averaged).div(n + 1))));
}

/**
 * The mean of all models, in place.
 *
 * @example
 * new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getSwaMultiAvgFn() });
 */
export function getSwaMultiAvgFn(): MultiAvgFn {
  return known<MultiAvgFn>((averaged, current, n) =>
    noGrad(() => {
      for (const [i, mean] of averaged.entries()) {
        if (isContinuous(mean)) mean.lerp_(current[i]!, 1 / (n + 1));
        else mean.copy_(mean.add(current[i]!.sub(mean).div(n + 1)));
      }
    }),
  );
}

/** Options of {@link AveragedModel}. */
export interface AveragedModelOptions {
  /** Where the averages are kept; default where the model is. */
  device?: DeviceLike | null;
  /** How a tensor is averaged; default the mean of all models. */
  avgFn?: AvgFn | null;
  /** How several are, in place; it excludes `avgFn`. Default: null. */
  multiAvgFn?: MultiAvgFn | null;
  /** Average the buffers as well, instead of copying the model's; default false. */
  useBuffers?: boolean;
}

const readOptions = optionsOf('AveragedModel', {
  device: [orNull(deviceKind), null],
  avgFn: [orNull(synchronous<AvgFn>()), null],
  multiAvgFn: [orNull(synchronous<MultiAvgFn>()), null],
  useBuffers: [flag, false],
});

/**
 * A copy of a model whose parameters are averages of the model's over the course of training, as `torch.optim.swa_utils.AveragedModel`. Its
 * state dict has PyTorch's names: `n_averaged`, and those of the model behind `module.`.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where both functions are given.
 * @see Izmailov, Podoprikhin, Garipov, Vetrov & Wilson, "Averaging weights leads to wider optima and better generalization", 2018.
 *
 * @example
 * const { AveragedModel, getEmaMultiAvgFn } = optim.swaUtils;
 * const ema = new AveragedModel(model, { multiAvgFn: getEmaMultiAvgFn(0.999) });
 * for (const [x, y] of loader) {
 *   train(model, x, y);
 *   ema.updateParameters(model);
 * }
 * const prediction = ema.call(x);
 */
export class AveragedModel<M extends Module = Module> extends Module {
  /** The copy that holds the averages. */
  readonly module: M;
  /** How many models the averages are of, int64. */
  declare n_averaged: Tensor;
  /** Whether buffers are averaged. */
  readonly useBuffers: boolean;
  // Not #private: a deep copy takes it along.
  private readonly average: MultiAvgFn;
  // Whether it is a function of the user's, which may throw in the middle.
  private readonly mayThrow: boolean;

  constructor(model: M, options?: AveragedModelOptions) {
    super();
    if (!(model instanceof Module)) throw invalidArgument('model', 'a Module', model);
    const { device, avgFn, multiAvgFn, useBuffers } = readOptions(options);
    alternativeOf<string, unknown>('AveragedModel', { avgFn, multiAvgFn });
    this.module = deepcopy(model);
    if (device !== null) this.module.to(device);
    this.registerBuffer('n_averaged', tensor(0n, { dtype: int64, ...(device !== null && { device }) }));
    this.useBuffers = useBuffers;
    this.average = multiAvgFn ?? each(avgFn ?? getSwaAvgFn());
    const given = multiAvgFn ?? avgFn;
    this.mayThrow = given !== null && !own.has(given);
  }

  override forward(...args: Parameters<M['forward']>): ReturnType<M['forward']> {
    return (this.module as Module).call(...args) as ReturnType<M['forward']>;
  }

  /**
   * Takes the parameters of `model`, of the class of the one that this was made of, into the averages; the first time it copies them.
   *
   * @throws {TorchClipError} `ERR_SHAPE` where its tensors are others than those of the averages; nothing changes then, nor when a function
   * that averages throws.
   */
  updateParameters(model: Module): void {
    if (!(model instanceof Module)) throw invalidArgument('model', 'a Module', model);
    noGrad(() => {
      const own = [...this.module.parameters(), ...this.module.buffers()];
      const theirs = [...model.parameters(), ...model.buffers()];
      const fits = own.length === theirs.length && own.every((t, i) => t.shape.join() === theirs[i]!.shape.join());
      if (!fits) throw new TorchClipError('ERR_SHAPE', '"model" must have the tensors of the model that is averaged');
      const current = theirs.map((t, i) => t.detach().to({ device: own[i]!.device }));
      const averaged = own.map((t) => t.detach());
      const n = Number(this.n_averaged.item());
      const count = this.useBuffers ? own.length : this.module.parameters().length;
      const before = this.mayThrow && n > 0 ? averaged.slice(0, count).map((t) => t.clone()) : [];
      try {
        for (const indices of n > 0 ? groupsBy(averaged.slice(0, count)) : []) {
          this.average(
            indices.map((i) => averaged[i]!),
            indices.map((i) => current[i]!),
            n,
          );
        }
      } catch (error) {
        for (const [i, values] of before.entries()) averaged[i]!.copy_(values);
        throw error;
      }
      // The first model, and buffers that are not averages.
      for (let i = n > 0 ? count : 0; i < own.length; i++) averaged[i]!.copy_(current[i]!);
      this.n_averaged.add_(1);
    });
  }
}

const each =
  (avgFn: AvgFn): MultiAvgFn =>
  (averaged, current, n) => {
    for (const [i, mean] of averaged.entries()) {
      const next: unknown = refuseLater('avgFn', avgFn(mean, current[i]!, n));
      if (!isTensor(next)) throw invalidArgument('the result of avgFn', 'a Tensor', next);
      mean.copy_(next);
    }
  };

/** The indices of tensors that have dtype and device in common. */
function groupsBy(tensors: readonly Tensor[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [i, { dtype, device }] of tensors.entries()) {
    const key = `${dtype.name} ${device}`;
    groups.set(key, [...(groups.get(key) ?? []), i]);
  }
  return [...groups.values()];
}

/**
 * Computes the running statistics of a model's BatchNorm layers anew, from one pass over data, as `torch.optim.swa_utils.update_bn`: those of
 * averaged weights are not the average of the statistics.
 *
 * @param loader batches: tensors, or arrays whose first element is the input.
 * @param options.device where batches are moved to; default where they are.
 * @throws what the loader or the model throws; the statistics are as they were then.
 *
 * @example
 * optim.swaUtils.updateBn(loader, averaged);
 */
export function updateBn(
  loader: Iterable<Tensor | readonly [Tensor, ...unknown[]]>,
  model: Module,
  options?: { device?: DeviceLike | null },
): void {
  if (!(model instanceof Module)) throw invalidArgument('model', 'a Module', model);
  if (typeof loader !== 'object' || loader === null || !(Symbol.iterator in loader)) {
    throw invalidArgument('loader', 'an iterable of batches', loader);
  }
  const { device } = readUpdate(options);
  const layers = model.modules().filter((module) => module instanceof BatchNorm);
  if (layers.length === 0) return;
  const momenta = layers.map(({ momentum }) => momentum);
  // One per module: some may be in evaluation on purpose.
  const modes = model.modules().map((module) => [module, module.training] as const);
  const setMomentum = (layer: BatchNorm, momentum: number | null) => {
    (layer as { momentum: number | null }).momentum = momentum;
  };
  const statistics = layers.flatMap((layer) => layer.buffers().map((buffer) => [buffer, buffer.clone()] as const));
  try {
    for (const layer of layers) {
      layer.resetRunningStats();
      setMomentum(layer, null);
    }
    model.train();
    noGrad(() => {
      for (const batch of loader) {
        const input: unknown = Array.isArray(batch) ? batch[0] : batch;
        if (!isTensor(input))
          throw invalidArgument('a batch of loader', 'a Tensor, or an array that begins with one', batch);
        const { call } = model as Module & { call(x: Tensor): unknown };
        refuseLater('model.forward', call.call(model, device === null ? input : input.to({ device })));
      }
    });
  } catch (error) {
    noGrad(() => {
      for (const [buffer, values] of statistics) buffer.copy_(values);
    });
    throw error;
  } finally {
    for (const [i, layer] of layers.entries()) setMomentum(layer, momenta[i]!);
    for (const [module, training] of modes) module.training = training;
  }
}

const readUpdate = optionsOf('updateBn()', { device: [orNull(deviceKind), null] });

/** Options of {@link SWALR}. */
export interface SWALROptions {
  /** The rate at which averages are taken, one for all groups or an array with one for each. */
  swaLr: number | readonly number[];
  /** The epochs until it is reached; default 10. */
  annealEpochs?: number;
  /** The way there; default `'cos'`. */
  annealStrategy?: 'cos' | 'linear';
  /** The last epoch of the run that is resumed; default -1, a new run. */
  lastEpoch?: number;
}

const strategies = oneOf('cos', 'linear');

/**
 * Takes the learning rate to `swaLr` and leaves it there, as `torch.optim.swa_utils.SWALR`.
 *
 * @example
 * const scheduler = new optim.swaUtils.SWALR(optimizer, { swaLr: 0.05, annealEpochs: 5 });
 */
export class SWALR extends EpochScheduler {
  declare annealEpochs: number;
  declare _annealStrategy: 'cos' | 'linear';

  constructor(optimizer: Optimizer, options: SWALROptions) {
    const { swaLr, annealEpochs, annealStrategy, ...rest } = complete<SWALROptions>(
      'SWALR',
      optimizer,
      {
        swaLr: [shared(finiteNonNegative)],
        annealEpochs: [integer(0), 10],
        annealStrategy: [strategies, 'cos'],
        lastEpoch,
      },
      options,
    );
    const rates = spread(swaLr, groupsOf(optimizer));
    super(
      optimizer,
      { annealEpochs: integer(0), _annealStrategy: strategies },
      { ...rest, annealEpochs, _annealStrategy: annealStrategy } as { lastEpoch: number },
      (groups) => {
        for (const [i, group] of groups.entries()) group.swaLr = rates[i]!;
      },
    );
  }

  protected override next({ group, lr }: Point): number {
    const target = check('swaLr', group.swaLr ?? lr, finite);
    const step = this.annealEpochs === 0 ? Math.max(1, this._stepCount) : this._stepCount;
    const before = shareOf(this, step - 1);
    const start = before === 1 ? target : (lr - before * target) / (1 - before);
    const share = shareOf(this, step);
    return target * share + start * (1 - share);
  }
}

/** How far a schedule has come after that many steps. */
function shareOf({ annealEpochs, _annealStrategy }: SWALR, step: number): number {
  const t = Math.max(0, Math.min(1, step / Math.max(1, annealEpochs)));
  return _annealStrategy === 'linear' ? t : (1 - Math.cos(Math.PI * t)) / 2;
}
