// JavaScript values to what the native functions take, and their results back. A converter returns `no` for a value that
// its argument cannot be: another overload may take it.
import { requireCuda, usable } from '../cuda/available.js';
import { parseDevice } from '../device.js';
import { Dtype, dtypeOf } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import { Generator } from '../generator.js';
import { jagged, Layout, MemoryFormat, mkldnn } from '../layout.js';
import { local } from '../realm.js';
import { type Handle, isTensor, wrap } from '../tensor.js';
import type { Arg, Return } from './types.js';

export const no = Symbol('no');

type Convert = (value: unknown) => unknown;

const isInteger = (v: unknown) => (typeof v === 'number' ? Number.isSafeInteger(v) : typeof v === 'bigint');

/** Whether a value is a complex scalar and not an options object. */
export function isComplexNumber(value: object): boolean {
  const { re, im } = value as { re?: unknown; im?: unknown };
  return typeof re === 'number' && typeof im === 'number';
}

// libtorch makes tensors of these layouts without what its own ops then expect of them.
const isOpaque = (layout: Layout) => layout === mkldnn || layout === jagged;

const converters: Record<string, Convert> = {
  Tensor: (v) => (isTensor(v) ? v.handle : no),
  int: (v) => (isInteger(v) ? v : no),
  SymInt: (v) => (isInteger(v) ? v : no),
  float: (v) => (typeof v === 'number' ? v : no),
  bool: (v) => (typeof v === 'boolean' ? v : no),
  str: (v) => (typeof v === 'string' ? v : no),
  Scalar: (v) => {
    switch (typeof v) {
      case 'number':
      case 'bigint':
      case 'boolean':
        return v;
      case 'object':
        return v !== null && isComplexNumber(v) ? v : no;
      default:
        return no;
    }
  },
  ScalarType: (v) => (v instanceof Dtype ? v.code : no),
  Layout: (v) => (v instanceof Layout && !isOpaque(v) ? v.code : no),
  MemoryFormat: (v) => (v instanceof MemoryFormat ? v.code : no),
  Device: (v) => {
    const device = parseDevice(v);
    return device === undefined ? no : usable(device).toString();
  },
  Generator: (v) => (v instanceof Generator ? v.handle : no),
};

/** Memory is pinned for a GPU, and by its driver. */
const pinned: Convert = (v) => {
  if (v === true) requireCuda('pinned memory');
  return typeof v === 'boolean' ? v : no;
};

/** libtorch lets other integers through: some losses take them for one of these, some end in an assertion. */
const reduction: Convert = (v) => {
  if (isInteger(v) && !(Number(v) >= 0 && Number(v) <= 2)) {
    throw invalidArgument('reduction', '0 (none), 1 (mean) or 2 (sum)', v);
  }
  return isInteger(v) ? v : no;
};

/** What arguments of these names take is less than their types say. */
const named: Readonly<Record<string, Convert | undefined>> = { 'bool pin_memory': pinned, 'int reduction': reduction };

function listOf(element: Convert, arg: Arg): Convert {
  return (value) => {
    if (!Array.isArray(value)) {
      if (arg.size === undefined) return no;
      const one = element(value);
      return one === no ? no : new Array(arg.size).fill(one);
    }
    const result = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) {
      const v: unknown = value[i];
      const converted = v === null && arg.nullableElements ? null : element(v);
      if (converted === no) return no;
      result[i] = converted;
    }
    return result;
  };
}

/** The converter of an argument. */
export function converterOf(arg: Arg): Convert {
  const base = converters[arg.base];
  if (base === undefined) throw new Error(`an argument of type ${arg.base} cannot be converted`);
  const one = named[`${arg.base} ${arg.name}`] ?? base;
  const convert = arg.list ? listOf(one, arg) : one;
  return arg.nullable ? (value) => (value === null ? null : convert(value)) : convert;
}

const nouns: Record<string, [one: string, many: string]> = {
  Tensor: ['a Tensor', 'Tensors'],
  int: ['an integer', 'integers'],
  SymInt: ['an integer', 'integers'],
  float: ['a number', 'numbers'],
  bool: ['true or false', 'booleans'],
  str: ['a string', 'strings'],
  Scalar: ['a number', 'numbers'],
  ScalarType: ['a dtype such as torch.float32', 'dtypes'],
  Layout: ['a layout', 'layouts'],
  MemoryFormat: ['a memory format', 'memory formats'],
  Device: ["a device such as 'cpu' or 'cuda:0'", 'devices'],
  Generator: ['a Generator', 'Generators'],
};

/** What an argument takes, for the sentence of an error. */
export function expectedOf(arg: Arg): string[] {
  const [one, many] = nouns[arg.base] ?? [arg.base, arg.base];
  const kinds = arg.list ? [`an array of ${many}`] : [one];
  if (arg.list && arg.size !== undefined) kinds.unshift(one);
  if (arg.nullable) kinds.push('null');
  return kinds;
}

function backOf(ret: Return): Convert | undefined {
  switch (ret.base) {
    case 'Tensor':
      return (v) => (v === null ? null : wrap(v as Handle));
    case 'ScalarType':
      return (v) => dtypeOf(Number(v));
    default:
      return undefined;
  }
}

/** The converter of a result; undefined where the native value is the result. */
export function resultConverter(ret: Return): Convert | undefined {
  const one = backOf(ret);
  if (one === undefined || !ret.list) return one;
  return (values) => local(values as unknown[]).map(one);
}
