import { native } from '../binding/index.js';
import { flag, integer, kind, oneOf, orNull } from '../check.js';
import { bool, complex64, complex128, float64, int64 } from '../dtype.js';
import { strided } from '../layout.js';
import { nativeOp } from '../ops/overload.js';
import { optionsOf } from '../options.js';
import { getDefaultDtype } from '../runtime.js';
import { type Handle, isTensor, Tensor, wrap } from '../tensor.js';
import { formatterOf, type PrintOptions } from './formatter.js';
import { layout, type Printed } from './layout.js';
import { shortest } from './numbers.js';

export type { PrintOptions };

const defaults: PrintOptions = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null };
let current: PrintOptions = { ...defaults };

/**
 * The options that tensors are printed with.
 *
 * @example
 * torch.getPrintOptions().precision; // 4
 */
export function getPrintOptions(): PrintOptions {
  return { ...current };
}

const count = integer(0);
const names = ['precision', 'threshold', 'edgeitems', 'linewidth'] as const;
const readPrint = optionsOf('setPrintOptions()', {
  precision: [integer(0, 100), undefined],
  threshold: [kind<number>(`${count.expected} or Infinity`, (x) => x === Infinity || count.accepts(x)), undefined],
  edgeitems: [count, undefined],
  linewidth: [integer(1), undefined],
  profile: [oneOf('default', 'short', 'full'), undefined],
  sciMode: [orNull(flag), null],
});

/**
 * Changes how tensors are printed; what is not given stays, but `sciMode` goes back to null as in PyTorch.
 *
 * @example
 * torch.setPrintOptions({ precision: 2 });
 * @see https://pytorch.org/docs/stable/generated/torch.set_printoptions.html
 */
export function setPrintOptions(options: Partial<PrintOptions> & { profile?: 'default' | 'short' | 'full' }): void {
  const { profile, sciMode, ...given } = readPrint(options);
  const base = { ...(profile === undefined ? current : defaults) };
  if (profile === 'short') Object.assign(base, { precision: 2, edgeitems: 2 });
  if (profile === 'full') base.threshold = Number.POSITIVE_INFINITY;
  for (const name of names) if (given[name] !== undefined) base[name] = given[name];
  current = { ...base, sciMode };
}

/** Python's tuple of sizes: `(2, 3)`, `(2,)`, `()`. */
const tuple = (shape: readonly number[]) => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

/** The tensor with only the ends of the dimensions that are too long to print. */
function summarised(t: Tensor, cut: readonly boolean[]): Tensor {
  let result = t;
  for (const [dim, long] of cut.entries()) {
    if (!long) continue;
    const { edgeitems } = current;
    const last = result.shape[dim]! - edgeitems;
    result = cat([result.narrow(dim, 0, edgeitems), result.narrow(dim, last, edgeitems)], dim);
  }
  return result;
}

const cat = (tensors: readonly Tensor[], dim: number) =>
  wrap(
    nativeOp('cat')(
      tensors.map((t) => t.handle),
      dim,
    ) as Handle,
  );

type Value = number | bigint | boolean;

/** The elements of a dense tensor as PyTorch lays them out. */
function contents(t: Tensor, indent: number): string {
  const { shape } = t;
  if (shape.includes(0)) return '[]';
  const { threshold, edgeitems } = current;
  const summarise = t.numel() > threshold;
  const cut = shape.map((size) => summarise && edgeitems > 0 && size > 2 * edgeitems);
  if (summarise && edgeitems === 0) return '[...]';
  const shown = summarised(t, cut);
  const { dtype } = shown;
  const printed = (cells: string[], width: number): Printed => ({ shape: shown.shape, cut, cells, width });
  const data = shown.toTypedArray();
  if (dtype.isComplex) {
    const pairs = data as Float64Array;
    const re = pairs.filter((_, i) => i % 2 === 0);
    const im = pairs.filter((_, i) => i % 2 === 1);
    const [first, second] = [formatterOf([...re], true, current), formatterOf([...im], true, current)];
    const cells = Array.from(re, (v, i) => {
      const imaginary = `${second.format(im[i]!)}j`.trimStart();
      return first.format(v) + (/^[+-]/.test(imaginary) ? '' : '+') + imaginary;
    });
    return layout(printed(cells, first.width + second.width + 1), indent, current);
  }
  const values: Value[] = dtype === bool ? Array.from(data as Uint8Array, (v) => v !== 0) : Array.from<Value>(data);
  const formatter = formatterOf(values, dtype.isFloatingPoint, current);
  return layout(printed(values.map(formatter.format), formatter.width), indent, current);
}

/** The index and value tensors of a sparse tensor. */
function sparseContents(t: Tensor, indent: number): string {
  const op = (name: string) => wrap(nativeOp(name)(t.handle) as Handle);
  const columns = ['sparse_csc', 'sparse_bsc'].includes(t.layout.name);
  const coo = t.layout.name === 'sparse_coo';
  const parts: [string, Tensor][] = coo
    ? [['indices', op('_indices')]]
    : columns
      ? [
          ['ccol_indices', op('ccol_indices')],
          ['row_indices', op('row_indices')],
        ]
      : [
          ['crow_indices', op('crow_indices')],
          ['col_indices', op('col_indices')],
        ];
  parts.push(['values', op(coo ? '_values' : 'values')]);
  return parts
    .map(([name, part]) => {
      const prefix = `${name}=tensor(`;
      const hidden = part.device.type === 'meta';
      const size = hidden || part.numel() === 0 ? `, size=${tuple(part.shape)}` : '';
      return `${prefix}${hidden ? '...' : contents(part.detach(), indent + prefix.length)}${size})`;
    })
    .join(`,\n${' '.repeat(indent)}`);
}

