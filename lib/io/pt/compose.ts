// Puts a pickle together out of what describe.ts has read, under the names that Python's torch.load(weights_only=True) knows.
import { types } from 'node:util';
import { Device } from '../../device.js';
import { Dtype } from '../../dtype.js';
import { Dict, PySet, storageClasses, TensorNode, type TensorRef, Tuple } from './model.js';
import { PickleWriter } from './pickle.js';
import type { StoragePlan } from './storages.js';

const storageNames = new Map([...storageClasses].map(([name, dtype]) => [dtype, name]));

/** The pickle of a value whose tensors have storages already. */
export function compose(root: unknown, storages: StoragePlan): Uint8Array {
  const writer = new PickleWriter();
  new Composer(writer, storages).write(root);
  return writer.end();
}

/** Writes what was read, each object once. */
class Composer {
  constructor(
    readonly writer: PickleWriter,
    readonly storages: StoragePlan,
  ) {}

  write(value: unknown): void {
    const { writer } = this;
    if (value === null) writer.op('N');
    else if (typeof value === 'boolean') writer.op(value ? '\x88' : '\x89');
    else if (typeof value === 'bigint') writer.integer(value);
    else if (typeof value === 'string') writer.text(value);
    else if (typeof value === 'number') {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.integer(value);
      else writer.float(value);
    } else if (value instanceof Dtype) writer.global('torch', value.name);
    else if (!writer.recall(value)) this.#object(value as object);
  }

  #object(value: object): void {
    const { writer } = this;
    if (value instanceof Dict) {
      writer.op('}');
      writer.remember(value);
      if (value.keys.length === 0) return;
      writer.op('(');
      for (const [i, key] of value.keys.entries()) {
        this.write(key);
        this.write(value.values[i]);
      }
      writer.op('u');
    } else if (Array.isArray(value)) {
      this.#list(value);
      writer.remember(value);
    } else if (value instanceof Tuple) {
      this.#tuple(() => {
        for (const item of value.items) this.write(item);
      });
      writer.remember(value);
    } else if (value instanceof PySet) {
      this.#call('__builtin__', 'set', () => this.#list(value.items));
      writer.remember(value);
    } else if (types.isUint8Array(value)) {
      this.#call('_codecs', 'encode', () => {
        writer.text(Buffer.from(value).toString('latin1'));
        writer.text('latin1');
      });
      writer.remember(value);
    } else if (value instanceof Device) {
      this.#call('torch', 'device', () => writer.text(String(value)));
      writer.remember(value);
    } else if (value instanceof TensorNode) {
      this.#tensor(this.storages.ref(value));
      writer.remember(value);
    }
  }

  #list(items: readonly unknown[]): void {
    this.writer.op(']');
    if (items.length === 0) return;
    this.writer.op('(');
    for (const item of items) this.write(item);
    this.writer.op('e');
  }

  #tuple(write: () => void): void {
    this.writer.op('(');
    write();
    this.writer.op('t');
  }

  #sizes(sizes: readonly number[]): void {
    this.#tuple(() => {
      for (const size of sizes) this.writer.integer(size);
    });
  }

  #call(module: string, name: string, write: () => void): void {
    this.writer.global(module, name);
    this.#tuple(write);
    this.writer.op('R');
  }

  #tensor(ref: TensorRef): void {
    const { storage, dtype, isParameter, requiresGrad } = ref;
    const rebuild = storage.dtype === undefined ? '_rebuild_tensor_v3' : '_rebuild_tensor_v2';
    const hooks = () => this.#call('collections', 'OrderedDict', () => {});
    const tensor = () =>
      this.#call('torch._utils', rebuild, () => {
        this.#storage(ref);
        this.writer.integer(ref.offset);
        this.#sizes(ref.shape);
        this.#sizes(ref.stride);
        this.write(isParameter ? false : requiresGrad);
        hooks();
        if (storage.dtype === undefined) this.write(dtype);
      });
    if (isParameter) {
      this.#call('torch._utils', '_rebuild_parameter', () => {
        tensor();
        this.write(requiresGrad);
        hooks();
      });
    } else tensor();
  }

  #storage({ storage: { key, dtype, location, count } }: TensorRef): void {
    const { writer } = this;
    this.#tuple(() => {
      writer.text('storage');
      if (dtype === undefined) writer.global('torch.storage', 'UntypedStorage');
      else writer.global('torch', storageNames.get(dtype)!);
      writer.text(key);
      writer.text(location);
      writer.integer(count);
    });
    writer.op('Q');
  }
}
