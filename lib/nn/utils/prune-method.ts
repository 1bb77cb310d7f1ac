// How pruning chooses what becomes zero.
import { check, integer, type Kind, kind, number, orNull } from '../../check.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { kthvalue, onesLike, rand, randLike, zerosLike } from '../../ops/generated/functions.js';
import { norm } from '../../ops/norm.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';

/** What a method looks at once some is pruned: the elements that are left, the slices that are, or everything. */
export type PruningType = 'unstructured' | 'structured' | 'global';

/** An amount to prune: a share in [0, 1), or a whole number of elements or slices from 1 on; 0 is none. */
const amountKind: Kind<number> = kind(
  'a share between 0 and 1, or an integer >= 0',
  (v) => typeof v === 'number' && ((v >= 0 && v <= 1) || (Number.isSafeInteger(v) && v >= 0)),
);

/** As Python rounds: halves to the even number. */
function rounded(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

function countOf(amount: number, size: number): number {
  const count = Number.isInteger(amount) ? amount : rounded(amount * size);
  if (count > size) throw invalidArgument('amount', `at most ${size}, what there is to prune`, amount);
  return count;
}

/** A copy of a mask with zeros at flat indices. */
function without(mask: Tensor, indices: Tensor): Tensor {
  const flat = mask.clone().reshape([-1]);
  return flat.indexFill_(0, indices, 0).reshape(mask.shape);
}

/** The mask that is 1 in some slices of a dimension, times another one. */
function slices(t: Tensor, dim: number, kept: Tensor, mask: Tensor): Tensor {
  return zerosLike(t)
    .indexFill_(dim, kept, 1)
    .mul_(mask.to({ dtype: t.dtype }));
}

function checkDim(t: Tensor, dim: number): number {
  const { ndim } = t;
  if (ndim <= 1) throw mustHave('the pruned tensor', '2 or more dimensions', t.shape);
  check('dim', dim, integer(-ndim, ndim - 1), 'ERR_INDEX');
  return dim < 0 ? dim + ndim : dim;
}

const readPrune = optionsOf('prune()', {
  defaultMask: [orNull(tensor), null],
  importanceScores: [orNull(tensor), null],
});

/**
 * Base of the pruning methods; one of your own says its `pruningType` and computes a mask.
 *
 * {@link Identity}, {@link RandomUnstructured}, {@link L1Unstructured}, {@link RandomStructured}, {@link LnStructured} and
 * {@link CustomFromMask} are those that there are.
 *
 * @example
 * class Alternating extends nn.utils.prune.BasePruningMethod {
 *   readonly pruningType = 'unstructured';
 *   computeMask(t: Tensor, defaultMask: Tensor): Tensor {
 *     return defaultMask.mul(torch.arange(t.numel()).remainder(2).reshape(t.shape));
 *   }
 * }
 */
export abstract class BasePruningMethod {
  abstract readonly pruningType: PruningType;
  /** The dimension of the slices of a structured method. */
  readonly dim?: number;

  /**
   * The mask: 1 for what is kept, 0 for what is pruned.
   *
   * @param t the importance of each element.
   * @param defaultMask the mask so far, of the shape of `t`.
   */
  abstract computeMask(t: Tensor, defaultMask: Tensor): Tensor;

  /** `t` with zeros where the method prunes it. */
  prune(t: Tensor, options: { defaultMask?: Tensor | null; importanceScores?: Tensor | null } = {}): Tensor {
    check('t', t, tensor);
    const { defaultMask, importanceScores } = readPrune(options);
    return t.mul(this.computeMask(importanceScores ?? t, defaultMask ?? onesLike(t)));
  }
}

/**
 * Prunes nothing, and gives a parameter its mask.
 *
 * @example
 * new nn.utils.prune.Identity().prune(weight); // the same
 */
export class Identity extends BasePruningMethod {
  readonly pruningType = 'unstructured';

  computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    return defaultMask;
  }
}

/** What the methods share that prune an amount. */
abstract class ByAmount extends BasePruningMethod {
  readonly amount: number;

  constructor(amount: number) {
    super();
    this.amount = check('amount', amount, amountKind);
  }
}

/**
 * Prunes elements at random.
 *
 * @example
 * new nn.utils.prune.RandomUnstructured(0.3).prune(weight);
 */
export class RandomUnstructured extends ByAmount {
  readonly pruningType = 'unstructured';

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const count = countOf(this.amount, t.numel());
    if (count === 0) return defaultMask.clone();
    return without(defaultMask, randLike(t).reshape([-1]).topk(count)[1]);
  }
}

/**
 * Prunes the elements of least absolute value.
 *
 * @example
 * new nn.utils.prune.L1Unstructured(0.3).prune(weight);
 */
