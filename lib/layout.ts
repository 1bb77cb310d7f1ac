import { invalidArgument } from './errors.js';
import { checkOwn, own } from './own.js';

/** One of a few named choices that libtorch knows by number. */
class Choice {
  readonly name: string;
  /** libtorch's number for it. */
  readonly code: number;

  /** @internal */
  constructor(token: typeof own, name: string, code: number) {
    checkOwn(token, new.target.name, 'the package, as torch.strided and torch.channelsLast are');
    this.name = name;
    this.code = code;
    Object.freeze(this);
  }

  toString(): string {
    return `torch.${this.name}`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/**
 * How a tensor keeps its elements: `strided` for dense tensors, or one of the sparse layouts.
 *
 * @example
 * x.layout === torch.strided; // true
 */
export class Layout extends Choice {
  declare private readonly brand: 'layout';
}

/**
 * The order of a dense tensor's dimensions in memory.
 *
 * @example
 * x.contiguous({ memoryFormat: torch.channelsLast });
 */
export class MemoryFormat extends Choice {
  declare private readonly brand: 'memory format';
}

/** Dense: every element at a place that strides tell. */
export const strided = new Layout(own, 'strided', 0);
/** Sparse: the indices and values of the elements that are there. */
export const sparseCoo = new Layout(own, 'sparse_coo', 1);
/** Sparse rows, compressed. */
export const sparseCsr = new Layout(own, 'sparse_csr', 2);
/** oneDNN's own layout, which its operators make. */
export const mkldnn = new Layout(own, '_mkldnn', 3);
/** Sparse columns, compressed. */
export const sparseCsc = new Layout(own, 'sparse_csc', 4);
/** Sparse rows of blocks, compressed. */
export const sparseBsr = new Layout(own, 'sparse_bsr', 5);
/** Sparse columns of blocks, compressed. */
export const sparseBsc = new Layout(own, 'sparse_bsc', 6);
/** Nested tensors' layout, of which there are none here. */
export const jagged = new Layout(own, 'jagged', 7);

const layouts = [strided, sparseCoo, sparseCsr, mkldnn, sparseCsc, sparseBsr, sparseBsc, jagged];

/** The layout of a `c10::Layout` code. */
export function layoutOf(code: number): Layout {
  if (!Number.isInteger(code)) throw invalidArgument('code', 'an integer', code);
  return layouts.find((l) => l.code === code) ?? new Layout(own, `layout_${code}`, code);
}

/** Row-major. */
export const contiguousFormat = new MemoryFormat(own, 'contiguous_format', 0);
/** Like the input's. */
export const preserveFormat = new MemoryFormat(own, 'preserve_format', 1);
/** NHWC for 4-d tensors. */
export const channelsLast = new MemoryFormat(own, 'channels_last', 2);
/** NDHWC for 5-d tensors. */
export const channelsLast3d = new MemoryFormat(own, 'channels_last_3d', 3);
