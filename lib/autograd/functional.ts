// Derivatives of functions: `torch.autograd.functional`.
import { check, elementsOf, flag, oneOf, synchronous } from '../check.js';
import { TorchClipError } from '../errors.js';
import { onesLike, stack, zeros, zerosLike } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { sameShape } from '../shape.js';
import { refuseLater } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';
import { grad } from './backward.js';
import { dualLevel, makeDual, unpackDual } from './forward-ad.js';
import { enableGrad, isGradEnabled } from './modes.js';

type Many = readonly Tensor[];
/** A function of as many tensors as there are inputs. */
export type Func<R extends Tensor | Many = Tensor | Many> = (...inputs: Tensor[]) => R;

/** Options of the functions of `autograd.functional`. */
export interface FunctionalOptions {
  /** Make the result differentiable itself; default false. */
  createGraph?: boolean;
  /** Throw where an output does not depend on an input, instead of giving zeros; default false. */
  strict?: boolean;
}

const common = { createGraph: [flag, false], strict: [flag, false] } as const;
const strategies = oneOf('reverse-mode', 'forward-mode');

/** Options of {@link jacobian}. */
export interface JacobianOptions extends FunctionalOptions {
  /** Taken for PyTorch's sake: the result is the same. Default false. */
  vectorize?: boolean;
  /** A backward pass per element of the outputs, or a forward one per element of the inputs; default `'reverse-mode'`. */
  strategy?: 'reverse-mode' | 'forward-mode';
}

/** Options of {@link hessian}. */
export interface HessianOptions extends FunctionalOptions {
  /** Taken for PyTorch's sake: the result is the same. Default false. */
  vectorize?: boolean;
  /** How the gradient is differentiated again; default `'reverse-mode'`. */
  outerJacobianStrategy?: 'reverse-mode' | 'forward-mode';
}

const readJacobian = optionsOf('jacobian()', {
  ...common,
  vectorize: [flag, false],
  strategy: [strategies, 'reverse-mode'],
});
const readHessian = optionsOf('hessian()', {
  ...common,
  vectorize: [flag, false],
  outerJacobianStrategy: [strategies, 'reverse-mode'],
});
const readCommon = optionsOf('autograd.functional', common);

function listOf(name: string, value: unknown): Tensor[] {
  const list: unknown[] = isTensor(value) ? [value] : Array.isArray(value) ? elementsOf(value) : [];
  if (list.length > 0 && list.every(isTensor)) return list;
  throw new TorchClipError('ERR_ARGUMENT', `"${name}" must be a Tensor or an array of Tensors`);
}

/** Inputs that a graph begins at, or goes on from where the result is to be differentiated. */
const fresh = (inputs: Many, createGraph: boolean): Tensor[] =>
  inputs.map((x) => (createGraph && x.requiresGrad ? x.viewAs(x) : x.detach().requiresGrad_()));

const finished = (tensor: Tensor, createGraph: boolean) => (createGraph ? tensor : tensor.detach());

/** Gradients by all inputs, zeros where there is none, or an error when that is strict. */
function gradients(
  outputs: Many,
  inputs: Many,
  seeds: Many | undefined,
  keep: { createGraph: boolean; retainGraph?: boolean },
  missing: string | undefined,
): Tensor[] {
  const live = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
  const found: (Tensor | null)[] =
    live.length === 0
      ? inputs.map(() => null)
      : grad(
          live.map((i) => outputs[i]!),
          inputs,
          { ...(seeds && { gradOutputs: live.map((i) => seeds[i]!) }), ...keep, allowUnused: true },
        );
  return found.map((g, i) => {
    if (g !== null) return g;
    if (missing !== undefined)
      throw new TorchClipError('ERR_AUTOGRAD', `${missing} does not depend on input ${i}, and "strict" is true`);
    return zerosLike(inputs[i]!);
  });
}

/** Evaluates and checks; what comes back depends on the inputs where that is strict. */
function evaluate(func: Func, inputs: Many, strict: boolean): { outputs: Tensor[]; single: boolean } {
  check('func', func, synchronous());
  const result: unknown = refuseLater('func', func(...inputs));
  const outputs = listOf('the result of func', result);
  const i = strict ? outputs.findIndex((y) => !y.requiresGrad) : -1;
  if (i >= 0) {
    throw new TorchClipError('ERR_AUTOGRAD', `output ${i} of func does not depend on the inputs, and "strict" is true`);
  }
  return { outputs, single: isTensor(result) };
}

