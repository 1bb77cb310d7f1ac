// The own members of one module: the order of their names, and its registered parameters and buffers.
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { Buffer } from './buffer.js';
import { Parameter } from './parameter.js';
import { accessorOf, isIndex, type Registered, type RegisteredAs } from './registered.js';

/** What is asked of modules by those who cannot import their class. */
export interface ModuleAccess<M extends object> {
  isModule(this: void, value: unknown): value is M;
  readonly registeredAs: RegisteredAs;
  /** Whether a member is a parameter, or a tensor that stands in for one. */
  isParameter(this: void, module: M, name: string, value: unknown): boolean;
  /** The own properties in the order in which they were named. */
  entries(this: void, module: M): [string, unknown][];
}

/** The own members of `owner`. */
export class Members<M extends object> {
  #registered: Map<string, Registered> | undefined;
  /** The own names in the order in which they were given, where that is not JavaScript's. */
  #order: string[] | undefined;
  /** The names that are numbers and whose position is known. */
  #numbered: Set<string> | undefined;
  readonly #owner: M;
  readonly #access: ModuleAccess<M>;

  constructor(owner: M, access: ModuleAccess<M>) {
    this.#owner = owner;
    this.#access = access;
  }

  registered(name: string): Registered | undefined {
    return this.#registered?.get(name);
  }

  /** A parameter or buffer, which only its like may replace from now on. */
  hold(name: string, entry: Registered): void {
    this.#registered ??= new Map();
    this.#registered.set(name, entry);
    Object.defineProperty(this.#owner, name, accessorOf(name, this.#access.registeredAs));
  }

  /** Whether a member is a parameter, or a tensor that stands in for one. */
  isParameter(name: string, value: unknown): boolean {
    if (value instanceof Parameter) return true;
    const entry = this.#registered?.get(name);
    return entry !== undefined && entry.persistent === undefined && value !== null && entry.value === value;
  }

  /** Puts a tensor of any kind in the place of a parameter or buffer; what it returns puts that back. */
  standIn(name: string, tensor: Tensor): () => void {
    const entry = this.#registered?.get(name);
    if (entry === undefined) {
      throw new TorchClipError('ERR_STATE', `"${name}" of ${describe(this.#owner)} cannot be replaced: it is frozen`);
    }
    const property = Object.getOwnPropertyDescriptor(this.#owner, name)!;
    this.hold(name, { ...entry, value: tensor });
    return () => {
      this.#registered!.set(name, entry);
      Object.defineProperty(this.#owner, name, property);
    };
  }

  entries(): [string, unknown][] {
    const entries = Object.entries(this.#owner);
    for (const [name, value] of entries) {
      // Assigned as a property: from now on nothing but its like replaces it.
      const isNew = (value instanceof Parameter || value instanceof Buffer) && !this.#registered?.has(name);
      if (!isNew || Object.isFrozen(this.#owner)) continue;
      this.hold(name, value instanceof Buffer ? { value, persistent: value.persistent } : { value });
    }
    if (entries.length > 0 && isIndex(entries[0]![0])) this.#placeAssigned(entries.map(([name]) => name));
    if (this.#order === undefined) return entries;
    const position = new Map(this.#order.map((name, i) => [name, i]));
    return entries.sort(([a], [b]) => (position.get(a) ?? Infinity) - (position.get(b) ?? Infinity) || 0);
  }

  ownValue(name: string): unknown {
    return typeof name === 'string' && Object.hasOwn(this.#owner, name) ? Reflect.get(this.#owner, name) : undefined;
  }

  #isMember(name: string): boolean {
    if (this.#registered?.has(name)) return true;
    const value: unknown = Reflect.get(this.#owner, name);
    return this.#access.isModule(value) || value instanceof Parameter || value instanceof Buffer;
  }

  /** Places a number that was assigned as a property: it is the last name, and which of two new ones came first is not known. */
  #placeAssigned(names: readonly string[]): void {
    // Numbers come first.
    if (names.length === 0 || !isIndex(names[0]!)) return;
    const isPlaced = (name: string) => this.#numbered?.has(name) || this.#order?.includes(name);
    const assigned = names.find((name) => isIndex(name) && !isPlaced(name) && this.#isMember(name));
    if (assigned === undefined) return;
    const members = names.filter((other) => other !== assigned && this.#isMember(other));
    const other = members.find((name) => !isPlaced(name));
    if (other !== undefined) {
      const two = [assigned, other].map(describe).join(' and ');
      throw new TorchClipError(
        'ERR_STATE',
        `${this.#owner.constructor.name} holds ${two}, and JavaScript does not keep the order in which names that are numbers are assigned: use registerParameter(), registerBuffer() or registerModule()`,
      );
    }
    const known = (this.#order ?? []).filter((name) => members.includes(name));
    this.#order = [...known, ...members.filter((name) => !known.includes(name)), assigned];
    this.#number(assigned);
  }

  #number(name: string): void {
    this.#numbered ??= new Set();
    this.#numbered.add(name);
  }

  /** Notes the position of a new name where JavaScript would give it another one. */
  noteOrder(name: string): void {
    const owner = this.#owner;
    if (Object.hasOwn(owner, name)) return;
    const names = Object.keys(owner);
    this.#placeAssigned(names);
    if (isIndex(name)) this.#number(name);
    const isMember = (other: string) => this.#isMember(other);
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
    this.#numbered = from.#numbered && new Set(from.#numbered);
  }

  /** Takes the parameters and buffers of another module, as `copyOf` copies them. */
  takeTensors(from: Members<M>, copyOf: (tensor: Tensor | null) => Tensor | null): void {
    for (const [name, entry] of from.#registered ?? []) {
      // A name that was deleted, or given a property of its own, is not a member any more.
      const { get } = Object.getOwnPropertyDescriptor(from.#owner, name) ?? {};
      if (get !== accessorOf(name, this.#access.registeredAs).get) continue;
      this.hold(name, { ...entry, value: copyOf(entry.value) });
    }
  }
}
