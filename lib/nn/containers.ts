import { check, elementsOf, instance, integer, listOf } from '../check.js';
import { invalidArgument } from '../errors.js';
import { refuseLater } from '../sync.js';
import type { Tensor } from '../tensor.js';
import { holdsItself, printOnce } from './circles.js';
import { entriesOf, Module, type TensorModule } from './module.js';
import { namedEntries } from './named-entries.js';
import { indent } from './print.js';

type InputOf<M extends readonly Module[]> = M extends readonly [infer First extends Module, ...unknown[]]
  ? Parameters<First['forward']>
  : [input: Tensor];
type OutputOf<M extends readonly Module[]> = M extends readonly [...unknown[], infer Last extends Module]
  ? ReturnType<Last['forward']>
  : Tensor;

const moduleKind = instance(Module, 'a Module');

type Callable = { call(...args: unknown[]): unknown };

/** Modules by name, in order: an object, a Map or an array of pairs. */
export type NamedModules = Readonly<Record<string, Module>> | Iterable<readonly [name: string, module: Module]>;

const namedModules = (modules: unknown) => namedEntries('modules', modules, 'a pair of a name and a module');

/** A list of modules held under the names '0', '1', ... */
abstract class Listed<M extends Module> extends Module {
  [index: number]: M;

  /** How many modules it holds. */
  get length(): number {
    return this.children_().length;
  }

  /** The module at `index`, counted from the end when negative. */
  at(index: number): M | undefined {
    return this.children_().at(check('index', index, integer()));
  }

  /** Adds a module at the end. */
  append(module: M): this {
    this.registerModule(String(this.length), module);
    return this;
  }

  /** Puts a module at an index that is there, counted from the end when negative. */
  set(index: number, module: M): this {
    const names = entriesOf(this).flatMap(([name, value]) => (value instanceof Module ? [name] : []));
    const at = check('index', index, integer(-names.length, names.length - 1), 'ERR_INDEX');
    this.registerModule(names.at(at)!, check('module', module, moduleKind) as M);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<M>): this {
    for (const module of listOf('modules', modules, moduleKind)) this.append(module as M);
    return this;
  }

  /** Puts a module before the one at `index`, counted from the end when negative; those behind move up. */
  insert(index: number, module: M): this {
    const list = this.children_();
    check('index', index, integer(-list.length, list.length), 'ERR_INDEX');
    check('module', module, moduleKind);
    list.splice(index, 0, module);
    return this.refill(list);
  }

  /** Takes the module at `index` out (default the last one), counted from the end when negative, and returns it; those behind move down. */
  pop(index = -1): M {
    const list = this.children_();
    check('index', index, integer(-list.length, list.length - 1), 'ERR_INDEX');
    const [module] = list.splice(index, 1);
    this.refill(list);
    return module!;
  }

  private refill(modules: readonly M[]): this {
    for (const [name, value] of entriesOf(this)) if (value instanceof Module) Reflect.deleteProperty(this, name);
    for (const module of modules) this.append(module);
    return this;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.children_()[Symbol.iterator]();
  }

  /** Unlike `children()`, a module held twice comes twice. */
  protected children_(): M[] {
    return entriesOf(this)
      .map(([, value]) => value)
      .filter((value): value is M => value instanceof Module);
  }
}

/**
 * Modules applied one after another.
 *
 * @example
 * const model = new nn.Sequential(new nn.Linear(10, 5), new nn.ReLU(), new nn.Linear(5, 1));
 * const named = new nn.Sequential({ body: new nn.Linear(10, 5), head: new nn.Linear(5, 1) });
 * model.forward(x);
 */
export class Sequential<M extends readonly Module[] = Module[]> extends Listed<Module> {
  constructor(...modules: M);
  constructor(modules: NamedModules);
  constructor(...args: Module[] | [NamedModules]) {
    super();
    const [first] = args;
    const named = first !== undefined && args.length === 1 && !(first instanceof Module);
    if (Array.isArray(first) && elementsOf<unknown>(first).some((module) => module instanceof Module)) {
      throw invalidArgument('modules', 'given one by one, as in new Sequential(...modules)', first);
    }
    const entries = named ? namedModules(first) : args.map((module, i) => [String(i), module] as const);
    for (const [name, module] of entries) this.registerModule(name, module as Module);
  }

