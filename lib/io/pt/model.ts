// What a pickle of PyTorch's is made of, between its bytes and JavaScript's values.
import type { Dtype } from '../../dtype.js';
import * as dtypes from '../../dtype.js';
import type { Tensor } from '../../tensor.js';

/** A tuple, which may be a key where a list may not. */
export class Tuple {
  constructor(readonly items: unknown[]) {}
}

/** A dict or an OrderedDict. */
export class Dict {
  readonly keys: unknown[] = [];
  readonly values: unknown[] = [];
}

/** A set. */
export class PySet {
  constructor(readonly items: unknown[]) {}
}

/** A name that the pickle asks for; globals.ts says what comes of it. */
export class Global {
  constructor(readonly name: string) {}
}

/** A storage: a record of the archive. */
export class StorageRef {
  constructor(
    readonly key: string,
    /** Undefined for one that only has bytes. */
    readonly dtype: Dtype | undefined,
    readonly location: string,
    /** Elements, or bytes where there is no dtype. */
    readonly count: number,
  ) {}
}

/** A tensor: a view of a storage. */
export class TensorRef {
  isParameter = false;

  constructor(
    readonly storage: StorageRef,
    readonly dtype: Dtype,
    readonly offset: number,
    readonly shape: number[],
    readonly stride: number[],
    public requiresGrad: boolean,
    readonly isConj: boolean,
    readonly isNeg: boolean,
  ) {}
}

/** A tensor that is to be written: its values as they lie in memory, and what it is beside them. */
export class TensorNode {
  constructor(
    readonly tensor: Tensor,
    readonly requiresGrad: boolean,
    readonly isParameter: boolean,
  ) {}
}

/** The classes of storages by which older releases tell the dtype. */
export const storageClasses: ReadonlyMap<string, Dtype> = new Map([
  ['DoubleStorage', dtypes.float64],
  ['FloatStorage', dtypes.float32],
  ['HalfStorage', dtypes.float16],
  ['BFloat16Storage', dtypes.bfloat16],
  ['LongStorage', dtypes.int64],
  ['IntStorage', dtypes.int32],
  ['ShortStorage', dtypes.int16],
  ['CharStorage', dtypes.int8],
  ['ByteStorage', dtypes.uint8],
  ['BoolStorage', dtypes.bool],
  ['ComplexDoubleStorage', dtypes.complex128],
  ['ComplexFloatStorage', dtypes.complex64],
]);

/** PyTorch's names of the dtypes of dense tensors. */
export const dtypeNames: ReadonlyMap<string, Dtype> = new Map(
  [
    ...storageClasses.values(),
    dtypes.complex32,
    dtypes.uint16,
    dtypes.uint32,
    dtypes.uint64,
    dtypes.float8E4m3fn,
    dtypes.float8E4m3fnuz,
    dtypes.float8E5m2,
    dtypes.float8E5m2fnuz,
  ].map((dtype) => [dtype.name, dtype]),
);
