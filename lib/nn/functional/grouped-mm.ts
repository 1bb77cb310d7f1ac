import { check, orNull } from '../../check.js';
import type { Dtype } from '../../dtype.js';
import { dtype as dtypeKind, tensor } from '../../kinds.js';
import { nativeOp } from '../../ops/overload.js';
import { optionsOf } from '../../options.js';
import { type Handle, type Tensor, wrap } from '../../tensor.js';

const optionalTensor = [orNull(tensor), null] as const;
const readGroupedMm = optionsOf('groupedMm()', {
  offs: optionalTensor,
  bias: optionalTensor,
  outDtype: [orNull(dtypeKind), null],
});

/**
 * Products of matrices in groups of different sizes, as the experts of a mixture need them.
 *
 * With `matA` `[rows, K]` and `matB` `[groups, K, N]` each group of rows is multiplied by its matrix; other combinations of two and three
 * dimensions group the columns, or multiply in pairs.
 *
 * @param options.offs where each group ends, int32 `[groups]`; needed where a matrix has two dimensions. Default: null.
 * @param options.bias added to the result. Default: null.
 * @param options.outDtype default: that of the matrices.
 *
 * @example
 * F.groupedMm(tokens, experts, { offs: torch.tensor([8, 24], { dtype: torch.int32 }) });
 */
export function groupedMm(
  matA: Tensor,
  matB: Tensor,
  options: { offs?: Tensor | null; bias?: Tensor | null; outDtype?: Dtype | null } = {},
): Tensor {
  const { offs, bias, outDtype } = readGroupedMm(options);
  const handle = (t: Tensor | null) => t?.handle ?? null;
  const [a, b] = [check('matA', matA, tensor), check('matB', matB, tensor)];
  return wrap(
    nativeOp('_grouped_mm')(a.handle, b.handle, handle(offs), handle(bias), outDtype?.code ?? null) as Handle,
  );
}
