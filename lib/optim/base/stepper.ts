import { invalidArgument } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { mismatch } from '../engine/saved.js';
import { type OptimizerStateDict, type OwnState, ownStates } from '../state/state-dict.js';

/** A parameter group as a stepper reads it: the options as they are now, and the parameters. */
export type StepperGroup<G> = Readonly<Required<G>> & { readonly params: readonly Tensor[] };

/** A stepper's state: of each parameter in the groups' order, null before its first step, and what belongs to none of them. */
export interface StepperState {
  own: (OwnState | null)[];
  shared: Readonly<Record<string, unknown>>;
}

/**
 * What takes an optimizer's steps instead of the engine: its authors' code, quirks included, in plain tensor operations.
 *
 * The optimizer calls it without recording for autograd.
 */
export interface Stepper<G> {
  /** Takes a step. What it refuses, it refuses before anything is written. */
  step(groups: readonly StepperGroup<G>[]): void;
  /** Copies of the state. */
  save(params: readonly Tensor[]): StepperState;
  /**
   * Checks a state against the parameters and options.
   *
   * @returns what takes it over, and cannot fail.
   * @throws {TorchClipError} `ERR_STATE` naming what does not fit.
   */
  parse(state: StepperState, params: readonly Tensor[]): () => void;
}

/** Adds a stepper's state to a state dict that the engine wrote. */
export function saveStepper<G>(
  dict: OptimizerStateDict,
  stepper: Stepper<G>,
  params: readonly Tensor[],
): OptimizerStateDict {
  const { own, shared } = stepper.save(params);
  own.forEach((state, number) => {
    if (state !== null) dict.state[number] = state;
  });
  return { ...dict, reference: shared };
}

/** Checks the stepper's part of a state dict, and returns what takes it over. */
export function parseStepper<G>(
  dict: OptimizerStateDict,
  stepper: Stepper<G>,
  groups: readonly { readonly params: readonly Tensor[] }[],
): () => void {
  const reference: unknown = dict?.reference;
  if (typeof reference !== 'object' || reference === null) {
    throw mismatch('the state dict was saved without reference: true, which this optimizer has');
  }
  const params = groups.flatMap((group) => group.params);
  return stepper.parse({ own: ownStates(dict, groups), shared: { ...reference } }, params);
}

/** Refuses the state dict of a stepper, for an optimizer that runs on the engine. */
export function refuseStepper(dict: OptimizerStateDict): void {
  if (typeof dict !== 'object' || dict === null)
    throw invalidArgument('stateDict', 'an object with state and param_groups', dict);
  if (dict.reference !== undefined) {
    throw mismatch('the state dict was saved with reference: true, which this optimizer does not have');
  }
}
