// Gradients as products of two narrow matrices: PowerSGD, call for call what PyTorch's communication hook does.
import { noGrad } from '../../autograd/index.js';
import { check, finiteNonNegative, finitePositive, flag, instance, integer, kind } from '../../check.js';
import type { ProcessGroup } from '../../distributed/group.js';
import { type GroupOption, groupOf, member } from '../../distributed/group.js';
import { allReduce } from '../../distributed/reductions.js';
import { bfloat16, float16, int32 } from '../../dtype.js';
import { TorchClipError } from '../../errors.js';
import { Generator } from '../../generator.js';
import { strided } from '../../layout.js';
import { cat, empty, randn, stack } from '../../ops/generated/functions.js';
import { qr } from '../../ops/generated/linalg.js';
import { optionsOf } from '../../options.js';
import { keep, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { GradBucket } from './distributed-data-parallel.js';

/** Options of {@link PowerSGDState}. */
export interface PowerSGDOptions {
  /** That of the module; default the default group. */
  processGroup?: ProcessGroup;
  /** The columns of the narrow matrices: 1 to 4 mostly; more keep more of the gradient. Default 1. */
  matrixApproximationRank?: number;
  /** How many steps send whole gradients first; at least 2 with `useErrorFeedback` or `warmStart`. Default 1000. */
  startPowerSGDIter?: number;
  /** How many times smaller a matrix must become to be compressed; default 2. */
  minCompressionRate?: number;
  /** Whether what a step leaves out is added to the next one's gradient; default true. */
  useErrorFeedback?: boolean;
  /** Whether a step begins with the matrices of the last one; default true. */
  warmStart?: boolean;
  /** Added to the norms that columns are divided by, with 1 and 2 columns; default 0. */
  orthogonalizationEpsilon?: number;
  /** The same on all ranks; default 0. */
  randomSeed?: number;
  /** Whether tensors of one shape are computed together; default false. */
  batchTensorsWithSameShape?: boolean;
}

const read = optionsOf('PowerSGDState', {
  processGroup: [kind<ProcessGroup | undefined>(member.expected, member.accepts), undefined],
  matrixApproximationRank: [integer(1), 1],
  startPowerSGDIter: [integer(0), 1000],
  minCompressionRate: [finitePositive, 2],
  useErrorFeedback: [flag, true],
  warmStart: [flag, true],
  orthogonalizationEpsilon: [finiteNonNegative, 0],
  randomSeed: [integer(0, 2 ** 32 - 1), 0],
  batchTensorsWithSameShape: [flag, false],
});

/** What is remembered of a bucket. */
interface Memory {
  /** What the last step has left out; null without error feedback. */
  error: Tensor | null;
  p: Tensor;
  q: Tensor;
}

/**
 * Settings and memory of {@link powerSGDHook}, as `PowerSGDState` of `torch.distributed.algorithms.ddp_comm_hooks`. One per module.
 *
 * Its memory is of this run's buckets, and not part of checkpoints: a run that is resumed sends whole gradients until
 * `startPowerSGDIter` once more.
 *
 * @example
 * const state = new nn.parallel.PowerSGDState({ matrixApproximationRank: 2, startPowerSGDIter: 100 });
 * model.registerCommHook((bucket) => nn.parallel.powerSGDHook(state, bucket));
 */
export class PowerSGDState {
  readonly processGroup: ProcessGroup;
  readonly matrixApproximationRank: number;
  readonly startPowerSGDIter: number;
  readonly minCompressionRate: number;
  readonly useErrorFeedback: boolean;
  readonly warmStart: boolean;
  readonly orthogonalizationEpsilon: number;
  readonly batchTensorsWithSameShape: boolean;
  /** Steps so far. */
  iter = 0;
  /** @internal */
  readonly memories = new Map<number, Memory>();
  #before = 0;
  #after = 0;
  readonly #seeds: Generator;

  constructor(options?: PowerSGDOptions) {
    const o = read(options, new.target.name);
    if ((o.useErrorFeedback || o.warmStart) && o.startPowerSGDIter < 2) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"startPowerSGDIter" must be at least 2 with useErrorFeedback or warmStart, as buckets change after the first step, got ${o.startPowerSGDIter}`,
      );
    }
    this.processGroup = check('processGroup', groupOf(o.processGroup as GroupOption | undefined), member);
    this.matrixApproximationRank = o.matrixApproximationRank;
    this.startPowerSGDIter = o.startPowerSGDIter;
    this.minCompressionRate = o.minCompressionRate;
    this.useErrorFeedback = o.useErrorFeedback;
    this.warmStart = o.warmStart;
    this.orthogonalizationEpsilon = o.orthogonalizationEpsilon;
    this.batchTensorsWithSameShape = o.batchTensorsWithSameShape;
    this.#seeds = new Generator().manualSeed(o.randomSeed);
  }

  /**
   * How much smaller the gradients became since compression began, and the numbers of elements before and after.
   *
   * @example
   * const [rate, before, after] = state.compressionStats();
   */
  compressionStats(): [rate: number, before: number, after: number] {
    return [this.#after > 0 ? this.#before / this.#after : 0, this.#before, this.#after];
  }

  /** @internal */
  note(before: number, after: number): void {
    this.#before += before;
    this.#after += after;
  }

  /** @internal A generator for the next random matrices: the seeds are those of NumPy's `RandomState.randint(1_000_000_000)`. */
  nextGenerator(): Generator {
    for (;;) {
      const bits = empty([1], { dtype: int32 }).random_({ generator: this.#seeds }).item<number>();
      const seed = bits & (2 ** 30 - 1);
      if (seed < 1_000_000_000) return new Generator().manualSeed(seed);
    }
  }
}

/** Makes the columns of `[n, rows, columns]` matrices orthogonal and of norm 1, in place. */
function orthogonalize(matrices: Tensor, epsilon: number): void {
  const columns = matrices.size(2);
  if (columns > 2 && matrices.dtype !== float16 && matrices.dtype !== bfloat16) {
    matrices.copy_(qr(matrices).Q);
    return;
  }
  for (let i = 0; i < columns; i++) {
    const column = matrices.narrow(2, i, 1);
    const norm = column.norm(2, [1], true).add(epsilon);
    // A column of zeros stays one.
    column.div_(norm.ne(0).where(norm, 1));
    if (i + 1 === columns) break;
    const rest = matrices.narrow(2, i + 1, columns - i - 1);
    rest.sub_(column.mul(rest).sum([1], { keepdim: true }).mul(column));
  }
}

/** A gradient as a matrix; written back where that is a copy of it. */
class Matrix {
  readonly values: Tensor;
  readonly rows: number;
  readonly columns: number;

  constructor(readonly gradient: Tensor) {
    this.values = gradient.reshape(gradient.ndim === 0 ? [1, 1] : [gradient.size(0), -1]);
    [this.rows, this.columns] = this.values.shape as [number, number];
  }

  write(values: Tensor): void {
    this.gradient.copy_(values.view(this.gradient.shape));
  }
}

/** Matrices of one shape that are computed together, with their factors: `[n, rows, columns]`. */
interface Batch {
  readonly matrices: readonly Matrix[];
  readonly values: Tensor;
  readonly p: Tensor;
  readonly q: Tensor;
}

/** The lists of matrices that are computed together, in the order of their shapes. */
function grouped(state: PowerSGDState, matrices: readonly Matrix[]): Matrix[][] {
  const shapes = new Map<string, Matrix[]>();
  for (const matrix of matrices) {
    const key = `${matrix.rows} ${matrix.columns}`;
    shapes.set(key, [...(shapes.get(key) ?? []), matrix]);
  }
  const lists = [...shapes.values()];
  return state.batchTensorsWithSameShape ? lists : lists.flatMap((list) => list.map((matrix) => [matrix]));
}

/** The parts of the two pieces of memory that belong to each batch. */
function batchesOf(groups: readonly Matrix[][], ranks: (m: Matrix) => number, { p, q }: Memory): Batch[] {
  let [pAt, qAt] = [0, 0];
  return groups.map((matrices) => {
    const { rows, columns } = matrices[0]!;
    const [n, rank] = [matrices.length, ranks(matrices[0]!)];
    const [pSize, qSize] = [n * rows * rank, n * columns * rank];
    const batch = {
      matrices,
      values: n === 1 ? matrices[0]!.values.unsqueeze(0) : stack(matrices.map(({ values }) => values)),
      p: p.narrow(0, pAt, pSize).view([n, rows, rank]),
      q: q.narrow(0, qAt, qSize).view([n, columns, rank]),
    };
    pAt += pSize;
    qAt += qSize;
    return batch;
  });
}

/**
 * A communication hook that sends gradients compressed, as `powerSGD_hook` of `torch.distributed.algorithms.ddp_comm_hooks`: PowerSGD
 * (Vogels, Karimireddy & Jaggi 2019). Each matrix `M` of a bucket becomes `P Qᵀ` by one step of the power method over all ranks'
 * gradients; vectors, and matrices that would not become small enough, are sent whole. Ranks of Python that run PyTorch's hook may be in
 * the group where all gradients are in one bucket: theirs has the calls of several overtake each other.
 *
 * The result is an approximation of the mean; with error feedback, what is left out of a step comes with the next.
 *
 * @example
 * const state = new nn.parallel.PowerSGDState({ matrixApproximationRank: 2, startPowerSGDIter: 100 });
 * model.registerCommHook((bucket) => nn.parallel.powerSGDHook(state, bucket));
 */
export function powerSGDHook(state: PowerSGDState, bucket: GradBucket): Tensor {
  check('state', state, instance(PowerSGDState, 'a PowerSGDState'));
  if (bucket.buffer.layout !== strided) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'powerSGDHook() cannot compress sparse gradients, such as those of an Embedding',
    );
  }
  return scope(() => noGrad(() => averaged(state, bucket)));
}

function averaged(state: PowerSGDState, { index, isLast, buffer, gradients }: GradBucket): Tensor {
  const { processGroup: group, matrixApproximationRank, minCompressionRate, orthogonalizationEpsilon } = state;
  const sum = (t: Tensor) => allReduce(t, { group, wait: true });
  if (state.iter < state.startPowerSGDIter) {
    sum(buffer.div_(group.size));
    if (isLast) state.iter++;
    return buffer;
  }

  const ranks = ({ rows, columns }: Matrix) => Math.min(rows, columns, matrixApproximationRank);
  const sizeOf = (m: Matrix) => (m.rows + m.columns) * ranks(m);
  const [narrowed, whole]: [Matrix[], Matrix[]] = [[], []];
  const known = state.memories.get(index);
  if (known?.error) buffer.add_(known.error);
  const before = state.useErrorFeedback ? buffer.clone() : null;
  for (const matrix of gradients.map((gradient) => new Matrix(gradient))) {
    const size = matrix.rows * matrix.columns;
    const compresses = sizeOf(matrix) * minCompressionRate < size;
    (compresses ? narrowed : whole).push(matrix);
    state.note(size, compresses ? sizeOf(matrix) : size);
  }

  const like = { dtype: buffer.dtype, device: buffer.device };
  const total = (size: (m: Matrix) => number) => narrowed.reduce((n, m) => n + size(m), 0);
  const fresh = known === undefined || !state.warmStart;
  const memory: Memory = fresh
    ? {
        error: known?.error ?? (before && keep(buffer.newZeros(buffer.shape))),
        p: keep(empty([total((m) => m.rows * ranks(m))], like)),
        q: keep(empty([total((m) => m.columns * ranks(m))], like)),
      }
    : known;
  if (fresh) for (const old of [known?.p, known?.q]) old?.dispose();
  state.memories.set(index, memory);
  const batches = batchesOf(grouped(state, narrowed), ranks, memory);
  const generator = fresh ? state.nextGenerator() : null;
  for (const { q } of batches) {
    if (generator !== null) q.copy_(randn([...q.shape], { generator, dtype: buffer.dtype }));
    orthogonalize(q, orthogonalizationEpsilon);
  }

  for (const { values, p, q } of batches) p.copy_(values.bmm(q));
  const rest = whole.length === 0 ? empty([0], like) : cat(whole.map(({ values }) => values.reshape([-1])));
  sum(rest);
  rest.div_(group.size);
  let at = 0;
  for (const matrix of whole) {
    const size = matrix.rows * matrix.columns;
    matrix.write(rest.narrow(0, at, size));
    at += size;
  }
  sum(memory.p);
  for (const { values, p, q } of batches) {
    orthogonalize(p, orthogonalizationEpsilon);
    q.copy_(values.transpose(1, 2).bmm(p));
  }
  sum(memory.q);
  memory.q.div_(group.size);
  for (const { matrices, p, q } of batches) {
    const products = p.bmm(q.transpose(1, 2));
    for (const [i, matrix] of matrices.entries()) matrix.write(products.select(0, i));
  }
  if (before !== null) memory.error!.copy_(before.sub(buffer));
  if (isLast) state.iter++;
  return buffer;
}
