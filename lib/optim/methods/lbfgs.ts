import { noGrad } from '../../autograd/index.js';
import { anything, arrayOf, check, integer, type Kind, kind, nonNegative, oneOf, orNull } from '../../check.js';
import { invalidArgument, isCallable, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { cat, viewAsReal, zerosLike } from '../../ops/generated/functions.js';
import { keep, scope } from '../../scope.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { lossOf } from '../base/closure.js';
import { Optimizer, type Parameters, type ParamGroup } from '../base/optimizer.js';
import type { ParameterEntry } from '../base/own-state.js';
import { type Definition, option } from '../engine/definition.js';
import { type LinePoint, strongWolfe } from './wolfe.js';

/** Options of {@link LBFGS}. */
export interface LBFGSGroup {
  /** The step length, or the first that a line search tries; default 1. */
  lr?: number;
  /** Iterations per step, an integer >= 1; default 20. */
  maxIter?: number;
  /** Evaluations of the closure per step, an integer >= 1, or null for 5/4 of `maxIter`; default null. */
  maxEval?: number | null;
  /** A step ends when no element of the gradient is larger; default 1e-7. */
  toleranceGrad?: number;
  /** A step ends when the loss and the parameters change by less; default 1e-9. */
  toleranceChange?: number;
  /** How many updates the approximation of the Hessian remembers, an integer >= 1; default 100. */
  historySize?: number;
  /** How the step length is found: `'strong_wolfe'`, or null for `lr`; default null. */
  lineSearchFn?: 'strong_wolfe' | null;
}

const definition: Definition<LBFGSGroup> = {
  name: 'LBFGS',
  own: true,
  options: {
    lr: option('learning rate', nonNegative, 1),
    maxIter: [integer(1), 20],
    maxEval: [orNull(integer(1)), null],
    toleranceGrad: [nonNegative, 1e-7],
    toleranceChange: [nonNegative, 1e-9],
    historySize: [integer(1), 100],
    lineSearchFn: [orNull(oneOf('strong_wolfe')), null],
  },
  rule: () => 'sgd',
};

interface History {
  func_evals: number;
  n_iter: number;
  d?: Tensor | undefined;
  t?: number | undefined;
  old_dirs: Tensor[];
  old_stps: Tensor[];
  ro: number[];
  H_diag: number;
  prev_flat_grad?: Tensor | undefined;
  prev_loss?: number | undefined;
}

/**
 * L-BFGS, as `torch.optim.LBFGS`: Newton's method with an approximation of the inverse Hessian from the last gradients. A step evaluates
 * the closure up to `maxEval` times. For losses of the whole data, on one device; it takes the memory of the parameters
 * 2 · `historySize` times and has no clipping of its own.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a bad option and for several groups. An error of the closure leaves the parameters where the
 * closure was evaluated last.
 * @see Liu & Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
 *
 * @example
 * const optimizer = new optim.LBFGS(model.parameters(), { lineSearchFn: 'strong_wolfe' });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = lossFn(model.forward(x), y);
 *   loss.backward();
 *   return loss;
 * });
 */
export class LBFGS extends Optimizer<LBFGSGroup> {
  constructor(params: Parameters<LBFGSGroup>, options: LBFGSGroup = {}) {
    super(definition, params, options);
    if (this.paramGroups.length !== 1) {
      throw new TorchClipError('ERR_ARGUMENT', `LBFGS takes one parameter group, got ${this.paramGroups.length}`);
    }
    const [group] = this.paramGroups as [ParamGroup<LBFGSGroup>];
    group.maxEval ??= Math.floor((group.maxIter * 5) / 4);
  }

  /**
   * Takes up to `maxIter` iterations.
   *
   * `closure`: clears the gradients, computes the loss, goes backward and returns the loss: a tensor of one element, or a number.
   *
   * @returns the loss before the step.
   */
  override step(): never;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T {
    if (!isCallable(closure)) throw invalidArgument('closure', 'a function that returns the loss', closure);
    return noGrad(() => this.#iterate(closure));
  }

  #iterate<T>(closure: () => T): T {
    const [group] = this.acceptedGroups as readonly [ParamGroup<LBFGSGroup>];
    const params = group.params;
    const { maxIter, toleranceGrad, toleranceChange, historySize, lineSearchFn } = group;
    const lr = Number(isTensor(group.lr) ? (group.lr as Tensor).item() : group.lr);
    const maxEval = group.maxEval ?? Math.floor((maxIter * 5) / 4);
    const evaluate = () => {
      const loss = lossOf(closure);
      return { loss, number: numberOf(loss), gradient: keep(flatGradient(params)) };
    };

    const memory = read(this.state.get(params[0]!));
    const first = evaluate();
    memory.func_evals++;
    let { number: loss, gradient } = first;
    let evaluations = 1;
    let flat = largest(gradient) <= toleranceGrad;
    for (let round = 1; !flat && round <= maxIter; round++) {
      memory.n_iter++;
      const direction = keep(scope(() => nextDirection(memory, gradient, historySize)));
      memory.d = direction;
      memory.prev_flat_grad = keep(gradient.clone());
      const before = loss;
      memory.prev_loss = before;
      memory.t = memory.n_iter === 1 ? Math.min(1, 1 / gradient.abs().sum().item()) * lr : lr;
      const slope = gradient.dot(direction).item();
      // No descent is left in this direction.
      if (slope > -toleranceChange) break;

      let used = 0;
      if (lineSearchFn === null) {
        move(params, direction, memory.t);
        // The last point is evaluated by the next step, if there is one.
        if (round !== maxIter) {
          ({ number: loss, gradient } = evaluate());
          used = 1;
          flat = largest(gradient) <= toleranceGrad;
        }
      } else {
        const here = params.map((param) => param.clone());
        const search = strongWolfe(
          { t: 0, loss, gradient, slope },
          memory.t,
          largest(direction),
          (t): LinePoint => {
            move(params, direction, t);
            const { number, gradient: there } = evaluate();
            params.forEach((param, i) => {
              param.copy_(here[i]!);
            });
            return { t, loss: number, gradient: there, slope: there.dot(direction).item() };
          },
          { most: maxEval - evaluations, tolerance: toleranceChange },
        );
        ({ loss, gradient, t: memory.t } = search.point);
        used = search.evaluations;
        move(params, direction, memory.t);
        flat = largest(gradient) <= toleranceGrad;
      }
      evaluations += used;
      memory.func_evals += used;
      if (evaluations >= maxEval || largest(direction) * Math.abs(memory.t) <= toleranceChange) break;
      if (Math.abs(loss - before) < toleranceChange) break;
    }
    Object.assign(this.state.get(params[0]!), memory);
    return first.loss;
  }
}

const anyNumber = kind<number>('a number', (x) => typeof x === 'number');

// The state of all parameters stands at the first one, as in PyTorch.
function read(entry: ParameterEntry): History {
  // A state can be assigned, and Python keeps some of its numbers as tensors.
  const number = (name: keyof History, value: unknown): number =>
    check(`state.${name}`, isTensor(value) && value.numel() === 1 ? value.item() : value, anyNumber);
  const optional = <T>(name: keyof History, value: unknown, kind: Kind<T>): T | undefined =>
    value === undefined || value === null ? undefined : check(`state.${name}`, value, kind);
  const tensors = (name: keyof History, value: unknown) => [...(optional(name, value, arrayOf(tensor)) ?? [])];
  return {
    func_evals: number('func_evals', entry.func_evals ?? 0),
    n_iter: number('n_iter', entry.n_iter ?? 0),
    d: optional('d', entry.d, tensor),
    t: entry.t === undefined || entry.t === null ? undefined : number('t', entry.t),
    old_dirs: tensors('old_dirs', entry.old_dirs),
    old_stps: tensors('old_stps', entry.old_stps),
    ro: (optional('ro', entry.ro, arrayOf(anything)) ?? []).map((value) => number('ro', value)),
    H_diag: number('H_diag', entry.H_diag ?? 1),
    prev_flat_grad: optional('prev_flat_grad', entry.prev_flat_grad, tensor),
    prev_loss: optional('prev_loss', entry.prev_loss, anyNumber),
  };
}

/** Minus the gradient times the approximation of the inverse Hessian, which takes in what the last iteration has shown. */
function nextDirection(memory: History, gradient: Tensor, historySize: number): Tensor {
  if (memory.n_iter === 1 || memory.d === undefined || memory.prev_flat_grad === undefined) {
    Object.assign(memory, { old_dirs: [], old_stps: [], ro: [], H_diag: 1 });
    return gradient.neg();
  }
  const { old_dirs, old_stps, ro } = memory;
  const y = gradient.sub(memory.prev_flat_grad);
  const s = memory.d.mul(memory.t!);
  const ys = y.dot(s).item();
  if (ys > 1e-10) {
    while (old_dirs.length >= historySize) for (const list of [old_dirs, old_stps, ro]) list.shift();
    old_dirs.push(keep(y));
    old_stps.push(keep(s));
    ro.push(1 / ys);
    memory.H_diag = ys / y.dot(y).item();
  }
  const factors: number[] = [];
  const q = gradient.neg();
  for (let i = old_dirs.length - 1; i >= 0; i--) {
    factors[i] = old_stps[i]!.dot(q).item() * ro[i]!;
    q.add_(old_dirs[i]!, { alpha: -factors[i]! });
  }
  const r = q.mul(memory.H_diag);
  for (let i = 0; i < old_dirs.length; i++) {
    r.add_(old_stps[i]!, { alpha: factors[i]! - old_dirs[i]!.dot(r).item() * ro[i]! });
  }
  return r;
}

const real = (t: Tensor) => (t.dtype.isComplex ? viewAsReal(t) : t);
const largest = (t: Tensor): number => (t.numel() === 0 ? 0 : t.abs().max().item());

function flatGradient(params: readonly Tensor[]): Tensor {
  return cat(
    params.map((param) => {
      const { grad } = param;
      const dense = grad === null ? zerosLike(param) : grad.layout.name === 'strided' ? grad.detach() : grad.toDense();
      return real(dense).reshape([-1]);
    }),
  );
}

function move(params: readonly Tensor[], direction: Tensor, t: number): void {
  let offset = 0;
  for (const param of params) {
    const values = real(param);
    const size = values.numel();
    values.add_(direction.narrow(0, offset, size).view(values.shape), { alpha: t });
    offset += size;
  }
}

function numberOf(loss: unknown): number {
  if (typeof loss === 'number') return loss;
  if (isTensor(loss) && loss.numel() === 1 && !loss.dtype.isComplex) return Number(loss.item());
  throw invalidArgument('the result of closure', 'the loss, a Tensor of one element or a number', loss);
}
