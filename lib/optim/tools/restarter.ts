import { noGrad } from '../../autograd/index.js';
import { integer, kind, nonNegative, orNull, synchronous } from '../../check.js';
import { type Dtype, float32 } from '../../dtype.js';
import { describe, invalidArgument } from '../../errors.js';
import { optionsOf } from '../../options.js';
import { keep } from '../../scope.js';
import { sameShape, shapeText } from '../../shape.js';
import { refuseLater } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { Optimizer } from '../base/optimizer.js';
import { hasValues, mismatch, savedCount } from '../engine/saved.js';
import type { OptimizerStateDict } from '../state/state-dict.js';

/** Options of {@link Restarter}. */
export interface RestarterOptions {
  /** Steps of the first stretch, an integer >= 1; default 100. */
  firstStretch?: number;
  /** How many times as long each stretch is as the one before, >= 1; lengths are rounded down; default 1.5. */
  growth?: number;
  /** A stretch that would be longer does not end: from there on the optimizer runs alone; >= 0 or Infinity, default 5000. */
  longest?: number;
  /** Called after each restart, to start a schedule anew for example; default null. */
  onRestart?: (() => void) | null;
}

const readOptions = optionsOf('Restarter', {
  firstStretch: [integer(1), 100],
  growth: [kind<number>('a finite number >= 1', (x) => Number.isFinite(x) && (x as number) >= 1), 1.5],
  longest: [nonNegative, 5000],
  onRestart: [orNull(synchronous<() => void>()), null],
});

/** What {@link Restarter.stateDict} returns. */
export interface RestarterStateDict {
  /** The optimizer's state. */
  optimizer: OptimizerStateDict;
  restarts: number;
  /** Steps taken in this stretch. */
  steps: number;
  /** The mean of the stretch's iterates, a tensor per parameter; null before its first step and after the last restart. */
  mean: Tensor[] | null;
}

/**
 * Averages the iterates of a stretch of steps, puts the mean in place of the parameters and has the optimizer begin anew there, by its
 * `resetState`; each stretch is longer than the one before.
 *
 * The optimizer stays the same object, so schedulers, gradient scalers and hooks go on with it, and so do its groups, the options that were
 * assigned to them and its counts of skipped steps. An iterate is what the parameters hold after a step. The means take the memory of the
 * parameters once more, in float32, or in float64 for double precision.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see the restarts of Gorbunov, Danilova & Gasnikov, "Stochastic optimization with heavy-tailed noise via accelerated gradient
 * clipping", 2020.
 *
 * @example
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, clip: clip.norm(1) });
 * const restarter = new optim.Restarter(optimizer);
 * optimizer.zeroGrad();
 * loss.backward();
 * restarter.step();
 */
export class Restarter {
  /** The optimizer that takes the steps. */
  readonly optimizer: Optimizer;
  readonly #firstStretch: number;
  readonly #growth: number;
  readonly #longest: number;
  readonly #onRestart: (() => void) | null;
  readonly #means = new Map<Tensor, Tensor>();
  #restarts = 0;
  #steps = 0;

  constructor(optimizer: Optimizer, options?: RestarterOptions) {
    if (!(optimizer instanceof Optimizer)) throw invalidArgument('optimizer', 'an Optimizer', optimizer);
    const { firstStretch, growth, longest, onRestart } = readOptions(options);
    this.optimizer = optimizer;
    this.#firstStretch = firstStretch;
    this.#growth = growth;
    this.#longest = longest;
    this.#onRestart = onRestart;
  }

  /** How often the parameters were replaced by a mean. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Steps of this stretch; Infinity where it does not end. */
  get stretch(): number {
    const length = Math.floor(this.#firstStretch * this.#growth ** this.#restarts);
    return length > this.#longest ? Infinity : length;
  }

  #params(): Tensor[] {
    return this.optimizer.addedGroups.flatMap(({ params }) => params);
  }

  /**
   * Takes a step of the optimizer; at the end of a stretch the parameters then become the mean. A step that throws does not count, one that
   * was skipped for its gradients does. A group that is added within a stretch is averaged from there on.
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    const loss = closure === undefined ? this.optimizer.step() : this.optimizer.step(closure);
    const stretch = this.stretch;
    if (stretch === Infinity) return loss;
    this.#steps++;
    const ends = this.#steps >= stretch;
    noGrad(() => {
      for (const param of this.#params()) {
        const mean = this.#means.get(param);
        if (mean === undefined) this.#means.set(param, copyOf(param));
        else if (this.#steps === 1) mean.copy_(param);
        else mean.lerp_(param.to({ dtype: mean.dtype }), 1 / this.#steps);
        if (ends) param.copy_(this.#means.get(param)!);
      }
    });
    if (ends) {
      this.#restarts++;
      this.#steps = 0;
      // Last, so that it begins at the mean.
      this.optimizer.resetState();
      if (this.#onRestart !== null) refuseLater('onRestart', this.#onRestart());
    }
    return loss;
  }

  /** Copies of the optimizer's state, the mean so far and the position in the stretch. The parameters are the model's to save. */
  stateDict(): RestarterStateDict {
    return {
      optimizer: this.optimizer.stateDict(),
      restarts: this.#restarts,
      steps: this.#steps,
      mean: this.#steps === 0 ? null : this.#params().map((param) => (this.#means.get(param) ?? copyOf(param)).clone()),
    };
  }

  /**
   * Continues from a {@link Restarter.stateDict}, bit for bit where the options and the parameters are those of its owner.
   *
   * @throws {TorchClipError} `ERR_STATE` for a state that does not fit; nothing changes then.
   */
  loadStateDict(stateDict: RestarterStateDict): void {
    if (typeof stateDict !== 'object' || stateDict === null) throw invalidArgument('stateDict', 'an object', stateDict);
    const { optimizer, mean } = stateDict;
    const [restarts, steps] = [savedCount('restarts', stateDict.restarts), savedCount('steps', stateDict.steps)];
    const params = this.#params();
    if (steps === 0 ? mean !== null : !Array.isArray(mean) || mean.length !== params.length) {
      const expected = steps === 0 ? 'mean must be null' : `mean must be ${params.length} Tensors`;
      throw mismatch(`${expected}, got ${describe(mean)}`);
    }
    const means = params.map((param, i) => {
      if (mean === null) return null;
      const value: unknown = mean[i];
      if (!isTensor(value) || !hasValues(value) || !sameShape(value.shape, param.shape)) {
        const got = isTensor(value) ? shapeText(value.shape) : describe(value);
        throw mismatch(`mean[${i}] must be a Tensor of shape ${shapeText(param.shape)}, got ${got}`);
      }
      return keep(
        value
          .detach()
          .to({ dtype: wide(param), device: param.device })
          .clone(),
      );
    });
    this.optimizer.loadStateDict(optimizer);
    for (const [i, param] of params.entries()) if (means[i]) this.#means.set(param, means[i]);
    this.#restarts = restarts;
    this.#steps = steps;
  }
}

// Half precision would lose the mean of many iterates to rounding.
const wide = ({ dtype }: Tensor): Dtype => (dtype.itemsize < 4 ? float32 : dtype);

const copyOf = (param: Tensor): Tensor =>
  keep(
    param
      .detach()
      .to({ dtype: wide(param) })
      .clone(),
  );
