import { native } from '../binding/index.js';
import { check, type Kind } from '../check.js';
import { full } from '../creation/index.js';
import { requireCuda } from '../cuda/available.js';
import type { ProcessGroup } from '../distributed/group.js';
import { allReduce } from '../distributed/reductions.js';
import { int32 } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { Optimizer } from '../optim/base/optimizer.js';
import { isPlainObject } from '../options.js';
import { keep } from '../scope.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { checkOutputs, type Outputs } from './outputs.js';
import { ScaledStep } from './scaled-step.js';
import {
  count,
  type GradScalerOptions,
  type GradScalerState,
  leastScale,
  readScalerOptions,
  scaleKind,
  scalerTable,
} from './scaler-options.js';
import { SkipCount } from './skip-count.js';

declare module '../binding/index.js' {
  interface Native {
    /** Multiplies the gradients; returns one tensor per device, 1 where NaN or inf was among them. */
    ampUnscale(parameters: Handle[], inverse: Handle): Handle[];
    ampUpdate(
      scale: Handle,
      growthTracker: Handle,
      foundInf: Handle,
      growthFactor: number,
      backoffFactor: number,
      growthInterval: number,
    ): void;
  }
}

interface Progress {
  status: 'unscaled' | 'stepped';
  /** One per device. */
  foundInf: Tensor[];
}

/**
 * Scales the loss so that small gradients survive in half precision, and finds the scale by itself, as `torch.amp.GradScaler`.
 *
 * A step whose gradients hold NaN or inf is skipped; an optimizer with `nonFinite: 'skip'`, the default with a clipper, counts it.
 * The engine multiplies by the inverse of the scale on the gradients' way into the step, in float32 or wider, and looks for NaN and
 * inf there: nothing waits, and `grad` stays scaled unless the optimizer has `writeBack`.
 *
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` for the device `'cuda'` where there is no GPU, unless `enabled` is false:
 * PyTorch warns, and goes on without scaling.
 *
 * @example
 * const scaler = new torch.GradScaler();
 * const loss = torch.autocast({ deviceType: 'cuda' }, () => lossFn(model.forward(x), y));
 * scaler.scale(loss).backward();
 * scaler.step(optimizer);
 * scaler.update();
 * @see https://pytorch.org/docs/stable/amp.html#gradient-scaling
 */
export class GradScaler {
  readonly #enabled: boolean;
  readonly #device: string;
  #initScale: number;
  #initTracker = 0;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  // Made on the device of the first output.
  #scale: Tensor | undefined;
  #tracker: Tensor | undefined;
  readonly #skips: SkipCount;
  #progress = new Map<Optimizer, Progress>();

  constructor(options?: GradScalerOptions) {
    const all = readScalerOptions(options, new.target.name);
    if (all.enabled && all.device === 'cuda') requireCuda('GradScaler on the device "cuda"');
    this.#enabled = all.enabled;
    this.#device = all.device;
    this.#initScale = all.initScale;
    this.#growthFactor = all.growthFactor;
    this.#backoffFactor = all.backoffFactor;
    this.#growthInterval = all.growthInterval;
    this.#skips = new SkipCount(all.maxConsecutiveSkips);
  }

