// The own members of one module: the order of their names, and the slots of its parameters and buffers.
import { invalidArgument } from '../errors.js';
import { Tensor } from '../tensor.js';
import { Buffer } from './buffer.js';
import { Parameter } from './parameter.js';
import { accessorOf, isIndex, type Slot, type SlotOf } from './slots.js';

/** What is asked of modules by those who cannot import their class. */
export interface ModuleAccess<M extends object> {
  isModule(this: void, value: unknown): value is M;
  readonly slotOf: SlotOf;
  /** The own properties in the order in which they were named. */
  entries(this: void, module: M): [string, unknown][];
}

/** The own members of `owner`. */
export class Members<M extends object> {
  #slots: Map<string, Slot> | undefined;
  /** The own names in the order in which they were given, where that is not JavaScript's. */
  #order: string[] | undefined;
  readonly #owner: M;
  readonly #access: ModuleAccess<M>;

  constructor(owner: M, access: ModuleAccess<M>) {
    this.#owner = owner;
    this.#access = access;
  }

  slot(name: string): Slot | undefined {
    return this.#slots?.get(name);
  }

  /** A parameter or buffer, which only its like may replace from now on. */
  hold(name: string, slot: Slot): void {
    this.#slots ??= new Map();
    this.#slots.set(name, slot);
    Object.defineProperty(this.#owner, name, accessorOf(name, this.#access.slotOf));
  }

  entries(): [string, unknown][] {
    const entries = Object.entries(this.#owner);
    for (const [name, value] of entries) {
      // Assigned as a property: from now on nothing but its like takes its place.
      const isNew = (value instanceof Parameter || value instanceof Buffer) && !this.#slots?.has(name);
      if (!isNew || Object.isFrozen(this.#owner)) continue;
      this.hold(name, value instanceof Buffer ? { value, persistent: value.persistent } : { value });
    }
    if (this.#order === undefined) return entries;
    const place = new Map(this.#order.map((name, i) => [name, i]));
    return entries.sort(([a], [b]) => (place.get(a) ?? Infinity) - (place.get(b) ?? Infinity) || 0);
  }

  ownValue(name: string): unknown {
    return typeof name === 'string' && Object.hasOwn(this.#owner, name) ? Reflect.get(this.#owner, name) : undefined;
  }

  /** Notes the place of a new name where JavaScript would give it another one. */
  place(name: string): void {
    const owner = this.#owner;
    if (Object.hasOwn(owner, name)) return;
    const names = Object.keys(owner);
    const isMember = (other: string) => {
      const value: unknown = Reflect.get(owner, other);
      return this.#access.isModule(value) || value instanceof Tensor;
    };
    // A list counts up, and holds nothing else that has an order.
    const counts = !isIndex(name) || names.every((other) => (isIndex(other) ? +other < +name : !isMember(other)));
    if (counts && this.#order === undefined) return;
    const known = (this.#order ?? []).filter((other) => Object.hasOwn(owner, other));
    this.#order = [...known, ...names.filter((other) => !known.includes(other)), name];
  }

  /** A new member must have a name that a dotted path can hold and that no other property has. */
  checkFree(name: string): void {
    if (typeof name !== 'string' || name === '' || name.includes('.')) {
      throw invalidArgument('name', 'a non-empty string without a dot', name);
    }
    if (Reflect.get(this.#owner, name) != null) {
      throw invalidArgument('name', `a name that ${this.#owner.constructor.name} does not use yet`, name);
    }
  }

  /** Takes the order of names from the members of another module. */
  takeOrder(from: Members<M>): void {
    this.#order = from.#order;
  }

  /** Takes the parameters and buffers of another module, as `copyOf` copies them. */
  takeSlots(from: Members<M>, copyOf: (tensor: Tensor | null) => Tensor | null): void {
    for (const [name, slot] of from.#slots ?? []) {
      // A name that was deleted, or given a property of its own, is no member any more.
      const { get } = Object.getOwnPropertyDescriptor(from.#owner, name) ?? {};
      if (get !== accessorOf(name, this.#access.slotOf).get) continue;
      this.hold(name, { ...slot, value: copyOf(slot.value) });
    }
  }
}
