// biome-ignore-all lint/complexity/noArguments: a rest parameter would allocate an array also on the fast paths.
// Which overload a call means. Overloads are tried in the table's order; the common shapes of a call (tensors alone, a
// tensor and a number) skip the trying.
import { fill, type Handle, isTensor, owner, type Tensor } from '../tensor.js';
import { isComplexNumber } from './convert.js';
import { schemas } from './generated/schemas.js';
import { type NativeOp, type Options, Overload } from './overload.js';
import { refusal } from './refusal.js';
import { parseSchema } from './schema.js';

function isOptions(value: unknown): value is Options {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !isComplexNumber(value);
}

/** An op under one name, with all its overloads. */
export class Op {
  readonly overloads: readonly Overload[];
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
    this.overloads = (schemas[name] ?? []).map((text) => new Overload(parseSchema(name, text)));
  }

  /** Calls the overload that fits; `args` are the positional arguments and perhaps an options object after them. */
  call(args: unknown[]): unknown {
    let options: Options | undefined;
    if (args.length > 0 && isOptions(args[args.length - 1])) options = args.pop() as Options;
    while (args.length > 0 && args[args.length - 1] === undefined) args.pop();
    const wantsOut = options?.out !== undefined;
    for (const overload of this.overloads) {
      if (overload.outs.length > 0 !== wantsOut) continue;
      const flat = overload.match(args, options);
      if (flat === undefined) continue;
      const result = overload.finish(overload.native(...flat), args, options);
      if (options?.requiresGrad === true && overload.factory) (result as Tensor).requiresGrad = true;
      return result;
    }
    const candidates = this.overloads.filter((o) => o.outs.length > 0 === wantsOut);
    throw refusal(this.name, candidates, args, options);
  }
}

/** The overload that a call with `count` tensors and nothing else means, if its one result is a tensor. */
function tensorsOnly(op: Op, count: number): Overload | undefined {
  for (const o of op.overloads) {
    if (o.outs.length > 0) continue;
    const required = o.params.filter((p) => !p.hasDefault);
    const fits =
      required.length === count &&
      required.every((p, i) => p.base === 'Tensor' && !p.list && !p.keywordOnly && p.slot === i);
    if (!fits) continue;
    const [result] = o.schema.returns;
    const returnsTensor = o.schema.returns.length === 1 && result!.base === 'Tensor' && !result!.list;
    const inPlace = result?.written !== undefined;
    return returnsTensor && (!inPlace || result!.written === o.params[0]!.written) ? o : undefined;
  }
  return undefined;
}

/** The overload of a tensor and a number. */
function tensorAndNumber(op: Op): Overload | undefined {
  const o = op.overloads.find(
    (c) =>
      c.outs.length === 0 &&
      c.params.filter((p) => !p.hasDefault).length === 2 &&
      c.params[0]!.base === 'Tensor' &&
      c.params[1]!.base === 'Scalar' &&
      !c.params[1]!.list &&
      !c.params[1]!.keywordOnly,
  );
  const [result] = o?.schema.returns ?? [];
  return o?.schema.returns.length === 1 && result!.base === 'Tensor' && !result!.list ? o : undefined;
}

type Fast1 = (a: Tensor) => Tensor;
type Fast2 = (a: Tensor, b: Tensor) => Tensor;

const unavailable = (overload: Overload): boolean => {
  try {
    return overload.native === undefined;
  } catch {
    return true;
  }
};

const writes = (o: Overload) => o.schema.returns[0]!.written !== undefined;

/** Calls for the common arities: the last argument, after all of the schema's, is the object that is to own the result. */
function fast1(o: Overload): Fast1 {
  const native: NativeOp = o.native;
  if (writes(o)) {
    return (a) => {
      native(a.handle);
      return a;
    };
  }
  const call = padded(native, o, 1);
  return (a) => {
    const result = owner();
    return fill(result, call(a.handle, result) as Handle);
  };
}

function fast2<B>(o: Overload, value: (b: B) => unknown): (a: Tensor, b: B) => Tensor {
  const native: NativeOp = o.native;
  if (writes(o)) {
    return (a, b) => {
      native(a.handle, value(b));
      return a;
    };
  }
  const call = padded(native, o, 2);
  return (a, b) => {
    const result = owner();
    return fill(result, call(a.handle, value(b), result) as Handle);
  };
}

/** The native function with `undefined` for the arguments between the first `given` and the owner. */
function padded(native: NativeOp, o: Overload, given: 1 | 2): NativeOp {
  const missing = o.schema.args.length - given;
  if (missing === 0) return native;
  if (given === 1) {
    if (missing === 1) return (a, owner) => native(a, undefined, owner);
    const none = new Array<undefined>(missing);
    return (a, owner) => native(a, ...none, owner);
  }
  if (missing === 1) return (a, b, owner) => native(a, b, undefined, owner);
  const none = new Array<undefined>(missing);
  return (a, b, owner) => native(a, b, ...none, owner);
}

export type Callable = (...args: unknown[]) => unknown;

interface Fast {
  one: Fast1 | undefined;
  two: Fast2 | undefined;
  number: ((a: Tensor, b: number) => Tensor) | undefined;
}

function fastPaths(op: Op): Fast {
  const usable = (o: Overload | undefined) => (o === undefined || unavailable(o) ? undefined : o);
  const one = usable(tensorsOnly(op, 1));
  const two = usable(tensorsOnly(op, 2));
  const number = usable(tensorAndNumber(op));
  return {
    one: one && fast1(one),
    two: two && fast2(two, (b: Tensor) => b.handle),
    number: number && fast2(number, (b: number) => b),
  };
}

/** The arguments in an array, `self` at its place; `Array.from` would take most of the time of a call. */
function gather(args: IArguments, self: unknown, at: number): unknown[] {
  const all: unknown[] = [];
  for (let i = 0; i < args.length; i++) {
    if (i === at) all.push(self);
    all.push(args[i]);
  }
  if (at >= args.length) all.push(self);
  return all;
}

/** The op as a function of all its arguments. */
export function compileFunction(name: string): Callable {
  const op = new Op(name);
  const { one, two, number } = fastPaths(op);
  return function (a?: unknown, b?: unknown) {
    if (isTensor(a)) {
      if (arguments.length === 2) {
        if (two !== undefined && isTensor(b)) return two(a, b);
        if (number !== undefined && typeof b === 'number') return number(a, b);
      } else if (one !== undefined && arguments.length === 1) return one(a);
    }
    const args: unknown[] = [];
    for (let i = 0; i < arguments.length; i++) args.push(arguments[i]);
    return op.call(args);
  };
}

/** The op as a method: `this` is its argument `self`. */
export function compileMethod(name: string): Callable {
  const op = new Op(name);
  const self = Math.max(0, op.overloads[0]?.params.findIndex((p) => p.name === 'self') ?? 0);
  const { one, two, number } = self === 0 ? fastPaths(op) : ({} as Fast);
  return function (this: unknown, b?: unknown) {
    if (isTensor(this)) {
      if (arguments.length === 1) {
        if (two !== undefined && isTensor(b)) return two(this, b);
        if (number !== undefined && typeof b === 'number') return number(this, b);
      } else if (one !== undefined && arguments.length === 0) return one(this);
    }
    return op.call(gather(arguments, this, self));
  };
}
