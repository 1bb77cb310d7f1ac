// The names that a pickle may ask for, and what they become. Nothing of Python's is run: each is a few lines here.
import { types } from 'node:util';
import { parseDevice } from '../../device.js';
import { Dtype } from '../../dtype.js';
import { describe } from '../../errors.js';
import { elementsOf } from '../bytes.js';
import { Dict, dtypeNames, Global, PySet, StorageRef, storageClasses, TensorRef, Tuple } from './model.js';

/** What a name stands for, or an error that says why it is not read: it has no business in a file of tensors and plain containers. */
export function globalOf(module: string, name: string): Global | Dtype | Error {
  const dtype = module === 'torch' ? dtypeNames.get(name) : undefined;
  if (dtype !== undefined) return dtype;
  const full = `${module === '__builtin__' ? 'builtins' : module}.${name}`;
  const isStorage = (module === 'torch' && storageClasses.has(name)) || full === 'torch.storage.UntypedStorage';
  if (isStorage || Object.hasOwn(callable, full) || inert.has(full)) return new Global(full);
  if (/^torch\.Q\w+Storage$/.test(full)) return quantized();
  return new Error(
    `it asks for ${describe(full)}, and only tensors and plain containers are read: nothing in a file is ever run`,
  );
}

const quantized = () => new Error('quantized tensors are not supported: save tensor.dequantize() instead');

/** What a call becomes; undefined for arguments that PyTorch does not give, an error for what is not read. */
export function called({ name }: Global, args: unknown[]): unknown {
  return Object.hasOwn(callable, name) ? callable[name]!(args) : undefined;
}

/** The storage that a tuple outside of the pickle's own values refers to. */
export function storageOf(id: unknown): StorageRef | undefined {
  const items = id instanceof Tuple ? id.items : [];
  const [kind, type, key, location, count] = items;
  const of = type instanceof Global ? type.name.replace(/^torch\.(storage\.)?/, '') : '';
  const dtype = storageClasses.get(of);
  if (items.length !== 5 || kind !== 'storage' || (dtype === undefined && of !== 'UntypedStorage')) return undefined;
  if (typeof key !== 'string' || typeof location !== 'string' || !isSize(count)) return undefined;
  return new StorageRef(key, dtype, location, count);
}

const isSize = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
const isSizes = (value: unknown): value is Tuple =>
  value instanceof Tuple && value.items.length <= 64 && value.items.every(isSize);

/** Names that only stand as arguments. */
const inert = new Set(['torch.Tensor', 'torch.nn.parameter.Parameter']);

/** What the functions that a pickle may call return; undefined for arguments that they do not take. */
const callable: Record<string, (args: unknown[]) => unknown> = {
  'collections.OrderedDict': ([items, ...rest]) => (rest.length > 0 ? undefined : dictOf(items)),
  'collections.Counter': ([items, ...rest]) => (rest.length > 0 ? undefined : dictOf(items)),
  'builtins.set': ([items = [], ...rest]) => (Array.isArray(items) && rest.length === 0 ? new PySet(items) : undefined),
  'builtins.frozenset': ([items = [], ...rest]) =>
    Array.isArray(items) && rest.length === 0 ? new PySet(items) : undefined,
  'builtins.complex': ([re, im]) => (typeof re === 'number' && typeof im === 'number' ? { re, im } : undefined),
  'builtins.bytes': (args) => (args.length === 0 ? new Uint8Array() : undefined),
  'builtins.bytearray': ([bytes, encoding]) => {
    if (bytes === undefined) return new Uint8Array();
    return types.isUint8Array(bytes) ? bytes : encoded(bytes, encoding);
  },
  '_codecs.encode': ([text, encoding]) => encoded(text, encoding),
  'torch.Size': ([sizes]) => (sizes instanceof Tuple || Array.isArray(sizes) ? sizes : undefined),
  'torch.device': ([type, index]) =>
    typeof type === 'string' ? parseDevice(index === undefined ? type : `${type}:${index}`) : undefined,
  'torch._utils._rebuild_tensor': ([storage, offset, shape, stride]) =>
    tensorOf(storage, offset, shape, stride, false, undefined),
  'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, stride, grad, , metadata]) =>
    tensorOf(storage, offset, shape, stride, grad, undefined, metadata),
  'torch._utils._rebuild_tensor_v3': ([storage, offset, shape, stride, grad, , dtype, metadata]) =>
    dtype instanceof Dtype ? tensorOf(storage, offset, shape, stride, grad, dtype, metadata) : undefined,
  'torch._utils._rebuild_parameter': ([data, grad]) => parameterOf(data, grad),
  'torch._utils._rebuild_parameter_with_state': ([data, grad]) => parameterOf(data, grad),
  // A tensor with attributes of its own, which are left out.
  'torch._tensor._rebuild_from_type_v2': ([call, type, args]) =>
    call instanceof Global &&
    call.name.startsWith('torch._utils._rebuild_') &&
    type instanceof Global &&
    inert.has(type.name) &&
    args instanceof Tuple
      ? callable[call.name]!(args.items)
      : undefined,
  'torch._utils._rebuild_sparse_tensor': () =>
    new Error('sparse tensors are not supported: save tensor.to_dense() instead'),
  'torch._utils._rebuild_qtensor': quantized,
  'torch._utils._rebuild_nested_tensor': () =>
    new Error('nested tensors are not supported: save their components instead'),
  'torch._utils._rebuild_meta_tensor_no_storage': () => new Error('it holds a meta tensor, which has no data'),
  'torch.serialization._get_layout': ([name]) => (typeof name === 'string' ? name : undefined),
};