  override forward(...input: InputOf<M>): OutputOf<M> {
    let args: unknown[] = input;
    try {
      let isFirst = true;
      for (const module of this.children_()) {
        // The last may be asynchronous.
        if (!isFirst) refuseLater('forward', args[0]);
        args = [(module as Callable).call(...args)];
        isFirst = false;
      }
    } catch (error) {
      // Calls without an end have filled the stack.
      if (error instanceof RangeError && this.modules().some((m) => m.children().includes(this))) {
        throw holdsItself(this);
      }
      throw error;
    }
    return args[0] as OutputOf<M>;
  }
}

/**
 * A list of modules that all belong to the module that holds it; it computes nothing itself.
 *
 * @example
 * this.layers = new nn.ModuleList([new nn.Linear(8, 8), new nn.Linear(8, 8)]);
 * for (const layer of this.layers) x = layer.forward(x);
 */
export class ModuleList<M extends Module = TensorModule> extends Listed<M> {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  /** A list of the modules from `start` to before `end`, as of an array. */
  slice(start?: number, end?: number): ModuleList<M> {
    if (start !== undefined) check('start', start, integer());
    if (end !== undefined) check('end', end, integer());
    return new ModuleList(this.children_().slice(start, end));
  }

  /** As PyTorch: equal modules in a row are printed once, with their count. */
  override toString(): string {
    return printOnce(this, () => listing(this));
  }
}

/**
 * Modules under names, all belonging to the module that holds it; it computes nothing itself.
 *
 * @example
 * this.heads = new nn.ModuleDict({ policy: new nn.Linear(8, 4), value: new nn.Linear(8, 1) });
 * this.heads.get('value').forward(x);
 */
export class ModuleDict<T extends Record<string, Module> = Record<string, TensorModule>> extends Module {
  constructor(modules: T | Iterable<readonly [name: keyof T & string, module: T[keyof T]]> = {} as T) {
    super();
    for (const [name, module] of namedModules(modules)) this.registerModule(name, module as Module);
  }

  /** How many modules it holds. */
  get size(): number {
    return this.entries().length;
  }

  has(name: string): boolean {
    return typeof name === 'string' && Object.hasOwn(this, name) && Reflect.get(this, name) instanceof Module;
  }

  /** The module `name`; one that it does not hold is an `ERR_ARGUMENT`. */
  get<K extends keyof T & string>(name: K): T[K] {
    if (!this.has(name)) throw invalidArgument('name', `one of ${this.keys().join(', ')}`, name);
    return (this as unknown as T)[name];
  }

  /** Sets or replaces the module `name`. */
  set<K extends keyof T & string>(name: K, module: T[K]): this {
    this.registerModule(name, module);
    return this;
  }

  /** Sets or replaces several; none of them, when one is refused. */
  update(modules: Partial<T> | Iterable<readonly [name: keyof T & string, module: T[keyof T]]>): this {
    const entries = namedModules(modules);
    for (const [name, module] of entries) check(`modules.${name}`, module, moduleKind);
    const before = new Map(this.entries());
    try {
      for (const [name, module] of entries) this.registerModule(name, module as Module);
    } catch (error) {
      for (const name of this.keys()) if (!before.has(name)) this.delete(name);
      for (const [name, module] of before) this.registerModule(name, module);
      throw error;
    }
    return this;
  }

  /** Takes the module `name` out and returns it; one that it does not hold is an `ERR_ARGUMENT`. */
  pop<K extends keyof T & string>(name: K): T[K] {
    const module = this.get(name);
    this.delete(name);
    return module;
  }

  /** Takes all modules out. */
  clear(): void {
    for (const name of this.keys()) this.delete(name);
  }

  /** Takes the module `name` out; returns whether it was there. */
  delete(name: string): boolean {
    return this.has(name) && Reflect.deleteProperty(this, name);
  }

  keys(): string[] {
    return this.entries().map(([name]) => name);
  }

  values(): Module[] {
    return this.entries().map(([, module]) => module);
  }

  entries(): [string, Module][] {
    return entriesOf(this).filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  [Symbol.iterator](): IterableIterator<[string, Module]> {
    return this.entries()[Symbol.iterator]();
  }
}

function listing(list: ModuleList<Module>): string {
  const blocks: { text: string; from: number; count: number }[] = [];
  [...list].forEach((module, from) => {
    const text = String(module);
    const last = blocks.at(-1);
    if (last?.text === text) last.count++;
    else blocks.push({ text, from, count: 1 });
  });
  const lines = blocks.map(({ text, from, count }) =>
    indent(count === 1 ? `(${from}): ${text}` : `(${from}-${from + count - 1}): ${count} x ${text}`),
  );
  return `${list.constructor.name}(${lines.map((line) => `\n  ${line}`).join('')}${lines.length > 0 ? '\n' : ''})`;
}