export class L1Unstructured extends ByAmount {
  readonly pruningType = 'unstructured';

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const count = countOf(this.amount, t.numel());
    if (count === 0) return defaultMask.clone();
    return without(defaultMask, t.abs().reshape([-1]).topk(count, { largest: false })[1]);
  }
}

/**
 * Prunes slices of a dimension (default -1) at random.
 *
 * @example
 * new nn.utils.prune.RandomStructured(2).prune(weight);
 */
export class RandomStructured extends ByAmount {
  readonly pruningType = 'structured';
  override readonly dim: number;

  constructor(amount: number, dim = -1) {
    super(amount);
    this.dim = check('dim', dim, integer());
  }

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const dim = checkDim(t, this.dim);
    const size = t.shape[dim]!;
    const count = countOf(this.amount, size);
    if (count === 0) return defaultMask;
    const drawn = rand([size]);
    const kept = drawn.gt(kthvalue(drawn, count)[0]).nonzero().reshape([-1]).to({ device: t.device });
    return slices(t, dim, kept, defaultMask);
  }
}

/**
 * Prunes the slices of a dimension (default -1) whose `n`-norm is least.
 *
 * @example
 * new nn.utils.prune.LnStructured(2, 1).prune(weight);
 */
export class LnStructured extends ByAmount {
  readonly pruningType = 'structured';
  readonly n: number | 'fro' | 'nuc';
  override readonly dim: number;

  constructor(amount: number, n: number, dim = -1) {
    super(amount);
    this.n = check('n', n, number);
    this.dim = check('dim', dim, integer());
  }

  computeMask(t: Tensor, defaultMask: Tensor): Tensor {
    const dim = checkDim(t, this.dim);
    const size = t.shape[dim]!;
    const count = countOf(this.amount, size);
    if (count === 0) return defaultMask;
    const others = t.shape.flatMap((_, d) => (d === dim ? [] : [d]));
    const kept = norm(t, this.n as number, others).topk(size - count)[1];
    return slices(t, dim, kept, defaultMask);
  }
}

/**
 * Prunes by a mask that is given.
 *
 * @example
 * new nn.utils.prune.CustomFromMask(mask).prune(weight);
 */
export class CustomFromMask extends BasePruningMethod {
  readonly pruningType = 'global';
  readonly mask: Tensor;

  constructor(mask: Tensor) {
    super();
    this.mask = check('mask', mask, tensor);
  }

  computeMask(_t: Tensor, defaultMask: Tensor): Tensor {
    if (String(this.mask.shape) !== String(defaultMask.shape)) {
      throw mustHave('mask', `shape [${defaultMask.shape.join(', ')}]`, this.mask.shape);
    }
    return defaultMask.mul(this.mask.to({ dtype: defaultMask.dtype }));
  }
}

/**
 * The methods that have pruned one parameter, one after the other; each sees what the ones before it have left.
 *
 * @example
 * const both = new nn.utils.prune.PruningContainer(first, second);
 */
export class PruningContainer extends BasePruningMethod implements Iterable<BasePruningMethod> {
  readonly pruningType = 'global';
  private readonly methods: BasePruningMethod[] = [];

  constructor(...methods: BasePruningMethod[]) {
    super();
    for (const method of methods) this.addPruningMethod(method);
  }

  /** How many there are. */
  get length(): number {
    return this.methods.length;
  }

  /** The method at `index`, counted from the end when negative. */
  at(index: number): BasePruningMethod | undefined {
    return this.methods.at(check('index', index, integer()));
  }

  /** Adds a method at the end. */
  addPruningMethod(method: BasePruningMethod): void {
    if (!(method instanceof BasePruningMethod)) throw invalidArgument('method', 'a BasePruningMethod', method);
    this.methods.push(method);
  }

  [Symbol.iterator](): IterableIterator<BasePruningMethod> {
    return this.methods[Symbol.iterator]();
  }

  /** The mask so far with what the last method prunes of it. */
  computeMask(t: Tensor, mask: Tensor): Tensor {
    const method = this.methods.at(-1);
    if (method === undefined) return mask;
    const dtype = t.dtype;
    if (method.pruningType === 'global') return method.computeMask(t, mask).to({ dtype });
    const structured = method.pruningType === 'structured';
    const [values, masks, dim] = structured
      ? [t, mask, checkDim(t, method.dim ?? -1)]
      : [t.reshape([-1]), mask.reshape([-1]), 0];
    const others = values.shape.flatMap((_, d) => (d === dim ? [] : [d]));
    const left = structured ? masks.sum(others).ne(0) : masks.eq(1);
    const kept = left.nonzero().reshape([-1]);
    const part = method.computeMask(values.indexSelect(dim, kept), masks.indexSelect(dim, kept));
    return masks.to({ dtype }).clone().indexCopy_(dim, kept, part.to({ dtype })).reshape(mask.shape);
  }
}
