import { arrayOf, check, kind, numberIn, probability } from '../../check.js';
import { full } from '../../creation/full.js';
import { describe } from '../../errors.js';
import { pow, rand } from '../../ops/generated/functions.js';
import type { Tensor } from '../../tensor.js';
import { type ClippingType, type ClippingTypeName, clippingTypeName } from '../clipping-type/name.js';
import { mismatch, savedCount } from '../engine/saved.js';
import { sameOptions } from './groups.js';
import { push, pushPop } from './heap.js';

const anyNumber = kind<number>('a number', (x) => typeof x === 'number');

/** Options of the original clipping, the same for all groups. */
export interface ReferenceClipOptions {
  /** Default `'no_clip'`. */
  clippingType?: ClippingType;
  /** The base of the random types' probability, in [0, 1]; default 0: they never clip. */
  beta?: number;
  /** The share of the norms that the heap of the auto types holds, in (0, 1]; default .75. */
  pAutoclip?: number;
  /** @internal Draws the random numbers in [0, 1) of the random types; default: the global generator. */
  coin?: () => number;
}

/** The clipping classes of the Python package torch-clip: one object for all groups, and so one history. */
export class ReferenceClip {
  readonly type: ClippingTypeName;
  readonly #beta: number;
  readonly #share: number;
  readonly #coin: () => number;
  // A heap of the smaller norms, negated, so that the largest of them comes first; and the count of all norms seen.
  #heap: number[] = [];
  #count = 0;

  constructor({ clippingType = 'no_clip', beta = 0, pAutoclip = 0.75, coin }: ReferenceClipOptions) {
    this.type = clippingTypeName(clippingType);
    check('beta', beta, probability);
    check('pAutoclip', pAutoclip, numberIn('(0, 1]'));
    this.#beta = beta;
    this.#share = pAutoclip;
    // Draws as torch.rand(1) does in Python, from the stream that torch.manualSeed starts.
    this.#coin = coin ?? (() => rand([1]).item() as number);
  }

  /** Descends along the clipped gradients or, with momentum, along the clipped momentum buffers, creating missing ones. */
  descend(
    params: readonly Tensor[],
    grads: readonly Tensor[],
    { lr, level, momentum = 0, buffer }: { lr: number; level: number; momentum?: number; buffer?: BufferOf },
  ): void {
    const norm = totalNorm(grads);
    this.#see(norm === undefined ? 0 : (norm.item() as number));
    params.forEach((param, i) => {
      let direction = grads[i]!;
      if (momentum !== 0 && buffer !== undefined) direction = buffer(param, direction, momentum);
      const coefficient = this.#coefficient(direction, norm!, level);
      if (this.type === 'coordinate_wise') {
        param.add_((coefficient as Tensor).mul(-lr).mul(direction));
      } else {
        const alpha = typeof coefficient === 'number' ? -lr * coefficient : (coefficient.mul(-lr).item() as number);
        param.add_(direction, { alpha });
      }
    });
  }

  #see(norm: number): void {
    this.#count++;
    if (!this.#automatic) return;
    if (this.#heap.length / this.#count < this.#share) push(this.#heap, -norm);
    else if (norm < -this.#heap[0]!) pushPop(this.#heap, -norm);
  }

  get #automatic(): boolean {
    return this.type.includes('auto');
  }

  #coefficient(direction: Tensor, norm: Tensor, level: number): Tensor | number {
    switch (this.type) {
      case 'no_clip':
        return 1;
      case 'coordinate_wise':
        // An infinite element becomes 0 · inf, which is NaN.
        return over(level, direction.abs().add(1e-8)).clamp(0, 1);
      case 'layer_wise':
        return atMostOne(over(level, direction.norm()));
    }
    const { dtype, device } = norm;
    const threshold = this.#automatic ? full([], -this.#heap[0]!, { dtype, device }) : level;
    const ratio = typeof threshold === 'number' ? over(threshold, norm) : threshold.div(norm);
    if (this.type.includes('rand')) {
      const chance = pow(this.#beta, this.type.startsWith('quadratic') ? ratio.pow(2) : ratio).item() as number;
      // One random number per parameter, used or not; the probability is rounded to float32 as the random number is.
      if (!(this.#coin() < Math.fround(chance)) || norm.lt(threshold).item()) return 1;
    }
    return atMostOne(ratio);
  }

  /** Its part of a state dict. */
  save(): Record<string, unknown> {
    return { ...this.#options(), count: this.#count, heap: [...this.#heap] };
  }

  /** Checks what {@link save} returned, and returns a function that takes it over. */
  parse(saved: Readonly<Record<string, unknown>>): () => void {
    sameOptions(saved, this.#options());
    const count = savedCount('reference.count', saved.count);
    const { heap } = saved;
    if (!arrayOf(anyNumber).accepts(heap) || heap.length > count) {
      throw mismatch(`reference.heap must be at most ${count} numbers, got ${describe(heap)}`);
    }
    const copy = [...heap];
    return () => {
      this.#count = count;
      this.#heap = [...copy];
    };
  }

  #options(): Record<string, unknown> {
    return {
      clipping_type: this.type,
      ...(this.type.includes('rand') && { beta: this.#beta }),
      ...(this.#automatic && { p_autoclip: this.#share }),
    };
  }
}

/** Adds a gradient to a parameter's momentum buffer, and returns that. */
export type BufferOf = (param: Tensor, grad: Tensor, momentum: number) => Tensor;

// Summed in the dtype of the gradients, as in the original; undefined without gradients.
function totalNorm(grads: readonly Tensor[]): Tensor | undefined {
  let sum: Tensor | undefined;
  for (const grad of grads) {
    const square = grad.norm().pow(2);
    sum = sum === undefined ? square : sum.add(square);
  }
  return sum?.pow(0.5);
}

// PyTorch rounds twice when it divides a number by a tensor.
const over = (level: number, t: Tensor): Tensor => t.reciprocal().mul(level);

// As Python's min(1, ratio), which is 1 for NaN.
const atMostOne = (ratio: Tensor): Tensor | number => ((ratio.item() as number) < 1 ? ratio : 1);
