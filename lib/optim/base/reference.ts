import { enableGrad, noGrad } from '../../autograd.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import type { Definition } from '../engine/options.js';
import { mismatch } from '../engine/saved.js';
import type { ReferenceGroup, ReferenceState, ReferenceStepper } from '../originals/stepper.js';
import type { OptimizerStateDict } from '../state/state-dict.js';
import { type CommonOptions, Optimizer, type Parameters } from './optimizer.js';

/** How an optimizer runs as its authors' code: what its groups hold, and what takes its steps. */
export interface Reference<G> {
  definition: Definition<G>;
  options: G;
  stepper: ReferenceStepper<G>;
}

const own = ['clip', 'nonFinite', 'maxConsecutiveSkips', 'writeBack'];

/** Refuses what the originals know nothing of. */
export function onlyOriginal(options: object): void {
  const name = own.find((option) => Object.hasOwn(options, option));
  if (name !== undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"${name}" goes without reference: true, as the original has nothing like it`,
    );
  }
}

/** The base of the optimizers that can also run as their authors' code did. */
export abstract class ReferenceOptimizer<G extends { lr?: number }> extends Optimizer<G> {
  readonly #stepper: ReferenceStepper<G> | null;

  /**
   * @internal
   * @param reference null for a run on the engine.
   */
  protected constructor(
    definition: Definition<G>,
    params: Parameters<G>,
    options: G & CommonOptions,
    reference: Reference<G> | null,
  ) {
    super(reference?.definition ?? definition, params, reference?.options ?? options);
    this.#stepper = reference?.stepper ?? null;
  }

  override step(): undefined;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T | undefined {
    const stepper = this.#stepper;
    if (stepper === null) return closure === undefined ? super.step() : super.step(closure);
    if (closure !== undefined && typeof closure !== 'function') throw invalidArgument('closure', 'a function', closure);
    const loss = closure && enableGrad(closure);
    noGrad(() => stepper.step(this.paramGroups as unknown as readonly ReferenceGroup<G>[]));
    return loss;
  }

  override stateDict(): OptimizerStateDict {
    const dict = super.stateDict();
    if (this.#stepper === null) return dict;
    const { own, shared } = this.#stepper.save(this.#parameters());
    own.forEach((state, number) => {
      if (state !== null) dict.state[number] = state;
    });
    return { ...dict, reference: shared };
  }

  override loadStateDict(stateDict: OptimizerStateDict): void {
    const reference: unknown = stateDict?.reference;
    if (this.#stepper === null) {
      if (reference !== undefined)
        throw mismatch('the state dict is of an optimizer with reference: true, unlike this one');
      super.loadStateDict(stateDict);
      return;
    }
    if (typeof reference !== 'object' || reference === null) {
      throw mismatch('the state dict is of an optimizer without reference: true, unlike this one');
    }
    const params = this.#parameters();
    const takeOver = this.#stepper.parse({ own: ownStates(stateDict), shared: { ...reference } }, params);
    // The engine has no state; it checks the groups and changes nothing where they do not fit.
    super.loadStateDict({ ...stateDict, state: {} });
    takeOver();
  }

  #parameters(): Tensor[] {
    return this.paramGroups.flatMap(({ params }) => params);
  }
}

/** Each parameter's state, by the groups' numbers, as PyTorch reads them; groups that do not fit are for the caller to refuse. */
export function ownStates(stateDict: OptimizerStateDict): ReferenceState['own'] {
  const { state, param_groups } = stateDict ?? {};
  if (typeof state !== 'object' || state === null || !Array.isArray(param_groups)) {
    throw invalidArgument('stateDict', 'an object with state and param_groups', stateDict);
  }
  return param_groups.flatMap((group) =>
    Array.isArray(group?.params) ? group.params.map((number) => state[number] as ReferenceState['own'][number]) : [],
  );
}