function dictOf(items: unknown): Dict | undefined {
  if (items instanceof Dict) return items;
  const dict = new Dict();
  if (items === undefined) return dict;
  if (!Array.isArray(items)) return undefined;
  for (const item of items as unknown[]) {
    const pair = item instanceof Tuple ? item.items : item;
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    dict.keys.push(pair[0]);
    dict.values.push(pair[1]);
  }
  return dict;
}

/** Bytes that protocol 2 writes as text, one character each. */
function encoded(text: unknown, encoding: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || !['latin1', 'latin-1'].includes(encoding as string)) return undefined;
  const bytes = Buffer.from(text, 'latin1');
  return bytes.toString('latin1') === text ? Uint8Array.from(bytes) : undefined;
}

function tensorOf(
  storage: unknown,
  offset: unknown,
  shape: unknown,
  stride: unknown,
  requiresGrad: unknown,
  asked: Dtype | undefined,
  metadata?: unknown,
): TensorRef | Error | undefined {
  if (!(storage instanceof StorageRef) || !isSize(offset) || !isSizes(shape) || !isSizes(stride)) return undefined;
  if (shape.items.length !== stride.items.length || typeof requiresGrad !== 'boolean') return undefined;
  const dtype = asked ?? storage.dtype;
  if (dtype === undefined) return undefined;
  const bits = metadata instanceof Dict ? new Map(metadata.keys.map((key, i) => [key, metadata.values[i]])) : new Map();
  const [sizes, steps] = [shape.items, stride.items] as [number[], number[]];
  const bytes = storage.count * (storage.dtype?.itemsize ?? 1);
  const last = sizes.includes(0) ? 0 : sizes.reduce((sum, size, i) => sum + (size - 1) * steps[i]!, offset + 1);
  const elements = elementsOf(sizes);
  if (elements === Number.POSITIVE_INFINITY) return new Error(`the shape [${sizes}] is larger than a tensor can be`);
  if (last * dtype.itemsize > bytes || offset * dtype.itemsize > bytes || !Number.isSafeInteger(elements)) {
    return new Error(`its tensor of shape [${sizes}] reaches beyond its storage of ${bytes} bytes`);
  }
  if (requiresGrad && !dtype.isFloatingPoint && !dtype.isComplex)
    return new Error(`its tensor of ${dtype} requires gradients`);
  return new TensorRef(
    storage,
    dtype,
    offset,
    sizes,
    steps,
    requiresGrad,
    bits.get('conj') === true,
    bits.get('neg') === true,
  );
}

function parameterOf(data: unknown, requiresGrad: unknown): TensorRef | Error | undefined {
  if (!(data instanceof TensorRef) || typeof requiresGrad !== 'boolean') return undefined;
  if (requiresGrad && !data.dtype.isFloatingPoint && !data.dtype.isComplex) return undefined;
  data.isParameter = true;
  data.requiresGrad = requiresGrad;
  return data;
}
