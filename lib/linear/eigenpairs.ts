import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { cat, eye } from '../ops/generated/functions.js';
import { solve } from '../ops/generated/linalg.js';
import type { Tensor } from '../tensor.js';
import { multiply } from './products.js';

type Pairs = [values: Tensor, vectors: Tensor];
type Problem = [A: Tensor, B: Tensor | null, find: (A: Tensor, B: Tensor | null) => Pairs];

/**
 * Some eigenpairs of `A x = lambda B x`, `A` and `B` symmetric and dense, as a function of both.
 *
 * An eigenvector `u` moves by `-G (dA - lambda dB) u - u (u^T dB u) / 2`, where `G` inverts `A - lambda B` on what is orthogonal by `B` to
 * `u`. Within the span of the given eigenvectors that is a division by the gaps of their eigenvalues. On the rest it is a linear system;
 * what is added to its matrix acts on that span alone, and makes it regular. Magnus, "On differentiating eigenvalues and eigenvectors",
 * 1985.
 */
export class Eigenpairs extends AutogradFunction {
  static forward(...[A, B, find]: Problem): Pairs {
    return find(A, B);
  }

  static setupContext(ctx: FunctionContext, [A, B]: Problem, [values, vectors]: Pairs): void {
    ctx.saveForBackward(A, B, values, vectors);
    ctx.setMaterializeGrads(false);
  }

  static backward(ctx: FunctionContext, ofValues: Tensor | null, ofVectors: Tensor | null): (Tensor | null)[] {
    const [A, B, values, U] = ctx.savedTensors as readonly [Tensor, Tensor | null, Tensor, Tensor];
    const parts: Tensor[] = [];
    if (ofValues !== null) parts.push(U.mul(ofValues));
    let norms: Tensor | null = null;
    if (ofVectors !== null) {
      const overlap = U.mT.matmul(ofVectors);
      const same = eye(values.size(0), { device: values.device }).bool();
      const gaps = values.unsqueeze(-2).sub(values.unsqueeze(-1)).maskedFill(same, Infinity);
      parts.push(U.matmul(overlap.div(gaps)), outside([A, B], values, U, ofVectors, overlap).neg());
      norms = overlap.diagonal();
    }
    if (parts.length === 0) return [null, null, null];
    const left = parts.reduce((sum, part) => sum.add(part));
    const ofA = left.matmul(U.mT);
    if (B === null || !ctx.needsInputGrad[1]) return [ofA, null, null];
    const moved = left.mul(values);
    return [ofA, (norms === null ? moved : moved.add(U.mul(norms.mul(0.5)))).matmul(U.mT).neg(), null];
  }
}

/** What solves `(A - lambda B) w = g` among the vectors that are orthogonal by `B` to all of `U`; a column for each eigenvalue. */
function outside(
  [A, B]: readonly [Tensor, Tensor | null],
  values: Tensor,
  U: Tensor,
  gradient: Tensor,
  overlap: Tensor,
): Tensor {
  const BU = multiply(B, U);
  const right = gradient.sub(BU.matmul(overlap));
  const known = values.detach();
  const spread = known.max().sub(known.min()).mul(2).add(known.abs().max()).item();
  const filled = A.add(BU.matmul(BU.mT), { alpha: spread > 0 ? spread : 1 });
  const unit = B ?? eye(A.size(-1), { dtype: A.dtype, device: A.device });
  const columns = values.unbind(0).map((value, i) => solve(filled.sub(unit.mul(value)), right.narrow(1, i, 1)));
  const found = cat(columns, 1);
  return found.sub(U.matmul(BU.mT.matmul(found)));
}
