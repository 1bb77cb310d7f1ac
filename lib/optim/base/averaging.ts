import { noGrad } from '../../autograd/index.js';
import { TorchClipError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { kept, savedTensor } from '../engine/saved.js';
import { type OptimizerStateDict, ownStates } from '../state/state-dict.js';
import { Optimizer } from './optimizer.js';

// In evaluation, the state dict has this additional entry per parameter.
const trained = 'training_point';

/**
 * The base of optimizers that take gradients at one point and whose result is another, an average: parameters hold the first while
 * training, and the second between {@link eval} and {@link train}.
 */
export abstract class AveragingOptimizer<G extends { lr?: number }> extends Optimizer<G> {
  // In evaluation: the training values of the parameters that were exchanged.
  #trained: Map<Tensor, Tensor> | null = null;

  /** @internal The result for each parameter, null for those that have taken no step. */
  protected abstract results(): (Tensor | null)[];

  /** Whether parameters hold the method's result: after `eval()`. */
  get evaluating(): boolean {
    return this.#trained !== null;
  }

  /**
   * Puts the method's result into the parameters, for evaluation and for saving a model; {@link train} undoes it, bit for bit.
   * Calling it again has no effect.
   */
  eval(): void {
    if (this.#trained !== null) return;
    if (this.engineRuns) throw new TorchClipError('ERR_STATE', 'eval() cannot be called in the middle of a step');
    noGrad(() => {
      const results = this.results();
      const exchanged = this.paramGroups
        .flatMap(({ params }) => params)
        .flatMap((param, i) => (results[i] === null ? [] : [[param, kept(param), results[i]!] as const]));
      for (const [param, , result] of exchanged) param.copy_(result);
      this.#trained = new Map(exchanged.map(([param, copy]) => [param, copy]));
    });
  }

  /** Puts the point where training goes on back into the parameters. */
  train(): void {
    const points = this.#trained;
    if (points === null) return;
    noGrad(() => {
      for (const [param, point] of points) param.copy_(point);
    });
    this.#trained = null;
  }

  protected override beforeStep(): void {
    if (this.#trained !== null) {
      throw new TorchClipError('ERR_STATE', 'step() cannot be taken between eval() and train(): call train() first');
    }
  }

  /** @internal In evaluation it also holds where training goes on. */
  protected override saveDict(): OptimizerStateDict {
    const dict = super.saveDict();
    if (this.#trained === null) return dict;
    for (const [number, param] of this.paramGroups.flatMap(({ params }) => params).entries()) {
      const point = this.#trained.get(param);
      if (point !== undefined) dict.state[number] = { ...dict.state[number], [trained]: point.clone() };
    }
    return dict;
  }

  /**
   * @internal The optimizer is then in training or evaluation as it was when it was saved; parameters are left alone, so they must
   * come from the same moment.
   */
  protected override loadDict(stateDict: OptimizerStateDict): void {
    const own = ownStates(stateDict, this.addedGroups);
    const points = this.paramGroups
      .flatMap(({ params }) => params)
      .flatMap((param, i) => {
        const point: unknown = own[i]?.[trained];
        return point === undefined ? [] : [[param, savedTensor(`state[${i}].${trained}`, point, param)] as const];
      });
    const state = Object.entries(stateDict.state).map(([number, saved]) => {
      const { [trained]: _, ...rest } = saved;
      return [number, rest];
    });
    super.loadDict({ ...stateDict, state: Object.fromEntries(state) });
    this.#trained = points.length > 0 ? new Map(points) : null;
  }

  protected override forget(): void {
    if (this.#trained !== null) {
      throw new TorchClipError(
        'ERR_STATE',
        'resetState() cannot be called between eval() and train(): call train() first',
      );
    }
    super.forget();
  }
}
