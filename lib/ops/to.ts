import { type DeviceLike, parseDevice } from '../device.js';
import * as dtypes from '../dtype.js';
import { Dtype } from '../dtype.js';
import { invalidArgument } from '../errors.js';
import type { MemoryFormat } from '../layout.js';
import { isTensor, Tensor } from '../tensor.js';
import { type Callable, compileMethod } from './dispatch.js';

/** How {@link Tensor.to} converts. */
export interface ToOptions {
  /** Default the tensor's. */
  dtype?: Dtype | null;
  /** Default the tensor's. */
  device?: DeviceLike | null;
  /** Whether a copy from pinned memory may go on while the call returns. Default: false. */
  nonBlocking?: boolean;
  /** Copy also where nothing changes. Default: false. */
  copy?: boolean;
  /** Default `torch.preserveFormat`. */
  memoryFormat?: MemoryFormat | null;
}

declare module '../tensor.js' {
  interface Tensor {
    /**
     * The tensor in another dtype or on another device; the tensor itself where it is so already.
     *
     * @example
     * t.to({ device: 'cuda:0', dtype: torch.float16 });
     * t.to(torch.float64);
     * t.to(other);    // other's dtype and device
     * @see https://pytorch.org/docs/stable/generated/torch.Tensor.to.html
     */
    to(options: ToOptions): Tensor;
    to(target: Dtype | DeviceLike | Tensor, options?: Omit<ToOptions, 'dtype' | 'device'>): Tensor;
    /** On the CPU. */
    cpu(): Tensor;
    /** On a GPU, the current one by default. */
    cuda(index?: number): Tensor;
    /** As uint8. */
    byte(): Tensor;
    /** As int8. */
    char(): Tensor;
    /** As int16. */
    short(): Tensor;
    /** As int32. */
    int(): Tensor;
    /** As int64. */
    long(): Tensor;
    /** As float16. */
    half(): Tensor;
    /** As bfloat16. */
    bfloat16(): Tensor;
    /** As float32. */
    float(): Tensor;
    /** As float64. */
    double(): Tensor;
    /** As bool: whether an element is not 0. */
    bool(): Tensor;
  }
}

const convert = compileMethod('to');

function to(this: Tensor, target: unknown, options: object = {}): Tensor {
  // The overload of device and dtype together takes all other targets by keyword.
  if (target instanceof Dtype) return convert.call(this, { ...options, dtype: target }) as Tensor;
  if (isTensor(target)) return convert.call(this, target, options) as Tensor;
  const device = parseDevice(target);
  if (typeof target === 'string' && device === undefined) {
    throw invalidArgument(
      'target',
      "a device such as 'cpu' or 'cuda:0', a dtype such as torch.float32, or a Tensor",
      target,
    );
  }
  return convert.call(this, device === undefined ? target : { ...options, device }) as Tensor;
}

const conversions = {
  byte: dtypes.uint8,
  char: dtypes.int8,
  short: dtypes.int16,
  int: dtypes.int32,
  long: dtypes.int64,
  half: dtypes.float16,
  bfloat16: dtypes.bfloat16,
  float: dtypes.float32,
  double: dtypes.float64,
  bool: dtypes.bool,
};

const methods: Record<string, Callable> = {
  to: to as Callable,
  cpu(this: Tensor) {
    return to.call(this, 'cpu');
  },
  cuda(this: Tensor, index?: unknown) {
    if (index !== undefined && !Number.isInteger(index)) throw invalidArgument('index', 'an integer', index);
    return to.call(this, index === undefined ? 'cuda' : `cuda:${index}`);
  },
};
for (const [name, dtype] of Object.entries(conversions)) {
  methods[name] = function (this: Tensor) {
    return to.call(this, dtype);
  };
}
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
