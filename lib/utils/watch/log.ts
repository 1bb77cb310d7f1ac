import { check, integer, kind } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { type PathLike, pathOf } from '../../io/file.js';
import { getTotalNorm } from '../../nn/utils/index.js';
import { optionsOf } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { SummaryWriter } from '../tensorboard/writer.js';
import { tags } from './run.js';

/** What {@link RunLog} asks of an optimizer. */
interface Clipping {
  readonly clip?: unknown;
  readonly clipStats: {
    readonly norm: Tensor;
    readonly coefficient: Tensor;
    readonly threshold: Tensor;
  } | null;
}

/** What {@link RunLog} asks of a model. */
interface Named {
  namedParameters(): Iterable<readonly [string, Tensor]>;
}

/** What a {@link RunLog} looks at. */
export interface RunLogOptions {
  /** Its norms, levels and clipped steps are written; default none. */
  optimizer?: Clipping;
  /** The norms of its parameters' gradients are written, and that of all of them where the optimizer measures none. */
  model?: Named;
  /** Every how many steps that is; default 10, as each norm is a pass over a gradient. */
  layersEvery?: number;
  /**
   * The number of the first step; default 1. A run that goes on after an interruption says here where: what it wrote of that step and of later
   * ones before is replaced.
   */
  firstStep?: number;
}

const readOptions = optionsOf('utils.RunLog', {
  optimizer: [
    kind<Clipping>('an Optimizer', (value) => typeof value === 'object' && value !== null && 'clipStats' in value),
    undefined,
  ],
  model: [
    kind<Named>('a Module', (value) => typeof (value as Partial<Named> | null)?.namedParameters === 'function'),
    undefined,
  ],
  layersEvery: [integer(1), 10],
  firstStep: [integer(0), undefined],
});

/**
 * Writes a run's loss and clipping step by step, for {@link report}, `npx torch-clip watch` and TensorBoard.
 *
 * @param folder the run's folder, such as `'runs/norm-1'`.
 *
 * @example
 * using log = new utils.RunLog('runs/norm-1', { optimizer, model });
 * for (const [x, y] of loader) {
 *   optimizer.zeroGrad();
 *   const loss = criterion.forward(model.forward(x), y);
 *   loss.backward();
 *   optimizer.step();
 *   log.step(loss);
 * }
 */
export class RunLog {
  /** For whatever else is to be written. */
  readonly writer: SummaryWriter;
  readonly #optimizer: Clipping | undefined;
  readonly #model: Named | undefined;
  readonly #layersEvery: number;
  #steps = 0;

  constructor(folder: PathLike, options: RunLogOptions = {}) {
    const target = pathOf(folder, 'folder');
    const { optimizer, model, layersEvery, firstStep } = readOptions(options);
    this.#optimizer = optimizer;
    this.#model = model;
    this.#layersEvery = layersEvery;
    if (firstStep !== undefined) this.#steps = firstStep - 1;
    this.writer = new SummaryWriter(target, firstStep === undefined ? {} : { purgeStep: firstStep });
  }

  /**
   * Writes a step: call it after the optimizer's `step()` and before the gradients are cleared.
   *
   * @param loss a number, or a tensor of one.
   * @param step its number; default: one more than the last, from `firstStep` on.
   */
  step(loss: number | Tensor, step?: number): void {
    const value = isTensor(loss) && loss.numel() === 1 ? Number(loss.detach().item()) : loss;
    if (typeof value !== 'number') throw invalidArgument('loss', 'a number, or a tensor of one', loss);
    const at = step === undefined ? this.#steps + 1 : check('step', step, integer(0));
    this.#steps = at;
    this.writer.addScalar(tags.loss, value, at);
    if (!this.#clipping(at)) this.#norm(at);
    if (this.#model !== undefined && (at - 1) % this.#layersEvery === 0) {
      for (const [name, { grad }] of this.#model.namedParameters()) {
        if (grad !== null) this.writer.addScalar(`${tags.layers}${name}`, grad.norm(), at);
      }
    }
  }

  /** What the optimizer's clipper saw and did; whether there was a norm. */
  #clipping(at: number): boolean {
    const stats = this.#optimizer?.clipStats;
    if (this.#optimizer?.clip == null || stats == null || stats.norm.numel() === 0) return false;
    const { norm, coefficient, threshold } = stats;
    if (threshold.numel() === 1) {
      const level = Number(threshold.item());
      if (Number.isFinite(level)) this.writer.addScalar(tags.threshold, level, at);
    }
    this.writer.addScalar(tags.clipped, coefficient.ne(1).double().mean(), at);
    // Several units: the norm of all of them.
    const whole = Number(norm.norm().item());
    if (Number.isNaN(whole)) return false;
    this.writer.addScalar(tags.norm, whole, at);
    return true;
  }

  /** The norm of all gradients. */
  #norm(at: number): void {
    const gradients = [...(this.#model?.namedParameters() ?? [])].flatMap(([, { grad }]) => grad ?? []);
    if (gradients.length > 0) this.writer.addScalar(tags.norm, getTotalNorm(gradients), at);
  }

  /** Closes the file. */
  close(): void {
    this.writer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
