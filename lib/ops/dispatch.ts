// biome-ignore-all lint/complexity/noArguments: a rest parameter would allocate an array also on the fast paths.
// Which overload a call means. Overloads are tried in the table's order; the common shapes of a call (tensors alone, a
// tensor and a number) skip the trying.
import { isPlainObject } from '../options.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { isComplexNumber } from './convert.js';
import { schemas } from './generated/schemas.js';
import { type NativeOp, type Options, Overload } from './overload.js';
import { refusal } from './refusal.js';
import { parseSchema } from './schema.js';

function isOptions(value: unknown): value is Options {
  return isPlainObject(value) && !isComplexNumber(value);
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
    // A copy: every overload that is tried looks at the options, and a getter may change its answer.
    if (args.length > 0 && isOptions(args[args.length - 1])) options = { ...(args.pop() as Options) };
    while (args.length > 0 && args[args.length - 1] === undefined) args.pop();
    const wantsOut = options?.out !== undefined;
    for (const overload of this.overloads) {
      if (overload.outs.length > 0 !== wantsOut) continue;
      const flat = overload.match(args, options);
      if (flat === undefined) continue;
      const result = overload.run(flat, args, options);
      if (options?.requiresGrad === true && overload.factory) (result as Tensor).requiresGrad = true;
      return result;
    }
    const candidates = this.overloads.filter((o) => o.outs.length > 0 === wantsOut);
    throw refusal(this.name, candidates, args, options);
  }
}

/** The overload that a call with `count` tensors and nothing else means, if its one result is a tensor. */
function tensorsOnly(op: Op, count: number): Overload | undefined {
  const chosen = op.overloads.find(
    (o) =>
      o.outs.length === 0 &&
      o.positional.length >= count &&
      o.params.every((p, i) => (i < count ? p.base === 'Tensor' && !p.list && p.position === i : p.hasDefault)),
  );
  const [result, ...more] = chosen?.schema.returns ?? [];
  if (result === undefined || more.length > 0 || result.base !== 'Tensor' || result.list) return undefined;
  return result.written === undefined || result.written === chosen!.params[0]!.written ? chosen : undefined;
}

/** The overload of a tensor and a list of integers: sizes, or dimensions. */
function tensorAndIntegers(op: Op): Overload | undefined {
  const takesList = (o: Overload) => o.positional[1]?.list === true;
  const chosen = op.overloads.find((o) => o.outs.length === 0 && takesList(o));
  const fits =
    chosen?.makesTensor &&
    chosen.params.every((p, i) => {
      if (i === 0) return p.base === 'Tensor' && !p.list && p.position === 0;
      return i === 1 ? /^(Sym)?int$/i.test(p.base) && p.position === 1 : p.hasDefault;
    });
  return fits ? chosen : undefined;
}

function isIntegers(value: unknown): value is number[] {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!Number.isSafeInteger(value[i])) return false;
  return true;
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
type Fast3 = (a: Tensor, b: Tensor, c: Tensor) => Tensor;

const unavailable = (overload: Overload): boolean => {
  try {
    return overload.native === undefined;
  } catch {
    return true;
  }
};

const writes = (o: Overload) => o.schema.returns[0]!.written !== undefined;

function fast1(o: Overload): Fast1 {
  const native: NativeOp = o.native;
  if (writes(o)) {
    return (a) => {
      native(a.handle);
      return a;
    };
  }
  return (a) => wrap(native(a.handle) as Handle);
}

function fast2<B>(o: Overload, value: (b: B) => unknown): (a: Tensor, b: B) => Tensor {
  const native: NativeOp = o.native;
  if (writes(o)) {
    return (a, b) => {
      native(a.handle, value(b));
      return a;
    };
  }
  return (a, b) => wrap(native(a.handle, value(b)) as Handle);
}

function fast3(o: Overload): Fast3 {
  const native: NativeOp = o.native;
  if (writes(o)) {
    return (a, b, c) => {
      native(a.handle, b.handle, c.handle);
      return a;
    };
  }
  return (a, b, c) => wrap(native(a.handle, b.handle, c.handle) as Handle);
}

export type Callable = (...args: unknown[]) => unknown;

interface Fast {
  one: Fast1 | undefined;
  two: Fast2 | undefined;
  three: Fast3 | undefined;
  number: ((a: Tensor, b: number) => Tensor) | undefined;
  integers: ((a: Tensor, b: number[]) => Tensor) | undefined;
}

function fastPaths(op: Op): Fast {
  const usable = (o: Overload | undefined) => (o === undefined || o.guard || unavailable(o) ? undefined : o);
  const one = usable(tensorsOnly(op, 1));
  const two = usable(tensorsOnly(op, 2));
  const three = usable(tensorsOnly(op, 3));
  const number = usable(tensorAndNumber(op));
  const integers = usable(tensorAndIntegers(op));
  return {
    one: one && fast1(one),
    two: two && fast2(two, (b: Tensor) => b.handle),
    three: three && fast3(three),
    number: number && fast2(number, (b: number) => b),
    integers: integers && fast2(integers, (b: number[]) => b),
  };
}

/** The arguments in an array of the right length; `Array.from` would take most of the time of a call. */
function gather(args: IArguments): unknown[] {
  const all = new Array<unknown>(args.length);
  for (let i = 0; i < args.length; i++) all[i] = args[i];
  return all;
}

/** {@link gather} with `self` at its position. */
function gatherWith(args: IArguments, self: unknown, at: number): unknown[] {
  const all = new Array<unknown>(args.length + 1);
  all[at] = self;
  for (let i = 0; i < args.length; i++) all[i < at ? i : i + 1] = args[i];
  return all;
}

/** The op as a function of all its arguments. */
export function compileFunction(name: string): Callable {
  const op = new Op(name);
  const { one, two, three, number, integers } = fastPaths(op);
  return function (a?: unknown, b?: unknown, c?: unknown) {
    if (isTensor(a)) {
      if (arguments.length === 2) {
        if (two !== undefined && isTensor(b)) return two(a, b);
        if (number !== undefined && typeof b === 'number') return number(a, b);
        if (integers !== undefined && isIntegers(b)) return integers(a, b);
      } else if (arguments.length === 1) {
        if (one !== undefined) return one(a);
      } else if (three !== undefined && arguments.length === 3 && isTensor(b) && isTensor(c)) return three(a, b, c);
    }
    return op.call(gather(arguments));
  };
}

/** The op as a method: `this` is its argument `self`. */
export function compileMethod(name: string): Callable {
  const op = new Op(name);
  const self = Math.max(0, op.overloads[0]?.params.findIndex((p) => p.name === 'self') ?? 0);
  const { one, two, three, number, integers } = self === 0 ? fastPaths(op) : ({} as Fast);
  return function (this: unknown, b?: unknown, c?: unknown) {
    if (isTensor(this)) {
      if (arguments.length === 1) {
        if (two !== undefined && isTensor(b)) return two(this, b);
        if (number !== undefined && typeof b === 'number') return number(this, b);
        if (integers !== undefined && isIntegers(b)) return integers(this, b);
      } else if (arguments.length === 0) {
        if (one !== undefined) return one(this);
      } else if (three !== undefined && arguments.length === 2 && isTensor(b) && isTensor(c)) return three(this, b, c);
    }
    return op.call(gatherWith(arguments, this, self));
  };
}
