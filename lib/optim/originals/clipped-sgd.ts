import { finite, finiteNonNegative } from '../../check.js';
import type { Tensor } from '../../tensor.js';
import type { Stepper, StepperGroup, StepperState } from '../base/stepper.js';
import { type Definition, option } from '../engine/definition.js';
import { kept, savedTensor } from '../engine/saved.js';
import { ReferenceClip, type ReferenceClipOptions } from './clip.js';
import { moving } from './groups.js';
import { type Original, onlyOriginal } from './original.js';

/** What a group of the original ClippedSGD holds. */
export interface ReferenceSGDGroup {
  lr?: number;
  momentum?: number;
  /** Default 1, whatever the clipping type. */
  clippingLevel?: number;
}

/** The original's options of a group. */
const referenceSGD: Definition<ReferenceSGDGroup> = {
  name: 'ClippedSGD',
  options: {
    lr: option('learning rate', finiteNonNegative, 1e-3),
    momentum: option('momentum value', finite, 0),
    clippingLevel: option('clipping level', finiteNonNegative, 1),
  },
  rule: () => 'sgd',
};

/** The ClippedSGD of the Python package torch-clip. */
class ReferenceSGD implements Stepper<ReferenceSGDGroup> {
  readonly #clip: ReferenceClip;
  readonly #buffers = new Map<Tensor, Tensor>();

  constructor(options: ReferenceClipOptions) {
    this.#clip = new ReferenceClip(options);
  }

  step(groups: readonly StepperGroup<ReferenceSGDGroup>[]): void {
    const found = groups.map(({ params }) => moving(params));
    groups.forEach(({ lr, momentum, clippingLevel }, g) => {
      const { params, grads } = found[g]!;
      this.#clip.descend(params, grads, { lr, level: clippingLevel, momentum, buffer: this.#buffer });
    });
  }

  readonly #buffer = (param: Tensor, grad: Tensor, momentum: number): Tensor => {
    const buffer = this.#buffers.get(param);
    if (buffer !== undefined) return buffer.mul_(momentum).add_(grad);
    const fresh = kept(grad);
    this.#buffers.set(param, fresh);
    return fresh;
  };

  save(params: readonly Tensor[]): StepperState {
    const own = params.map((param) => {
      const buffer = this.#buffers.get(param);
      return buffer === undefined ? null : { momentum_buffer: buffer.clone() };
    });
    return { own, shared: this.#clip.save() };
  }

  parse({ own, shared }: StepperState, params: readonly Tensor[]): () => void {
    const buffers = params.flatMap((param, i) => {
      const saved = own[i];
      // The original keeps None where there is no momentum.
      if (saved?.momentum_buffer === undefined || saved.momentum_buffer === null) return [];
      return [[param, savedTensor(`state[${i}].momentum_buffer`, saved.momentum_buffer, param)] as const];
    });
    const restoreClip = this.#clip.parse(shared);
    return () => {
      this.#buffers.clear();
      for (const [param, buffer] of buffers) this.#buffers.set(param, buffer);
      restoreClip();
    };
  }
}

/** ClippedSGD with `reference: true`. */
export function originalSGD(options: ReferenceSGDGroup & ReferenceClipOptions): Original<ReferenceSGDGroup> {
  onlyOriginal(options);
  const { clippingType, beta, pAutoclip, coin, ...group } = options;
  return {
    definition: referenceSGD,
    options: group,
    stepper: new ReferenceSGD({ clippingType, beta, pAutoclip, coin }),
  };
}
