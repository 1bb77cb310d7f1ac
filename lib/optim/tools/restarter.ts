import { noGrad } from '../../autograd.js';
import { callable, integer, kind, listOf, nonNegative } from '../../check.js';
import { type Dtype, float32 } from '../../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import { keep } from '../../scope.js';
import { sameShape, shapeText } from '../../shape.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { Optimizer } from '../base/optimizer.js';
import type { OptimizerStateDict } from '../state/state-dict.js';

/** Options of {@link Restarter}. */
export interface RestarterOptions {
  /** Makes an optimizer of the parameters without any state; called by the constructor and at every restart. */
  start: () => Optimizer;
  /** Steps of the first stretch, an integer >= 1; default 100. */
  firstStretch?: number;
  /** The length of each stretch relative to the one before, >= 1; lengths are rounded down; default 1.5. */
  growth?: number;
  /** Once a stretch would exceed this, no further restart happens; >= 0 or Infinity, default 5000. */
  longest?: number;
}

const readOptions = optionsOf('Restarter', {
  start: [callable<() => Optimizer>()],
  firstStretch: [integer(1), 100],
  growth: [kind<number>('a finite number >= 1', (x) => Number.isFinite(x) && (x as number) >= 1), 1.5],
  longest: [nonNegative, 5000],
});

/** What {@link Restarter.stateDict} returns. */
export interface RestarterStateDict {
  /** The state of the optimizer of this stretch. */
  optimizer: OptimizerStateDict;
  restarts: number;
  /** Steps taken in this stretch. */
  steps: number;
  /** The mean of the stretch's iterates, one tensor per parameter; null before its first step and after the last restart. */
  mean: Tensor[] | null;
}

/**
 * Averages the iterates of a stretch of steps, puts the mean in place of the parameters and starts a fresh optimizer there; each
 * stretch is longer than the one before.
 *
 * An iterate is what the parameters hold after a step. The means need as much memory as the parameters, in float32, or in
 * float64 for double precision.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see the restarts of Gorbunov, Danilova & Gasnikov, "Stochastic optimization with heavy-tailed noise via accelerated gradient
 * clipping", 2020.
 *
 * @example
 * const params = model.parameters();
 * const restarter = new optim.Restarter(params, { start: () => new optim.SGD(params, { lr: 0.1, clip: clip.norm(1) }) });
 * restarter.optimizer.zeroGrad();
 * loss.backward();
 * restarter.step();
 */
export class Restarter {
  readonly #params: Tensor[];
  readonly #means: readonly Tensor[];
  readonly #start: () => Optimizer;
  readonly #firstStretch: number;
  readonly #growth: number;
  readonly #longest: number;
  #optimizer: Optimizer;
  #restarts = 0;
  #steps = 0;

  /** @param params the tensors that are averaged, which the optimizers of `start` update. */
  constructor(params: Iterable<Tensor>, options: RestarterOptions) {
    const { start, firstStretch, growth, longest } = readOptions(options, new.target.name);
    if (isTensor(params)) throw invalidArgument('params', 'an iterable of Tensors', params);
    this.#params = listOf('params', params, tensor, 'an iterable of Tensors');
    this.#start = start;
    this.#firstStretch = firstStretch;
    this.#growth = growth;
    this.#longest = longest;
    this.#optimizer = this.#fresh();
    this.#means = this.#params.map((param) =>
      keep(
        param
          .detach()
          .to({ dtype: wide(param) })
          .clone(),
      ),
    );
  }

  /** The optimizer of this stretch; another one after every restart. */
  get optimizer(): Optimizer {
    return this.#optimizer;
  }

  /** How often the parameters were replaced by a mean. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The number of steps of this stretch; Infinity if it does not end. */
  get stretch(): number {
    const length = Math.floor(this.#firstStretch * this.#growth ** this.#restarts);
    return length > this.#longest ? Infinity : length;
  }

  /**
   * Takes a step of the optimizer, as {@link Optimizer.step}; at the end of a stretch the parameters then become the mean. A step
   * that throws does not count; one that was skipped because of its gradients does.
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    const loss = closure === undefined ? this.#optimizer.step() : this.#optimizer.step(closure);
    const stretch = this.stretch;
    if (stretch === Infinity) return loss;
    this.#steps++;
    const ends = this.#steps >= stretch;
    noGrad(() => {
      this.#means.forEach((mean, i) => {
        const param = this.#params[i]!;
        if (this.#steps === 1) mean.copy_(param);
        else mean.lerp_(param.to({ dtype: mean.dtype }), 1 / this.#steps);
        if (ends) param.copy_(mean);
      });
    });
    if (ends) {
      this.#restarts++;
      this.#steps = 0;
      // Last, so that the new optimizer starts from the mean.
      this.#optimizer = this.#fresh();
    }
    return loss;
  }

  /** Copies of the optimizer's state, of the mean so far and of the position in the stretch. Save the parameters with the model. */
  stateDict(): RestarterStateDict {
    return {
      optimizer: this.#optimizer.stateDict(),
      restarts: this.#restarts,
      steps: this.#steps,
      mean: this.#steps === 0 ? null : this.#means.map((mean) => mean.clone()),
    };
  }

  /**
   * Continues from a `stateDict()`, bit for bit where the options and the parameters are those of its owner.
   *
   * @throws {TorchClipError} `ERR_STATE` for a state that does not fit; nothing changes then.
   */
  loadStateDict(stateDict: RestarterStateDict): void {
    if (typeof stateDict !== 'object' || stateDict === null) throw invalidArgument('stateDict', 'an object', stateDict);
    const { optimizer, restarts, steps, mean } = stateDict;
    for (const [name, count] of Object.entries({ restarts, steps })) {
      if (!Number.isSafeInteger(count) || count < 0) throw mismatch(`${name} must be an integer >= 0`, count);
    }
    if (steps === 0 ? mean !== null : !Array.isArray(mean) || mean.length !== this.#means.length) {
      throw mismatch(steps === 0 ? 'mean must be null' : `mean must be ${this.#means.length} Tensors`, mean);
    }
    mean?.forEach((value, i) => {
      const shape = this.#means[i]!.shape;
      if (!isTensor(value) || !sameShape(value.shape, shape)) {
        throw mismatch(
          `mean[${i}] must be a Tensor of shape ${shapeText(shape)}`,
          isTensor(value) ? value.shape : value,
        );
      }
    });
    this.#optimizer.loadStateDict(optimizer);
    noGrad(() => {
      mean?.forEach((value, i) => {
        this.#means[i]!.copy_(value);
      });
    });
    this.#restarts = restarts;
    this.#steps = steps;
  }

  #fresh(): Optimizer {
    const optimizer = this.#start();
    if (!(optimizer instanceof Optimizer))
      throw invalidArgument('start', 'a function that returns an Optimizer', optimizer);
    return optimizer;
  }
}

// Half precision would lose the mean of many iterates to rounding.
const wide = ({ dtype }: Tensor): Dtype => (dtype.itemsize < 4 ? float32 : dtype);

const mismatch = (problem: string, got: unknown) => new TorchClipError('ERR_STATE', `${problem}, got ${describe(got)}`);
