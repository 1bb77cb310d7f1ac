// What PyTorch's tensors say of themselves beside the properties of lib/tensor.ts, most of it under a second name.
import { arrayOf, flag, instance } from '../check.js';
import * as dtypes from '../dtype.js';
import { Dtype } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { MemoryFormat } from '../layout.js';
import { optionsOf } from '../options.js';
import { Tensor } from '../tensor.js';

declare module '../tensor.js' {
  interface Tensor {
    /** Whether the memory is the host's. */
    readonly isCpu: boolean;
    /** Whether the memory is a GPU's. */
    readonly isCuda: boolean;
    /** Whether the tensor has a shape and no memory. */
    readonly isMeta: boolean;
    /** Whether the layout is `torch.sparseCoo`. */
    readonly isSparse: boolean;
    /** Whether the layout is `torch.sparseCsr`. */
    readonly isSparseCsr: boolean;
    /** Whether the dtype is a quantized one. */
    readonly isQuantized: boolean;
    /** Bytes of one element: {@link Tensor.itemsize}. */
    elementSize(): number;
    /** The number of elements: {@link Tensor.numel}. */
    nelement(): number;
    /** The number of dimensions: {@link Tensor.dim}. */
    ndimension(): number;
    /** The address of the first element: {@link Tensor.dataPtr}. */
    constDataPtr(): bigint;
    /** As complex64. */
    cfloat(): Tensor;
    /** As complex128. */
    cdouble(): Tensor;
    /** In the layout `torch.sparseCoo`. */
    toSparseCoo(): Tensor;
    /**
     * The name of the tensor's type in PyTorch, such as `'torch.FloatTensor'`; with a dtype or such a name, the tensor converted to it.
     *
     * @example
     * torch.zeros([2]).type(); // 'torch.FloatTensor'
     * x.type(torch.int64);
     * @see https://pytorch.org/docs/stable/generated/torch.Tensor.type.html
     */
    type(): string;
    type(dtype: Dtype | string): Tensor;
    /**
     * The dimensions in the order in which they lie in memory, outermost first.
     *
     * @param options.ambiguityCheck refuse where several orders are right; an array of memory formats accepts an order that exactly one of them
     * has. Default: false.
     * @throws {TorchClipError} `ERR_STATE` where the order is ambiguous, `ERR_ARGUMENT` for a tensor that is not dense.
     *
     * @example
     * torch.empty([2, 3, 5, 7], { memoryFormat: torch.channelsLast }).dimOrder(); // [0, 2, 3, 1]
     * @see https://pytorch.org/docs/stable/generated/torch.Tensor.dim_order.html
     */
    dimOrder(options?: { ambiguityCheck?: boolean | readonly MemoryFormat[] }): number[];
  }
}

const properties: Record<string, (t: Tensor) => boolean> = {
  isCpu: (t) => t.device.type === 'cpu',
  isCuda: (t) => t.device.type === 'cuda',
  isMeta: (t) => t.device.type === 'meta',
  isSparse: (t) => t.layout.name === 'sparse_coo',
  isSparseCsr: (t) => t.layout.name === 'sparse_csr',
  isQuantized: (t) => /^qu?int/.test(t.dtype.name),
};

// PyTorch's legacy names of types, by dtype.
const typeNames = new Map<Dtype, string>([
  [dtypes.float32, 'Float'],
  [dtypes.float64, 'Double'],
  [dtypes.float16, 'Half'],
  [dtypes.bfloat16, 'BFloat16'],
  [dtypes.uint8, 'Byte'],
  [dtypes.int8, 'Char'],
  [dtypes.int16, 'Short'],
  [dtypes.int32, 'Int'],
  [dtypes.int64, 'Long'],
  [dtypes.bool, 'Bool'],
  [dtypes.complex32, 'ComplexHalf'],
  [dtypes.complex64, 'ComplexFloat'],
  [dtypes.complex128, 'ComplexDouble'],
  [dtypes.uint16, 'UInt16'],
  [dtypes.uint32, 'UInt32'],
  [dtypes.uint64, 'UInt64'],
  [dtypes.qint8, 'QInt8'],
  [dtypes.quint8, 'QUInt8'],
  [dtypes.qint32, 'QInt32'],
  [dtypes.float8E5m2, 'Float8_e5m2'],
  [dtypes.float8E4m3fn, 'Float8_e4m3fn'],
  [dtypes.float8E5m2fnuz, 'Float8_e5m2fnuz'],
  [dtypes.float8E4m3fnuz, 'Float8_e4m3fnuz'],
]);