function vectorsOf(name: string, v: unknown, like: Many): Tensor[] {
  if (v === undefined || v === null) {
    if (like.length === 1 && like[0]!.numel() === 1) return [onesLike(like[0]!)];
    throw new TorchClipError('ERR_ARGUMENT', `"${name}" must be given unless the function has one element`);
  }
  const list = listOf(name, v);
  if (list.length !== like.length) {
    throw new TorchClipError('ERR_ARGUMENT', `"${name}" must be ${like.length} Tensors, got ${list.length}`);
  }
  for (const [i, { shape }] of like.entries()) {
    if (sameShape(list[i]!.shape, shape)) continue;
    throw new TorchClipError(
      'ERR_SHAPE',
      `"${name}" must have the shape [${shape.join(', ')}] at ${i}, got [${list[i]!.shape.join(', ')}]`,
    );
  }
  return list;
}

/**
 * The Jacobian of a function, as `torch.autograd.functional.jacobian`.
 *
 * @returns the derivative of each output by each input, of the output's shape followed by the input's: a tensor for one of each, else
 * arrays, by outputs outside and inputs inside.
 * @throws {TorchClipError} `ERR_AUTOGRAD` as `strict` says.
 *
 * @example
 * torch.autograd.functional.jacobian((x) => x.pow(2), torch.tensor([1, 2])); // [[2, 0], [0, 4]]
 */
export function jacobian(func: Func<Tensor>, inputs: Tensor, options?: JacobianOptions): Tensor;
export function jacobian(func: Func<Tensor>, inputs: Many, options?: JacobianOptions): Tensor[];
export function jacobian(func: Func<Many>, inputs: Tensor, options?: JacobianOptions): Tensor[];
export function jacobian(func: Func<Many>, inputs: Many, options?: JacobianOptions): Tensor[][];
export function jacobian(func: Func, inputs: Tensor | Many, options?: JacobianOptions): Tensor | Tensor[] | Tensor[][] {
  const { createGraph, strict, strategy } = readJacobian(options);
  check('strategy', strategy, strategies);
  if (strategy === 'forward-mode' && (createGraph || strict)) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'the "strategy" "forward-mode" cannot be combined with "createGraph" or "strict"',
    );
  }
  const given = listOf('inputs', inputs);
  const { rows, single } = enableGrad(() =>
    strategy === 'forward-mode' ? columnwise(func, given) : rowwise(func, given, createGraph, strict),
  );
  const perOutput = rows.map((row) => (isTensor(inputs) ? row[0]! : row));
  return single ? perOutput[0]! : (perOutput as Tensor[] | Tensor[][]);
}

interface Jacobian {
  /** By output, then by input. */
  rows: Tensor[][];
  single: boolean;
}

function rowwise(func: Func, given: Many, createGraph: boolean, strict: boolean): Jacobian {
  const xs = fresh(given, createGraph);
  const { outputs, single } = evaluate(func, xs, strict);
  const rows = outputs.map((y, i) => {
    const elements = y.reshape([-1]);
    const parts = Array.from({ length: y.numel() }, (_, j) =>
      gradients(
        [elements.select(0, j)],
        xs,
        undefined,
        { createGraph, retainGraph: true },
        strict ? `output ${i} of func` : undefined,
      ),
    );
    return xs.map((x, k) => {
      const shape = [...y.shape, ...x.shape];
      if (parts.length === 0) return zeros(shape, { dtype: x.dtype, device: x.device });
      return finished(stack(parts.map((part) => part[k]!)), createGraph).view(shape);
    });
  });
  return { rows, single };
}

function columnwise(func: Func, given: Many): Jacobian {
  const xs = given.map((x) => x.detach());
  let single = true;
  let shapes: Tensor[] = [];
  // By input, then its element, then the output.
  const columns = xs.map((x, k) =>
    Array.from({ length: x.numel() }, (_, j) => {
      const tangent = zeros([x.numel()], { dtype: x.dtype, device: x.device });
      tangent.select(0, j).fill_(1);
      return dualLevel(() => {
        const duals = xs.map((other, i) => (i === k ? makeDual(other, tangent.view(x.shape)) : other));
        const result = evaluate(func, duals, false);
        single = result.single;
        const parts = result.outputs.map((y) => unpackDual(y));
        shapes = parts.map(({ primal }) => primal.detach());
        return parts.map(({ primal, tangent }) => (tangent ?? zerosLike(primal)).detach());
      });
    }),
  );
  if (shapes.length === 0) ({ outputs: shapes, single } = evaluate(func, xs, false));
  const rows = shapes.map((y, i) =>
    xs.map((x, k) => {
      const shape = [...y.shape, ...x.shape];
      const parts = columns[k]!.map((column) => column[i]!.reshape([-1]));
      return parts.length === 0 ? zeros(shape, { dtype: y.dtype, device: y.device }) : stack(parts, 1).reshape(shape);
    }),
  );
  return { rows, single };
}

