import { check, finiteNonNegative, finitePositive, integer, numberIn } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { sameShape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import type { Stepper, StepperGroup, StepperState } from '../base/stepper.js';
import { clippingTypeName } from '../clipping-type/name.js';
import { complete, type Definition, option } from '../engine/definition.js';
import { kept, savedCount, savedNumber, savedTensor } from '../engine/saved.js';
import { ReferenceClip, type ReferenceClipOptions } from './clip.js';
import { moving } from './groups.js';
import { type Original, onlyOriginal } from './original.js';

/** What a group of the original ClippedSSTM holds. */
export interface ReferenceSSTMGroup {
  lr?: number;
  L?: number;
  /** The Hölder exponent of the gradient, in [0, 1]; default 1. */
  nu?: number;
  /** Default 1, whatever the clipping type. */
  clippingLevel?: number;
  /** In (0, 1]; default 1. */
  aKRatioUpperBound?: number;
}

/** The original's options of a group; `lr` and `L` are required. */
const referenceSSTM: Definition<ReferenceSSTMGroup> = {
  name: 'ClippedSSTM',
  options: {
    lr: option('learning rate', finitePositive),
    L: option('Lipschitz constant', finitePositive),
    nu: option('nu', numberIn('[0, 1]'), 1),
    clippingLevel: option('clipping level', finiteNonNegative, 1),
    aKRatioUpperBound: option('a_k_ratio_upper_bound', numberIn('(0, 1]'), 1),
  },
  rule: () => 'sgd',
};

/**
 * The clipping level as the original's constructor derives it from `clippingIterStart`: with `norm`, the level at which a gradient of
 * norm 1 is first clipped at that iteration; where nu is 0, the level divided by a constant; else the level itself. Groups with a level of
 * their own keep it.
 */
function levelOf(
  { lr, L, nu, clippingLevel }: Required<ReferenceSSTMGroup>,
  type: string,
  clippingIterStart: number | null,
): number {
  if (clippingIterStart === null) return clippingLevel;
  check('clippingIterStart', clippingIterStart, integer(1));
  const scale = 2 * (1 / lr) * L;
  if (nu > 0 && type === 'norm') return (1 / scale) * (clippingIterStart + 1) ** ((2 * nu) / (1 + nu));
  return nu < 1e-4 ? clippingLevel / scale : clippingLevel;
}

/** The iteration that all groups share, under the original's names. */
interface Progress {
  k: number;
  alpha_k_1: number;
  lambda_k_1: number;
  A_k: number;
  A_k_1: number;
}
interface Iterates {
  /** The first group's parameter at this index. */
  owner: Tensor;
  y: Tensor;
  z: Tensor;
}
const fresh: Progress = { k: 0, alpha_k_1: 0, lambda_k_1: 0, A_k: 0, A_k_1: 0 };

/** The ClippedSSTM of the Python package torch-clip: that of the paper's authors with more clipping types. */
class ReferenceSSTM implements Stepper<ReferenceSSTMGroup> {
  readonly #clip: ReferenceClip;
  #at: Progress = fresh;
  // The state that all groups share, by the index among a group's parameters with gradients.
  #iterates: Iterates[] = [];

  constructor(options: ReferenceClipOptions) {
    this.#clip = new ReferenceClip(options);
  }

  step(groups: readonly StepperGroup<ReferenceSSTMGroup>[]): void {
    const found = groups.map(({ params }) => moving(params));
    const owners = this.#at.k === 0 ? found[0]!.params : this.#iterates.map(({ owner }) => owner);
    found.forEach(({ params }, g) => {
      if (params.length !== owners.length || params.some((param, i) => !sameShape(param.shape, owners[i]!.shape))) {
        throw new TorchClipError(
          'ERR_ARGUMENT',
          'reference: true keeps one state for all groups and every step, by position, as the original does: the parameters ' +
            `with gradients of group ${g} must have the shapes of those of the first group in the first step`,
        );
      }
    });
    if (this.#at.k === 0) this.#iterates = owners.map((owner) => ({ owner, y: kept(owner), z: kept(owner) }));
    groups.forEach((group, g) => {
      this.#stepGroup(group, found[g]!);
    });
  }

  #stepGroup(group: StepperGroup<ReferenceSSTMGroup>, { params, grads }: ReturnType<typeof moving>): void {
    const { lr, L, nu, clippingLevel, aKRatioUpperBound: cap } = group;
    const { k, alpha_k_1, lambda_k_1, A_k, A_k_1 } = this.#at;
    // The very first gradient changes nothing.
    if (k > 0) {
      const z = this.#iterates.map((each) => each.z);
      this.#clip.descend(z, grads, { lr: alpha_k_1, level: lambda_k_1 });
      for (const each of this.#iterates) each.y.copy_(mean(A_k, each.y, alpha_k_1, each.z, A_k_1));
    }
    const alpha = (1 / (2 * (1 / lr) * L)) * (k + 1) ** ((2 * nu) / (1 + nu));
    let [A, next] = [A_k_1, A_k_1 + alpha];
    const most = 1 / (1 - cap);
    // A ratio A / next of up to 1 / (2 - cap) is let through.
    if (cap < 1 && A > most * alpha) [A, next] = [(most - 1) * alpha, most * alpha];
    params.forEach((param, i) => {
      const { y, z } = this.#iterates[i]!;
      param.copy_(mean(A, y, alpha, z, next));
    });
    this.#at = { k: k + 1, alpha_k_1: alpha, lambda_k_1: clippingLevel / alpha, A_k: A, A_k_1: next };
  }

  save(params: readonly Tensor[]): StepperState {
    const own = params.map((param) => {
      const each = this.#iterates.find(({ owner }) => owner === param);
      return each === undefined ? null : { y: each.y.clone(), z: each.z.clone() };
    });
    return { own, shared: { ...this.#clip.save(), ...this.#at } };
  }

  parse({ own, shared }: StepperState, params: readonly Tensor[]): () => void {
    const at = { ...fresh };
    for (const name of Object.keys(fresh) as (keyof Progress)[]) {
      at[name] = (name === 'k' ? savedCount : savedNumber)(`reference.${name}`, shared[name]);
    }
    const iterates = params.flatMap((owner, i) => {
      const saved = own[i];
      if (saved === null || saved === undefined) return [];
      const read = (name: string) => savedTensor(`state[${i}].${name}`, saved[name], owner);
      return [{ owner, y: read('y'), z: read('z') }];
    });
    const restoreClip = this.#clip.parse(shared);
    return () => {
      this.#at = at;
      this.#iterates = iterates;
      restoreClip();
    };
  }
}

const mean = (A: number, y: Tensor, alpha: number, z: Tensor, next: number): Tensor =>
  y.mul(A).add(z.mul(alpha)).div(next);

/** ClippedSSTM with `reference: true`. */
export function originalSSTM(
  options: ReferenceSSTMGroup & ReferenceClipOptions & { clippingIterStart?: number | null },
): Original<ReferenceSSTMGroup> {
  onlyOriginal(options);
  const { clippingType = 'no_clip', beta, pAutoclip, coin, clippingIterStart = null, ...group } = options;
  const stepper = new ReferenceSSTM({ clippingType, beta, pAutoclip, coin });
  const whole = complete(referenceSSTM, group as Record<string, unknown>, {});
  const clippingLevel = levelOf(whole, clippingTypeName(clippingType), clippingIterStart);
  return { definition: referenceSSTM, options: { ...whole, clippingLevel }, stepper };
}