  /** The outputs times the scale; themselves where the scaler is not enabled. */
  scale(outputs: Tensor): Tensor;
  scale<T extends Outputs>(outputs: T): T;
  scale(outputs: Outputs): Outputs {
    if (!this.#enabled) return outputs;
    checkOutputs(outputs);
    return this.#scaled(outputs);
  }

  #scaled(outputs: Outputs): Outputs {
    if (!isTensor(outputs)) return outputs.map((output) => this.#scaled(output));
    const { device } = outputs;
    this.#scale ??= keep(full([], this.#initScale, { device }));
    this.#tracker ??= keep(full([], this.#initTracker, { dtype: int32, device }));
    return outputs.mul(this.#scale.to({ device, nonBlocking: true }));
  }

  /**
   * Divides the gradients of the optimizer's parameters by the scale, for code that looks at them or clips them before
   * {@link step}, in a pass of its own; complex gradients as pairs of reals. Waits for nothing.
   *
   * @throws {TorchClipError} `ERR_STATE` when it was called before since the last {@link update}, `ERR_DTYPE` for gradients
   * of dtype float16 or complex32; no gradient is changed then.
   */
  unscale_(optimizer: Optimizer): void {
    checkOptimizer(optimizer);
    if (!this.#enabled) return;
    const [scale] = this.#started('unscale_');
    const status = this.#progress.get(optimizer)?.status;
    if (status === 'unscaled') {
      throw new TorchClipError(
        'ERR_STATE',
        'unscale_() has already been called on this optimizer since the last update().',
      );
    }
    if (status === 'stepped') throw new TorchClipError('ERR_STATE', 'unscale_() is being called after step().');
    const inverse = inverseOf(scale);
    const parameters = optimizer.addedGroups.flatMap(({ params }) => params.map((p) => p.handle));
    const foundInf = native.ampUnscale(parameters, inverse.handle).map((handle) => keep(wrap(handle)));
    const { sharedBy } = optimizer;
    this.#progress.set(optimizer, {
      status: 'unscaled',
      foundInf: sharedBy === null ? foundInf : [foundByAny(foundInf, sharedBy)],
    });
  }

  /**
   * Takes the optimizer's step with unscaled gradients unless they hold NaN or inf. Waits for the device after {@link unscale_}, for an
   * optimizer that does not skip by itself; else, as the optimizer's own step, for nothing.
   *
   * @returns whether the step was skipped, as `skipped`, which waits for the device when it is read.
   * @throws {TorchClipError} `ERR_STATE` when it was called before since the last {@link update}, or when no parameter has a
   * gradient; `ERR_NONFINITE` as the optimizer's own step does, and {@link update} can then still lower the scale.
   *
   * @example
   * const { skipped } = scaler.step(optimizer);
   * scaler.update();
   * if (!skipped) scheduler.step();
   */
  step(optimizer: Optimizer): ScaledStep {
    checkOptimizer(optimizer);
    if (!this.#enabled) {
      optimizer.step();
      return new ScaledStep([]);
    }
    const [scale] = this.#started('step');
    if (this.#progress.get(optimizer)?.status === 'stepped') {
      throw new TorchClipError('ERR_STATE', 'step() has already been called since the last update().');
    }
    if (!this.#progress.has(optimizer)) {
      if (optimizer.takesScaledSteps) {
        const { found, refusal } = optimizer.stepScaled(inverseOf(scale));
        if (found === null) throw refusal ?? nothingRecorded();
        const foundInf = [keep(found)];
        this.#progress.set(optimizer, { status: 'stepped', foundInf });
        if (refusal !== undefined) throw refusal;
        return new ScaledStep(foundInf);
      }
      // With reference: true, or with a step() of the user's own, gradients must be unscaled before the step.
      this.unscale_(optimizer);
    }
    const progress = this.#progress.get(optimizer)!;
    const { foundInf } = progress;
    if (foundInf.length === 0) throw nothingRecorded();
    // An optimizer that skips finds out by itself, on the device: nothing is read back.
    if (optimizer.nonFinite !== 'skip' && foundInf.some((found) => found.item() !== 0)) {
      optimizer.stepCalls++;
    } else {
      try {
        optimizer.step();
      } catch (error) {
        if (isNonFinite(error)) progress.status = 'stepped';
        throw error;
      }
    }
    progress.status = 'stepped';
    return new ScaledStep(foundInf);
  }

  /**
   * Adjusts the scale after the steps since the last update, or sets it; to be called at the end of each iteration.
   *
   * @param newScale the scale to go on with, within the bounds of `initScale`: a number, or a tensor of one element on the scaler's
   * device, whose value is not looked at on a GPU.
   * @throws {TorchClipError} `ERR_NONFINITE` when more than `maxConsecutiveSkips` steps in a row were skipped; the scale has been adjusted by then.
   * On a GPU, which is not waited for, that may come a few updates late.
   */
  update(newScale?: number | Tensor): void {
    if (!this.#enabled) return;
    const [scale, tracker] = this.#started('update');
    if (newScale === undefined) {
      const flags = this.#found([...this.#progress]);
      if (flags === undefined) throw new TorchClipError('ERR_STATE', 'No inf checks were recorded prior to update.');
      const counted = this.#found([...this.#progress].filter(([optimizer]) => optimizer.nonFinite !== 'skip'));
      this.#move(scale, tracker, flags);
      this.#progress.clear();
      if (counted !== undefined) this.#skips.add(counted);
      return;
    }
    if (typeof newScale === 'number') {
      check('newScale', newScale, scaleKind);
      scale.fill_(newScale);
    } else {
      if (
        !isTensor(newScale) ||
        newScale.device.type !== this.#device ||
        newScale.numel() !== 1 ||
        newScale.requiresGrad
      ) {
        throw invalidArgument(
          'newScale',
          `a number, or a Tensor of one element on the device "${this.#device}" with requiresGrad false`,
          newScale,
        );
      }
      if (this.#device === 'cpu') check('newScale', newScale.item<number>(), scaleKind);
      scale.copy_(newScale.reshape([]));
    }
    this.#progress.clear();
  }

  /** A tensor of one number, more than 0 where some gradient held NaN or inf; nothing where no step looked. */
  #found(progress: [Optimizer, Progress][]): Tensor | undefined {
    const [first, ...rest] = progress.flatMap(([, { foundInf }]) => foundInf);
    const { device } = this.#scale!;
    const to = { device, nonBlocking: true };
    return first && rest.reduce((sum, flag) => sum.add(flag.to(to)), first.to(to));
  }

  #move(scale: Tensor, tracker: Tensor, found: Tensor): void {
    native.ampUpdate(
      scale.handle,
      tracker.handle,
      found.handle,
      this.#growthFactor,
      this.#backoffFactor,
      this.#growthInterval,
    );
    // With a scale of 0 every gradient would be NaN from then on.
    scale.clampMin_(leastScale);
  }

  #started(name: string): [scale: Tensor, tracker: Tensor] {
    if (this.#scale !== undefined && this.#tracker !== undefined) return [this.#scale, this.#tracker];
    throw new TorchClipError(
      'ERR_STATE',
      `Attempted ${name} but there is no scale yet: scaler.scale(loss) must be called earlier in the iteration.`,
    );
  }

  /** The scale, 1 where the scaler is not enabled. Waits for the device. */
  getScale(): number {
    if (!this.#enabled) return 1;
    return this.#scale === undefined ? this.#initScale : this.#scale.item();
  }
  getGrowthFactor(): number {
    return this.#growthFactor;
  }
  setGrowthFactor(growthFactor: number): void {
    check('growthFactor', growthFactor, scalerTable.growthFactor[0]);
    this.#growthFactor = growthFactor;
  }
  getBackoffFactor(): number {
    return this.#backoffFactor;
  }
  setBackoffFactor(backoffFactor: number): void {
    check('backoffFactor', backoffFactor, scalerTable.backoffFactor[0]);
    this.#backoffFactor = backoffFactor;
  }
  getGrowthInterval(): number {
    return this.#growthInterval;
  }
  setGrowthInterval(growthInterval: number): void {
    check('growthInterval', growthInterval, scalerTable.growthInterval[0]);
    this.#growthInterval = growthInterval;
  }
  /** Whether anything is scaled. */
  isEnabled(): boolean {
    return this.#enabled;
  }

  /** The scale and what moves it, in PyTorch's layout; empty where the scaler is not enabled. Call it after {@link update}. */
  stateDict(): GradScalerState | Record<string, never> {
    if (!this.#enabled) return {};
    return {
      scale: this.getScale(),
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#tracker === undefined ? this.#initTracker : this.#tracker.item(),
    };
  }

  /**
   * Goes on from a `stateDict()`, or from PyTorch's; does nothing where the scaler is not enabled.
   *
   * @throws {TorchClipError} `ERR_STATE` where it is empty, or lacks a number or holds one that the constructor refuses; nothing changes then.
   */
  loadStateDict(stateDict: GradScalerState | Record<string, never>): void {
    if (!this.#enabled) return;
    if (!isPlainObject(stateDict)) throw invalidArgument('stateDict', 'a plain object', stateDict);
    const entries: Readonly<Record<string, unknown>> = stateDict;
    if (Object.keys(entries).length === 0) {
      throw new TorchClipError(
        'ERR_STATE',
        'The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.',
      );
    }
    const number = (name: keyof GradScalerState, kind: Kind<number>): number =>
      check(`stateDict.${name}`, entries[name], kind, 'ERR_STATE');
    const scale = number('scale', scaleKind);
    const tracker = number('_growth_tracker', count);
    const growth = number('growth_factor', scalerTable.growthFactor[0]);
    const backoff = number('backoff_factor', scalerTable.backoffFactor[0]);
    const interval = number('growth_interval', scalerTable.growthInterval[0]);
    this.#initScale = scale;
    this.#initTracker = tracker;
    this.#growthFactor = growth;
    this.#backoffFactor = backoff;
    this.#growthInterval = interval;
    this.#scale?.fill_(scale);
    this.#tracker?.fill_(tracker);
  }
}

// A reciprocal in float32 may differ with the compiler's options.
const inverseOf = (scale: Tensor) => scale.double().reciprocal().float();

const nothingRecorded = () => new TorchClipError('ERR_STATE', 'No inf checks were recorded for this optimizer.');

const isNonFinite = (error: unknown) => error instanceof TorchClipError && error.code === 'ERR_NONFINITE';

/** 1 where any rank has found NaN or inf, so that all take the step or none does. */
function foundByAny(found: readonly Tensor[], group: ProcessGroup): Tensor {
  const any = keep(full([], Number(found.some((flag) => flag.item() !== 0))));
  allReduce(any, { op: 'max', group, wait: true });
  return any;
}

function checkOptimizer(optimizer: unknown): asserts optimizer is Optimizer {
  if (!(optimizer instanceof Optimizer)) throw invalidArgument('optimizer', 'an Optimizer', optimizer);
}
