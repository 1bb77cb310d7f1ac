// One overload of an op: whether a call fits it, its flat arguments, its results.
import { native } from '../binding/index.js';
import { deviceToName } from '../default-device.js';
import { TorchClipError } from '../errors.js';
import { dtypeToName } from '../runtime.js';
import { type Handle, wrap } from '../tensor.js';
import { converterOf, no, resultConverter } from './convert.js';
import type { Guard } from './guards/guard.js';
import { guardOf } from './guards/index.js';
import { argumentOrder } from './order.js';
import type { Arg, Schema } from './types.js';

declare module '../binding/index.js' {
  interface Native {
    /** An operator as a function of its arguments in schema order; undefined where libtorch has none of that name. */
    op(name: string, overload: string): NativeOp | undefined;
  }
}

export type NativeOp = (...args: unknown[]) => unknown;
export type Options = Record<string, unknown>;

/** The native function of an overload of `aten::name`; throws `ERR_OP_UNAVAILABLE` where the loaded libtorch has none. */
export function nativeOp(name: string, overload = ''): NativeOp {
  const op = native.op(`aten::${name}`, overload);
  if (op !== undefined) return op;
  const full = overload === '' ? name : `${name}.${overload}`;
  throw new TorchClipError('ERR_OP_UNAVAILABLE', `the loaded libtorch does not have the operator aten::${full}`);
}

export interface Param extends Arg {
  convert: (value: unknown) => unknown;
  /** Where it is among the native function's arguments. */
  position: number;
}

/** PyTorch's factories take `requires_grad` beside the arguments of their schemas. */
function isFactory(schema: Schema): boolean {
  const has = (name: string) => schema.args.some((a) => a.name === name && a.keywordOnly);
  return schema.name !== 'to' && ['dtype', 'layout', 'device', 'pin_memory'].every(has);
}

/** Factories whose tensors have the default dtype where none is given; `arange` and `range`, where a number has a fraction. */
const inDefaultDtype = new Set([
  ...['empty', 'empty_strided', 'empty_permuted', 'zeros', 'ones', 'rand', 'randn', 'normal', 'eye'],
  ...['linspace', 'logspace', 'arange', 'range', 'fft_fftfreq', 'fft_rfftfreq'],
  ...['bartlett_window', 'blackman_window', 'hamming_window', 'hann_window', 'kaiser_window'],
]);

/** Factories that make their tensors on the default device where none is given. */
const onDefaultDevice = new Set([
  ...['empty', 'empty_permuted', 'empty_strided', 'zeros', 'ones', 'full', 'eye', 'scalar_tensor', 'normal'],
  ...['rand', 'randn', 'randint', 'randperm', 'arange', 'range', 'linspace', 'logspace', 'fft_fftfreq', 'fft_rfftfreq'],
  ...['bartlett_window', 'blackman_window', 'hamming_window', 'hann_window', 'kaiser_window'],
  ...['tril_indices', 'triu_indices', 'sparse_coo_tensor', 'sparse_compressed_tensor'],
  ...['sparse_csr_tensor', 'sparse_csc_tensor', 'sparse_bsr_tensor', 'sparse_bsc_tensor'],
]);

export class Overload {
  readonly schema: Schema;
  /** All arguments but those of the `out` option. */
  readonly params: readonly Param[];
  readonly outs: readonly Param[];
  readonly positional: readonly Param[];
  readonly factory: boolean;
  /** How many arguments the native function takes. */
  readonly arity: number;
  /** Whether the last positional argument is a list of sizes, which may be spread. */
  readonly spreads: boolean;
  private readonly byKey: ReadonlyMap<string, number>;
  private readonly required: readonly number[];
  readonly guard: Guard | undefined;
  /** Whether the one result is a new tensor. */
  readonly makesTensor: boolean;
  /** The position of `dtype` where its absence means the default dtype. */
  private readonly madeInDefault: number | undefined;
  /** The position of `device` where its absence means the default device. */
  private readonly placedOnDefault: number | undefined;
  private readonly results: (((v: unknown) => unknown) | undefined)[];
  private call: NativeOp | undefined;

  /** @param order the names of the native function's arguments, where they are not the schema's */
  constructor(schema: Schema, order = argumentOrder(schema.name, schema.overload)) {
    this.schema = schema;
    const positionOf = (arg: Arg, i: number) => (order === undefined ? i : order.indexOf(arg.name));
    const all = schema.args
      .map((arg, i) => ({ ...arg, position: positionOf(arg, i), convert: converterOf(arg) }))
      .filter((param) => param.position >= 0);
    this.arity = order?.length ?? all.length;
    this.params = all.filter((p) => !p.out);
    this.outs = all.filter((p) => p.out);
    this.positional = this.params.filter((p) => !p.keywordOnly);
    this.factory = isFactory(this.schema);
    const makes = this.factory && inDefaultDtype.has(schema.name) && this.outs.length === 0;
    this.madeInDefault = makes ? this.params.find((p) => p.name === 'dtype')?.position : undefined;
    const placed = this.outs.length === 0 && onDefaultDevice.has(schema.name);
    this.placedOnDefault = placed ? this.params.find((p) => p.name === 'device')?.position : undefined;
    const last = this.positional.at(-1);
    this.spreads = last?.list === true && last.size === undefined && /int$/i.test(last.base);
    this.byKey = new Map(this.params.map((p, i) => [p.key, i]));
    this.required = this.params.filter((p) => !p.hasDefault).map((p) => p.position);
    this.guard = guardOf(
      schema.name,
      schema.overload,
      this.params.map(({ key }) => key),
    );
    this.results = schema.returns.map(resultConverter);
    const [result, ...more] = schema.returns;
    this.makesTensor = result?.base === 'Tensor' && !result.list && result.written === undefined && more.length === 0;
  }