/**
 * The Hessian of a function that returns one element, as `torch.autograd.functional.hessian`.
 *
 * @returns the second derivatives: a tensor of the input's shape twice for one input, else an array of arrays by the inputs.
 * @throws {TorchClipError} `ERR_SHAPE` where the function returns more than one element, `ERR_AUTOGRAD` as `strict` says.
 *
 * @example
 * torch.autograd.functional.hessian((x) => x.pow(3).sum(), torch.tensor([1, 2])); // [[6, 0], [0, 12]]
 */
export function hessian(func: Func<Tensor>, inputs: Tensor, options?: HessianOptions): Tensor;
export function hessian(func: Func<Tensor>, inputs: Many, options?: HessianOptions): Tensor[][];
export function hessian(func: Func<Tensor>, inputs: Tensor | Many, options?: HessianOptions): Tensor | Tensor[][] {
  const { createGraph, strict, outerJacobianStrategy } = readHessian(options);
  const strategy = check('outerJacobianStrategy', outerJacobianStrategy, strategies);
  const given = listOf('inputs', inputs);
  const gradient = (...xs: Tensor[]): Tensor[] => {
    // In forward mode the inputs carry tangents, which a detached one would lose.
    const live = xs.map((x) => (x.requiresGrad ? x : x.viewAs(x).requiresGrad_()));
    const { outputs } = evaluate(func, live, strict);
    oneElement(outputs);
    return gradients(outputs, live, undefined, { createGraph: true }, strict ? 'the output of func' : undefined);
  };
  const rows = jacobian(gradient as Func<Many>, given, {
    createGraph,
    strict,
    strategy,
  });
  return isTensor(inputs) ? rows[0]![0]! : rows;
}

function oneElement(outputs: Many): Tensor {
  const [y] = outputs;
  if (outputs.length === 1 && y!.numel() === 1) return y!.reshape([]);
  throw new TorchClipError('ERR_SHAPE', 'func must return one Tensor of one element');
}

type Same<I> = I extends Tensor ? Tensor : Tensor[];
const same = <I extends Tensor | Many>(like: I, list: Tensor[]) => (isTensor(like) ? list[0]! : list) as Same<I>;

/**
 * The value of a function and the product of a vector with its Jacobian, by one backward pass.
 *
 * @param v a tensor per output, of its shape; may be left out for an output of one element.
 * @returns the outputs, and a tensor per input.
 *
 * @example
 * const [y, vx] = torch.autograd.functional.vjp((x) => x.exp(), x, v);
 */
export function vjp<O extends Tensor | Many, I extends Tensor | Many>(
  func: Func<O>,
  inputs: I,
  v?: Tensor | Many | null,
  options?: FunctionalOptions,
): [outputs: Same<O>, vjp: Same<I>] {
  const { createGraph, strict } = readCommon(options, 'vjp()');
  return enableGradWhere(createGraph, () => {
    const xs = fresh(listOf('inputs', inputs), createGraph);
    const { outputs, single } = evaluate(func, xs, strict);
    const seeds = vectorsOf('v', v, outputs);
    const found = gradients(outputs, xs, seeds, { createGraph }, strict ? 'the output of func' : undefined);
    const values = outputs.map((y) => finished(y, createGraph));
    return [
      (single ? values[0]! : values) as Same<O>,
      same(
        inputs,
        found.map((g) => finished(g, createGraph)),
      ),
    ];
  });
}

/**
 * The value of a function and the product of its Jacobian with a vector, by two backward passes; `forwardAd` and one forward pass is
 * faster where all operations have a forward derivative.
 *
 * @param v a tensor per input, of its shape; may be left out for an input of one element.
 * @returns the outputs, and a tensor per output.
 *
 * @example
 * const [y, dy] = torch.autograd.functional.jvp((x) => x.exp(), x, v);
 */
