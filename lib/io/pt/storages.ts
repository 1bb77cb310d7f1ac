// Which bytes of which memory a file needs so that its tensors share them as they do now.
import type { Dtype } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { onHost } from '../bytes.js';
import { dtypeNames, StorageRef, storageClasses, type TensorNode, TensorRef } from './model.js';

const hasClass = new Set(storageClasses.values());

/** The tensors that have memory in common, and the range of it, in bytes, that they show. */
class Shared {
  readonly tensors: Tensor[] = [];
  from = Number.POSITIVE_INFINITY;
  to = 0;

  add(tensor: Tensor): void {
    this.tensors.push(tensor);
    if (tensor.numel() === 0) return;
    const { shape, itemsize } = tensor;
    const first = tensor.storageOffset();
    const last = tensor.stride().reduce((at, step, i) => at + step * (shape[i]! - 1), first);
    this.from = Math.min(this.from, first * itemsize);
    this.to = Math.max(this.to, (last + 1) * itemsize);
  }

  /** The range begins where an element of each tensor may begin. */
  align(): void {
    const widest = Math.max(...this.tensors.map(({ itemsize }) => itemsize));
    this.from = this.to === 0 ? 0 : Math.floor(this.from / widest) * widest;
  }

  /** The one dtype, where an older class of storages has it. */
  get dtype(): Dtype | undefined {
    const [first] = this.tensors as [Tensor];
    const { dtype } = first;
    return hasClass.has(dtype) && this.tensors.every((tensor) => tensor.dtype === dtype) ? dtype : undefined;
  }

  /** The range as a row in the host's memory. */
  bytes(): Tensor {
    const narrowest = this.tensors.reduce((a, b) => (b.itemsize < a.itemsize ? b : a));
    const { itemsize } = narrowest;
    return onHost(narrowest.detach().asStrided([(this.to - this.from) / itemsize], [1], this.from / itemsize));
  }
}

/** The storages of a file. A part of a large tensor brings its own range, not the whole of it. */
export class StoragePlan {
  readonly #groups = new Map<string, Shared>();
  readonly #groupOf = new Map<TensorNode, Shared>();
  #refs: Map<Shared, StorageRef> | undefined;

  add(saved: TensorNode): void {
    const { tensor } = saved;
    const start = tensor.dataPtr() - BigInt(tensor.storageOffset() * tensor.itemsize);
    // Tensors without elements have no memory.
    const key = tensor.numel() === 0 ? `empty ${this.#groups.size}` : `${tensor.device} ${start}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new Shared();
      this.#groups.set(key, group);
    }
    group.add(tensor);
    this.#groupOf.set(saved, group);
  }

  /** How a tensor lies in its storage; asked for when all tensors are there. */
  ref(saved: TensorNode): TensorRef {
    this.#refs ??= this.#assigned();
    const { tensor, requiresGrad, isParameter } = saved;
    const group = this.#groupOf.get(saved)!;
    const offset = tensor.numel() === 0 ? 0 : tensor.storageOffset() - group.from / tensor.itemsize;
    const ref = new TensorRef(
      this.#refs.get(group)!,
      tensor.dtype,
      offset,
      tensor.shape,
      tensor.stride(),
      requiresGrad,
      false,
      false,
    );
    ref.isParameter = isParameter;
    return ref;
  }

  /** The bytes of each storage, by its key, when they are asked for. */
  *records(): Generator<[key: string, bytes: () => Tensor]> {
    this.#refs ??= this.#assigned();
    for (const [group, { key }] of this.#refs) yield [key, () => group.bytes()];
  }

  #assigned(): Map<Shared, StorageRef> {
    const refs = new Map<Shared, StorageRef>();
    for (const group of this.#groups.values()) {
      group.align();
      const bytes = group.to - group.from;
      const { dtype } = group;
      const device = String(group.tensors[0]!.device);
      refs.set(group, new StorageRef(String(refs.size), dtype, device, bytes / (dtype?.itemsize ?? 1)));
    }
    return refs;
  }
}

/** Whether a file can hold tensors of a dtype. */
export const isStorable = (dtype: Dtype): boolean => dtypeNames.get(dtype.name) === dtype;
