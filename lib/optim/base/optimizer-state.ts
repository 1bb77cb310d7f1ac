import type { Clipper } from '../../clip/clipper.js';
import type { Tensor } from '../../tensor.js';
import type { NativeOptimizer } from '../engine/native-optimizer.js';
import { type OptimizerStateDict, withoutStates } from '../state/state-dict.js';
import { clearEngine, loadEngine, saveEngine } from './engine-state.js';
import type { AddedGroups } from './groups.js';
import type { OwnStates } from './own-state.js';
import type { ParamGroup } from './parameters.js';
import { parseStepper, refuseStepper, type Stepper, saveStepper } from './stepper.js';

/** What an optimizer is made of that has something to remember. */
interface Remembering<G> {
  native: NativeOptimizer;
  added: AddedGroups<G>;
  /** The optimizer's list as it is now, in place of which a program may have assigned anything. */
  groups(): ParamGroup<G>[];
  clip: Clipper | null;
  /** Of an optimizer with a step of its own. */
  own: OwnStates | null;
  stepper: Stepper<G> | null;
}

/** @internal What an optimizer remembers: the engine's state, and that of what takes its steps instead. */
export class OptimizerState<G> {
  readonly #of: Remembering<G>;
  // What a stepper keeps that belongs to no parameter, before its first step.
  readonly #initial: Readonly<Record<string, unknown>>;

  constructor(of: Remembering<G>) {
    this.#of = of;
    this.#initial = of.stepper?.save(this.params()).shared ?? {};
  }

  params(): Tensor[] {
    return this.#of.groups().flatMap(({ params }) => params);
  }

  /** A state dict of copies, of this rank's parts, or of the very tensors. */
  save(of: 'copies' | 'parts' | 'tensors'): OptimizerStateDict {
    const { native, added, clip, own, stepper } = this.#of;
    const groups = this.#of.groups();
    added.checkAssigned(groups);
    const dict = saveEngine(native, added, { groups, clip, of });
    if (of !== 'tensors') own?.save(dict, this.params());
    return stepper === null ? dict : saveStepper(dict, stepper, this.params());
  }

  /** Takes over a state dict; changes nothing where it does not fit. */
  load(stateDict: OptimizerStateDict): void {
    const { added, own, stepper } = this.#of;
    const groups = this.#of.groups();
    added.check(groups);
    if (own === null && stepper === null) {
      refuseStepper(stateDict);
      this.#loadEngine(stateDict);
      return;
    }
    const takeOver = own !== null ? own.parse(stateDict, groups) : parseStepper(stateDict, stepper!, groups);
    // The engine has no state; it checks the groups, and changes nothing where they do not fit.
    this.#loadEngine(withoutStates(stateDict));
    takeOver();
  }

  #loadEngine(stateDict: OptimizerStateDict): void {
    const { native, added, clip } = this.#of;
    loadEngine(native, added.definition, { stateDict, groups: this.#of.groups(), clip });
  }

  /** Forgets everything but groups, options and the counts of skipped steps. */
  clear(): void {
    const { native, added, own, stepper } = this.#of;
    added.check(this.#of.groups());
    clearEngine(native, added.parameterCount);
    own?.clear();
    const params = this.params();
    stepper?.parse({ own: params.map(() => null), shared: this.#initial }, params)();
  }
}