/** By libtorch's numbers. */
const schemes = ['per_tensor_affine', 'per_channel_affine', 'per_tensor_symmetric', 'per_channel_symmetric'] as const;
const schemeNames = [...schemes, 'per_channel_affine_float_qparams'];

/** What a quantized tensor's integers stand for. */
function quantization(t: Tensor): string[] {
  const op = (name: string) => nativeOp(name)(t.handle);
  const scheme = schemeNames[Number(op('qscheme'))]!;
  const numbers = (name: string) => format(wrap(op(`q_per_channel_${name}`) as Handle));
  const parts = scheme.startsWith('per_tensor')
    ? [`scale=${shortest(op('q_scale') as number)}`, `zero_point=${op('q_zero_point')}`]
    : [`scale=${numbers('scales')}`, `zero_point=${numbers('zero_points')}`, `axis=${op('q_per_channel_axis')}`];
  return [`quantization_scheme=torch.${scheme}`, ...parts];
}

function join(text: string, suffixes: readonly string[], indent: number, newline: boolean): string {
  let result = text;
  let length = text.length - text.lastIndexOf('\n') + 1;
  for (const [i, suffix] of suffixes.entries()) {
    if ((newline && i === 0) || length + suffix.length + 2 > current.linewidth) {
      result += `,\n${' '.repeat(indent)}${suffix}`;
      length = indent + suffix.length;
    } else {
      result += `, ${suffix}`;
      length += suffix.length + 2;
    }
  }
  return `${result})`;
}

/** The tensor as PyTorch's `repr` writes it. */
export function format(t: Tensor): string {
  const prefix = 'tensor(';
  const indent = prefix.length;
  const { dtype, device, shape } = t;
  const suffixes: string[] = [];
  if (device.type !== 'cpu') suffixes.push(`device='${device}'`);
  const standard = getDefaultDtype();
  const usual = [standard, standard === float64 ? complex128 : complex64, int64, bool].includes(dtype);
  const size = `size=${tuple(shape)}`;
  const before = native.gradEnabled(false);
  let text: string;
  try {
    if (t.layout !== strided) {
      suffixes.push(size);
      if (device.type !== 'meta') suffixes.push(`nnz=${nativeOp('_nnz')(t.handle)}`);
      if (!usual) suffixes.push(`dtype=${dtype}`);
      text = sparseContents(t, indent);
    } else if (device.type === 'meta' || native.isClosed(t.handle)) {
      suffixes.push(size);
      if (dtype !== standard) suffixes.push(`dtype=${dtype}`);
      text = '...';
    } else if (dtype.name.startsWith('q')) {
      suffixes.push(size, `dtype=${dtype}`, ...quantization(t));
      text = contents(wrap(nativeOp('dequantize', 'self')(t.handle) as Handle).detach(), indent);
    } else if (t.numel() === 0) {
      if (shape.length !== 1) suffixes.push(size);
      if (dtype !== standard) suffixes.push(`dtype=${dtype}`);
      text = '[]';
    } else {
      if (current.edgeitems === 0) suffixes.push(size);
      if (!usual) suffixes.push(`dtype=${dtype}`);
      text = contents(t.detach(), indent);
    }
  } finally {
    native.gradEnabled(before);
  }
  if (t.layout !== strided) suffixes.push(`layout=${t.layout}`);
  const gradFn = t.gradFn;
  if (gradFn !== null) suffixes.push(`grad_fn=<${gradFn}>`);
  else if (t.requiresGrad) suffixes.push('requires_grad=True');
  return join(prefix + text, suffixes, indent, t.layout.name === 'sparse_coo');
}

/** As PyTorch writes it; a tensor inside of a transform of `torch.func` by what it stands for. */
function formatAny(t: Tensor): string {
  const parts = native.wrapperOf(t.handle);
  if (parts === null) return format(t);
  const [kind, level, dim, inside] = parts;
  const name = kind === 'batched' ? 'BatchedTensor' : 'GradTrackingTensor';
  const value = formatAny(wrap(inside)).replace(/^/gm, '    ');
  return `${name}(lvl=${level}${dim === null ? '' : `, bdim=${dim}`}, value=\n${value}\n)`;
}

function print(this: Tensor): string {
  if (!isTensor(this)) return 'Tensor {}';
  return this.isDisposed ? 'tensor(<disposed>)' : formatAny(this);
}

declare module '../binding/index.js' {
  interface Native {
    /** Whether it cannot be read now, as a parameter of a fully sharded module that is not whole. */
    isClosed(t: Handle): boolean;
    /** What a tensor inside of a transform stands for; null for a plain one. */
    wrapperOf(t: Handle): [kind: 'batched' | 'tracked', level: number, dim: number | null, inside: Handle] | null;
  }
}

declare module '../tensor.js' {
  interface Tensor {
    /** The tensor as PyTorch prints it. */
    toString(): string;
  }
}

for (const name of ['toString', Symbol.for('nodejs.util.inspect.custom')]) {
  Object.defineProperty(Tensor.prototype, name, { value: print, writable: true, configurable: true });
}