  get native(): NativeOp {
    this.call ??= nativeOp(this.schema.name, this.schema.overload);
    return this.call;
  }

  /** The native arguments of a call; undefined where the call does not fit. */
  match(given: readonly unknown[], options: Options | undefined): unknown[] | undefined {
    const { params, positional } = this;
    const flat = new Array<unknown>(this.arity);
    const args = this.spreads ? this.gather(given) : given;
    if (args.length > positional.length) return undefined;
    for (let i = 0; i < args.length; i++) {
      const value = args[i];
      if (value === undefined) continue;
      const param = params[i]!;
      const converted = param.convert(value);
      if (converted === no) return undefined;
      flat[param.position] = converted;
    }
    if (options !== undefined && !this.matchOptions(options, flat)) return undefined;
    for (const position of this.required) if (flat[position] === undefined) return undefined;
    return flat;
  }

  /** Positional arguments with sizes that were spread put into one list again. */
  gather(given: readonly unknown[]): readonly unknown[] {
    const at = this.positional.length - 1;
    if (given.length <= at || typeof given[at] !== 'number') return given;
    const sizes = given.slice(at);
    return sizes.every((v) => typeof v === 'number') ? [...given.slice(0, at), sizes] : given;
  }

  private matchOptions(options: Options, flat: unknown[]): boolean {
    for (const key in options) {
      const value = options[key];
      if (value === undefined) continue;
      const i = this.byKey.get(key);
      if (i === undefined) {
        if (key === 'out' ? this.matchOut(value, flat) : this.factory && isGradFlag(key, value)) continue;
        return false;
      }
      const param = this.params[i]!;
      if (flat[param.position] !== undefined) return false;
      const converted = param.convert(value);
      if (converted === no) return false;
      flat[param.position] = converted;
    }
    return true;
  }

  private matchOut(out: unknown, flat: unknown[]): boolean {
    const tensors: unknown[] = this.outs.length === 1 ? [out] : Array.isArray(out) ? out : [];
    if (tensors.length !== this.outs.length) return false;
    return this.outs.every((param, i) => {
      flat[param.position] = param.convert(tensors[i]);
      return flat[param.position] !== no;
    });
  }

  /** An argument of a call, by its key. */
  private valueOf(key: string, given: readonly unknown[], options: Options | undefined): unknown {
    const at = this.byKey.get(key);
    const args = this.spreads ? this.gather(given) : given;
    return at !== undefined && at < args.length ? args[at] : options?.[key];
  }

  /** The object that the op writes to, by alias set. */
  private written(given: readonly unknown[], options: Options | undefined, alias: string): unknown {
    const param = this.params.find((p) => p.written === alias);
    if (param !== undefined) return this.valueOf(param.key, given, options);
    const out = this.outs.findIndex((p) => p.written === alias);
    return this.outs.length === 1 ? options!.out : (options!.out as unknown[])[out];
  }

  /** A worker's default dtype is not libtorch's. */
  private nameDtype(flat: unknown[], position: number): void {
    const dtype = dtypeToName();
    if (dtype === undefined || flat[position] != null) return;
    const whole = this.schema.name === 'arange' || this.schema.name === 'range';
    if (whole && !flat.some((v) => typeof v === 'number' && !Number.isInteger(v))) return;
    flat[position] = dtype.code;
  }

  private nameDevice(flat: unknown[], position: number): void {
    const device = deviceToName();
    if (device !== undefined) flat[position] ??= device.toString();
  }

  /** Calls the native function and makes the result. */
  run(flat: unknown[], given: readonly unknown[], options: Options | undefined): unknown {
    if (this.madeInDefault !== undefined) this.nameDtype(flat, this.madeInDefault);
    if (this.placedOnDefault !== undefined) this.nameDevice(flat, this.placedOnDefault);
    this.guard?.((key) => this.valueOf(key, given, options));
    if (this.makesTensor) return wrap(this.native(...flat) as Handle);
    const result = this.native(...flat);
    const { returns } = this.schema;
    if (returns.length === 0) return undefined;
    if (returns.length === 1) return this.one(result, 0, given, options);
    return this.named(returns.map((_, i) => this.one((result as unknown[])[i], i, given, options)));
  }

  /** Results by their names as well as by their positions; a name such as `values` hides the array's own method. */
  private named(results: unknown[]): unknown[] {
    for (const [i, { name }] of this.schema.returns.entries()) {
      if (name !== '') Object.defineProperty(results, name, { value: results[i], enumerable: false });
    }
    return results;
  }

  private one(value: unknown, i: number, given: readonly unknown[], options: Options | undefined): unknown {
    const alias = this.schema.returns[i]!.written;
    if (alias !== undefined) return this.written(given, options, alias);
    const convert = this.results[i];
    return convert === undefined ? value : convert(value);
  }
}

const isGradFlag = (key: string, value: unknown) => key === 'requiresGrad' && typeof value === 'boolean';