export function jvp<O extends Tensor | Many, I extends Tensor | Many>(
  func: Func<O>,
  inputs: I,
  v?: Tensor | Many | null,
  options?: FunctionalOptions,
): [outputs: Same<O>, jvp: Same<O>] {
  const { createGraph, strict } = readCommon(options, 'jvp()');
  return enableGradWhere(createGraph, () => {
    const given = listOf('inputs', inputs);
    const vectors = vectorsOf('v', v, given);
    const xs = fresh(given, createGraph);
    const { outputs, single } = evaluate(func, xs, strict);
    // The backward pass is linear in its seeds, so its own derivative by them is the product.
    const seeds = outputs.map((y) => zerosLike(y).requiresGrad_());
    const pulled = gradients(outputs, xs, seeds, { createGraph: true }, strict ? 'the output of func' : undefined);
    const found = gradients(pulled, seeds, vectors, { createGraph }, strict ? 'the Jacobian' : undefined);
    const shape = (list: Tensor[]) => {
      const done = list.map((t) => finished(t, createGraph));
      return (single ? done[0]! : done) as Same<O>;
    };
    return [shape(outputs), shape(found)];
  });
}

/**
 * The value of a function of one element and the product of a vector with its Hessian.
 *
 * @param v a tensor per input, of its shape; may be left out for an input of one element.
 * @returns the output, and a tensor per input.
 *
 * @example
 * const [value, product] = torch.autograd.functional.vhp((x) => x.pow(3).sum(), x, v);
 */
export function vhp<I extends Tensor | Many>(
  func: Func<Tensor>,
  inputs: I,
  v?: Tensor | Many | null,
  options?: FunctionalOptions,
): [output: Tensor, vhp: Same<I>] {
  const { createGraph, strict } = readCommon(options, 'vhp()');
  return enableGradWhere(createGraph, () => {
    const given = listOf('inputs', inputs);
    const vectors = vectorsOf('v', v, given);
    const xs = fresh(given, createGraph);
    const { outputs } = evaluate(func, xs, strict);
    oneElement(outputs);
    const why = strict ? 'the output of func' : undefined;
    const first = gradients(outputs, xs, undefined, { createGraph: true }, why);
    const found = gradients(first, xs, vectors, { createGraph }, strict ? 'the gradient' : undefined);
    return [
      finished(outputs[0]!, createGraph),
      same(
        inputs,
        found.map((g) => finished(g, createGraph)),
      ),
    ];
  });
}

/**
 * The value of a function of one element and the product of its Hessian with a vector; {@link vhp} is the same for functions with
 * continuous second derivatives, and faster.
 *
 * @param v a tensor per input, of its shape; may be left out for an input of one element.
 * @returns the output, and a tensor per input.
 *
 * @example
 * const [value, product] = torch.autograd.functional.hvp((x) => x.pow(3).sum(), x, v);
 */
export function hvp<I extends Tensor | Many>(
  func: Func<Tensor>,
  inputs: I,
  v?: Tensor | Many | null,
  options?: FunctionalOptions,
): [output: Tensor, hvp: Same<I>] {
  const { createGraph, strict } = readCommon(options, 'hvp()');
  return enableGradWhere(createGraph, () => {
    const given = listOf('inputs', inputs);
    const vectors = vectorsOf('v', v, given);
    const xs = fresh(given, createGraph);
    const { outputs } = evaluate(func, xs, strict);
    oneElement(outputs);
    const why = strict ? 'the output of func' : undefined;
    const first = gradients(outputs, xs, undefined, { createGraph: true }, why);
    const again = xs.map((x) => zerosLike(x).requiresGrad_());
    const pulled = gradients(first, xs, again, { createGraph: true }, strict ? 'the gradient' : undefined);
    const found = gradients(pulled, again, vectors, { createGraph }, strict ? 'the Hessian' : undefined);
    return [
      finished(outputs[0]!, createGraph),
      same(
        inputs,
        found.map((g) => finished(g, createGraph)),
      ),
    ];
  });
}

/** Recorded in any case; a result that is to be differentiated needs recording outside as well. */
function enableGradWhere<T>(createGraph: boolean, body: () => T): T {
  if (createGraph && !isGradEnabled()) {
    throw new TorchClipError('ERR_AUTOGRAD', '"createGraph" cannot be true while gradients are not recorded');
  }
  return enableGrad(body);
}
