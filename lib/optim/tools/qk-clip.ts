import { noGrad } from '../../autograd/index.js';
import { arrayOf, kind, positive } from '../../check.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { onesLike, where } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { scope } from '../../scope.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** What {@link qkClip} scales: weights and biases whose first dimension is heads · size of a head. */
export interface QKClipOptions {
  /** Of the projections that make queries. */
  query: Tensor | readonly Tensor[];
  /** Of the projections that make keys, with as many heads. */
  key: Tensor | readonly Tensor[];
  /** The largest logit, > 0; default 100. */
  tau?: number;
}

const tensors = kind<Tensor | readonly Tensor[]>(
  'a Tensor or an array of Tensors',
  (value) => isTensor(value) || (arrayOf(tensor).accepts(value) && value.length > 0),
);
const readQKClip = optionsOf('qkClip()', { query: [tensors], key: [tensors], tau: [positive, 100] });

/**
 * QK-clip, to be called after an optimizer's step: where the largest attention logit S of a head exceeded tau in the last forward pass, the
 * head's rows of the query and key projections are multiplied by √(tau / S), which takes its logits down by tau / S. Other heads
 * keep every bit, as do heads whose S is not finite.
 *
 * @param maxLogits the largest logit of each head, before softmax; shape [heads].
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad argument, `ERR_SHAPE` for a tensor whose rows are not heads'; nothing changes then.
 * @see Kimi Team, "Kimi K2: open agentic intelligence", 2025 (MuonClip).
 *
 * @example
 * optimizer.step();
 * optim.qkClip(logits.amax([0, 2, 3]), { query: attention.query.weight, key: attention.key.weight, tau: 100 });
 */
export function qkClip(maxLogits: Tensor, options: QKClipOptions): void {
  if (!isTensor(maxLogits) || maxLogits.dim() !== 1 || !maxLogits.dtype.isFloatingPoint) {
    throw invalidArgument('maxLogits', 'a floating-point Tensor of shape [heads]', maxLogits);
  }
  const { query, key, tau } = readQKClip(options);
  const heads = maxLogits.shape[0]!;
  const weights = [...projections('query', query, heads), ...projections('key', key, heads)];
  noGrad(() =>
    scope(() => {
      const excess = maxLogits.gt(tau).logicalAnd(maxLogits.isfinite());
      const factor = where(excess, maxLogits.reciprocal().mul(tau).sqrt(), onesLike(maxLogits));
      // Made before any is written, since this is what may run out of memory.
      const scaled = weights.map((weight) => {
        const byHead = weight.detach().reshape([heads, weight.numel() / heads]);
        return byHead.mul(factor.to({ dtype: weight.dtype, device: weight.device }).unsqueeze(1)).reshape(weight.shape);
      });
      weights.forEach((weight, i) => {
        weight.copy_(scaled[i]!);
      });
    }),
  );
}

function projections(name: string, given: Tensor | readonly Tensor[], heads: number): readonly Tensor[] {
  const list = isTensor(given) ? [given] : given;
  const bad = list.find(
    ({ shape, dtype }) => shape.length === 0 || heads === 0 || shape[0]! % heads !== 0 || !dtype.isFloatingPoint,
  );
  if (bad !== undefined) {
    throw mustHave(name, `floating-point rows that ${heads} heads share`, bad);
  }
  return list;
}
