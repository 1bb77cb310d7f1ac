import { TorchClipError } from '../../errors.js';
import type { Stepper } from '../base/stepper.js';
import type { Definition } from '../engine/definition.js';

/** A run of the authors' code: what the optimizer's groups hold, and what takes its steps. */
export interface Original<G> {
  definition: Definition<G>;
  options: G;
  stepper: Stepper<G>;
}

const common = ['clip', 'nonFinite', 'maxConsecutiveSkips', 'writeBack'];

/** Refuses the options that originals do not have. */
export function onlyOriginal(options: object): void {
  const name = common.find((option) => Object.hasOwn(options, option));
  if (name !== undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"${name}" cannot be combined with reference: true: the original has no such option`,
    );
  }
}
