import { check, flag } from '../../check.js';
import { readAll } from '../../options.js';
import { type CommonOptions, Optimizer, type Parameters } from '../base/optimizer.js';
import { type ClippingOptions, withClipper } from '../clipping-type/clipper.js';
import type { Definition } from '../engine/definition.js';
import { type Original, originalSGD } from '../originals/index.js';
import { type SGDGroup, sgd } from './sgd.js';

/** Options of {@link ClippedSGD}, each of which a group can have for itself. */
export interface ClippedSGDGroup extends SGDGroup {
  /** A level of the group's own; with `reference: true` only. */
  clippingLevel?: number;
}

/** What {@link ClippedSGD} takes: options of groups, of the clipping, and of every optimizer; `clip` only without a `clippingType`. */
export interface ClippedSGDOptions extends SGDGroup, ClippingOptions, CommonOptions {
  /**
   * Compute as the Python package torch-clip does, number for number; default false. It then takes `lr`, `momentum`,
   * `clippingType`, `clippingLevel` (default 1), `beta` (default 0) and `pAutoclip`, and throws its coins with the global generator.
   */
  reference?: boolean;
}

// In the engine a level belongs to the clipper, and so to all groups.
const definition = { ...sgd, name: 'ClippedSGD' } as Definition<ClippedSGDGroup>;

/**
 * Stochastic gradient descent with momentum under one of the nine clipping types of the Python package torch-clip; the gradient is
 * clipped before momentum sees it.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option.
 * @see Gorbunov, Danilova & Gasnikov, "Stochastic optimization with heavy-tailed noise via accelerated gradient clipping", 2020.
 *
 * @example
 * const optimizer = new optim.ClippedSGD(model.parameters(), { lr: 0.05, momentum: 0.9, clippingType: 'layerWise', clippingLevel: 1 });
 */
export class ClippedSGD extends Optimizer<ClippedSGDGroup> {
  constructor(params: Parameters<ClippedSGDGroup>, options: ClippedSGDOptions = {}) {
    const { reference = false, ...rest } = readAll('ClippedSGD', options) as ClippedSGDOptions;
    check('reference', reference, flag);
    if (reference) {
      const original = originalSGD(rest) as Original<ClippedSGDGroup>;
      super(original.definition, params, original.options, original.stepper);
    } else {
      super(definition, params, withClipper(rest));
    }
  }
}