function typeOf(t: Tensor): string {
  const sparse = t.layout.name.startsWith('sparse_csr')
    ? 'sparse_csr.'
    : t.layout.name === 'sparse_coo'
      ? 'sparse.'
      : '';
  const prefix = t.device.type === 'cpu' ? '' : `${t.device.type}.`;
  return `torch.${prefix}${sparse}${typeNames.get(t.dtype) ?? t.dtype.name}Tensor`;
}

const expected = "a dtype, or the name of a type such as 'torch.FloatTensor'";

/** The conversion that a name of a type asks for. */
function named(t: Tensor, name: string): Tensor {
  const m = /^torch\.(cuda\.)?(\w+)Tensor$/.exec(name);
  const dtype = m === null ? undefined : [...typeNames].find(([, n]) => n === m[2])?.[0];
  if (m === null || dtype === undefined) throw invalidArgument('dtype', expected, name, 'ERR_DTYPE');
  return t.to({ dtype, device: m[1] === undefined ? 'cpu' : 'cuda' });
}

const readDimOrder = optionsOf('dimOrder()', {
  ambiguityCheck: [
    {
      expected: 'true, false or an array of memory formats',
      accepts: (value): value is boolean | readonly MemoryFormat[] =>
        flag.accepts(value) || arrayOf(instance(MemoryFormat, 'a memory format')).accepts(value),
    },
    false,
  ],
});

/** Whether dimension `a` lies outside of (-1) or inside (1) dimension `b`; 0 where memory does not say. */
function compare(sizes: readonly number[], strides: readonly number[], a: number, b: number): number {
  const [x, y] = [strides[a]!, strides[b]!];
  if (x === 0 || y === 0) return 0;
  if (x === y) return sizes[b]! >= sizes[a]! ? 0 : 1;
  return y > x ? -1 : 1;
}

function dimOrder(this: Tensor, options?: { ambiguityCheck?: boolean | readonly MemoryFormat[] }): number[] {
  const { ambiguityCheck } = readDimOrder(options);
  if (this.layout.name !== 'strided') {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `dimOrder() needs a dense tensor, got one of layout ${this.layout}: see toDense()`,
    );
  }
  const [sizes, strides] = [this.shape, this.stride()];
  if (ambiguityCheck !== false) {
    const formats = typeof ambiguityCheck === 'boolean' ? [] : ambiguityCheck;
    const several = sizes.includes(1) || strides.some((s, i) => i > 0 && s === strides[i - 1]);
    if (several && formats.filter((f) => this.isContiguous(f)).length !== 1) {
      throw new TorchClipError(
        'ERR_STATE',
        'the order of dimensions is ambiguous: the strides fit several, and not exactly one of the given memory formats',
      );
    }
  }
  // An insertion sort from the innermost dimension on, since not all pairs can be compared.
  const order = sizes.map((_, dim) => sizes.length - 1 - dim);
  for (let i = 1; i < order.length; i++) {
    let at = i;
    for (let j = i - 1; j >= 0; j--) {
      const sign = compare(sizes, strides, order[j]!, order[at]!);
      if (sign < 0) break;
      if (sign > 0) {
        [order[j], order[at]] = [order[at]!, order[j]!];
        at = j;
      }
    }
  }
  return order.reverse();
}

const methods: Record<string, (this: Tensor, ...args: never[]) => unknown> = {
  elementSize(this: Tensor) {
    return this.itemsize;
  },
  nelement(this: Tensor) {
    return this.numel();
  },
  ndimension(this: Tensor) {
    return this.ndim;
  },
  constDataPtr(this: Tensor) {
    return this.dataPtr();
  },
  cfloat(this: Tensor) {
    return this.to(dtypes.complex64);
  },
  cdouble(this: Tensor) {
    return this.to(dtypes.complex128);
  },
  toSparseCoo(this: Tensor) {
    return this.toSparse();
  },
  type(this: Tensor, dtype?: Dtype | string) {
    if (dtype === undefined) return typeOf(this);
    if (dtype instanceof Dtype) return this.to(dtype);
    if (typeof dtype !== 'string') throw invalidArgument('dtype', expected, dtype, 'ERR_DTYPE');
    return named(this, dtype);
  },
  dimOrder,
};

for (const [name, of] of Object.entries(properties)) {
  Object.defineProperty(Tensor.prototype, name, {
    get(this: Tensor) {
      return of(this);
    },
    configurable: true,
  });
}
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
