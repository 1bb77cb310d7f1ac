import type { Tensor } from '../../tensor.js';

/** A point of a line: the step, the loss there, the gradient and its product with the direction. */
export interface LinePoint {
  t: number;
  loss: number;
  gradient: Tensor;
  slope: number;
}

/** What {@link strongWolfe} finds. */
export interface LineSearch {
  point: LinePoint;
  evaluations: number;
}

const armijo = 1e-4;
const curvature = 0.9;

/** Where the cubic through two points and their slopes is least, within bounds; their middle where it has no minimum. */
function cubicMinimum(a: LinePoint, b: LinePoint, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.t <= b.t ? [a.t, b.t] : [b.t, a.t]);
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const square = d1 ** 2 - a.slope * b.slope;
  // NaN too has no minimum.
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const least =
    a.t <= b.t
      ? b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
      : a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return Math.min(Math.max(least, low), high);
}

/**
 * A step along a direction that satisfies the strong Wolfe conditions, or the best one that `most` evaluations find.
 *
 * @param start the point at 0.
 * @param first the step to try first.
 * @param size the largest element of the direction.
 * @param evaluate the point at a step.
 * @see Nocedal & Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6; here as in PyTorch.
 */
export function strongWolfe(
  start: LinePoint,
  first: number,
  size: number,
  evaluate: (t: number) => LinePoint,
  { most, tolerance }: { most: number; tolerance: number },
): LineSearch {
  let evaluations = 0;
  const at = (t: number): LinePoint => {
    evaluations++;
    return evaluate(t);
  };
  const tooHigh = ({ t, loss }: LinePoint) => loss > start.loss + armijo * t * start.slope;
  const flat = ({ slope }: LinePoint) => Math.abs(slope) <= -curvature * start.slope;

  let now = at(first);
  let before = start;
  let done = false;
  let rounds = 0;
  let bracket: LinePoint[] | undefined;
  while (rounds < most) {
    if (tooHigh(now) || (rounds > 1 && now.loss >= before.loss)) {
      bracket = [before, now];
      break;
    }
    if (flat(now)) {
      bracket = [now];
      done = true;
      break;
    }
    if (now.slope >= 0) {
      bracket = [before, now];
      break;
    }
    const t = cubicMinimum(before, now, [now.t + 0.01 * (now.t - before.t), now.t * 10]);
    before = now;
    now = at(t);
    rounds++;
  }
  bracket ??= [start, now];
  if (done) return { point: bracket[0]!, evaluations };

  let [low, high] = bracket[0]!.loss <= bracket[1]!.loss ? [0, 1] : [1, 0];
  let stalled = false;
  while (rounds < most) {
    const [a, b] = bracket as [LinePoint, LinePoint];
    if (Math.abs(b.t - a.t) * size < tolerance) break;
    let t = cubicMinimum(a, b);
    const [least, largest] = [Math.min(a.t, b.t), Math.max(a.t, b.t)];
    // Away from the ends, where the interval would shrink by next to nothing.
    const margin = 0.1 * (largest - least);
    if (Math.min(largest - t, t - least) < margin) {
      if (stalled || t >= largest || t <= least) {
        t = Math.abs(t - largest) < Math.abs(t - least) ? largest - margin : least + margin;
        stalled = false;
      } else stalled = true;
    } else stalled = false;

    now = at(t);
    rounds++;
    if (tooHigh(now) || now.loss >= bracket[low]!.loss) {
      bracket[high] = now;
      [low, high] = bracket[0]!.loss <= bracket[1]!.loss ? [0, 1] : [1, 0];
      continue;
    }
    const ends = flat(now);
    if (!ends && now.slope * (bracket[high]!.t - bracket[low]!.t) >= 0) bracket[high] = bracket[low]!;
    bracket[low] = now;
    if (ends) break;
  }
  return { point: bracket[low]!, evaluations };
}
