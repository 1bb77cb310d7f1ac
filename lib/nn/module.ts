import { noGrad } from '../autograd.js';
import { native } from '../binding/index.js';
import { check, flag, instance, kind, orNull, text } from '../check.js';
import { usable } from '../cuda/available.js';
import { type DeviceLike, parseDevice } from '../device.js';
import { bfloat16, Dtype, float16, float32, float64 } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { device as deviceKind, tensor } from '../kinds.js';
import { emptyLike } from '../ops/generated/functions.js';
import { isPlainObject, optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { type HookHandle, Tensor } from '../tensor.js';
import { Buffer } from './buffer.js';
import type {
  BackwardHook,
  BackwardPreHook,
  ForwardHook,
  ForwardPreHook,
  LoadStateDictHook,
  LoadStateDictPreHook,
  StateDictHook,
  StateDictPreHook,
} from './hook-types.js';
import { callWithHooks, type HookOptions, Hooks } from './hooks.js';
import { UninitializedBuffer } from './lazy.js';
import { Parameter } from './parameter.js';
import { indent } from './print.js';
import { accessorOf, holdsItself, isIndex, type Slot, type SlotOf, walk } from './slots.js';
import { loadState, readState, type StateOf } from './state.js';
import type { IncompatibleKeys, StateDict } from './state-dict.js';
import { factoryTable } from './tables.js';

/** Where a layer's parameters are made, and of what dtype; the defaults are the CPU and the default dtype. */
export interface FactoryOptions {
  device?: DeviceLike | undefined;
  dtype?: Dtype | undefined;
}

const recurseTable = { recurse: [flag, true] } as const;
const readNamedParameters = optionsOf('namedParameters()', recurseTable);
const readParameters = optionsOf('parameters()', recurseTable);
const readNamedBuffers = optionsOf('namedBuffers()', recurseTable);
const readBuffers = optionsOf('buffers()', recurseTable);
const readRegisterBuffer = optionsOf('registerBuffer()', { persistent: [flag, true] });
const readLoad = optionsOf('loadStateDict()', { strict: [flag, true], assign: [flag, false] });
const readStateDict = optionsOf('stateDict()', { prefix: [text, ''], keepVars: [flag, false] });
const readToEmpty = optionsOf('toEmpty()', { device: [deviceKind], recurse: [flag, true] });
const readForwardHook = optionsOf('registerForwardHook()', { prepend: [flag, false], alwaysCall: [flag, false] });
const readSetSubmodule = optionsOf('setSubmodule()', { strict: [flag, false] });
const readZeroGrad = optionsOf('zeroGrad()', { setToNone: [flag, true] });
const readTo = optionsOf('to()', factoryTable);

let slotOf: SlotOf;
/** @internal The own properties of a module, in the order in which they were named: JavaScript alone would sort '10' after '2'. */
export let entriesOf: (module: Module) => [string, unknown][];
let hooksOf: (module: Module) => Hooks<Module> | undefined;

/**
 * @internal A module of the same class with the hooks of the base class, but without own properties and unconstructed.
 */
export let blankCopy: (module: Module) => Module;
/** @internal Gives `copy` the parameters and buffers of `module`, as `copyOf` copies them. */
export let copySlots: (module: Module, copy: Module, copyOf: (tensor: Tensor | null) => Tensor | null) => void;

const parameterKind = orNull(instance(Parameter, 'a Parameter'));
const tensorKind = orNull(tensor);
const moduleKind = orNull(kind<Module>('a Module', (value) => value instanceof Module));

/**
 * Base of every layer and model.
 *
 * A property that holds a {@link Parameter} or another module belongs to the module: nothing is to be registered.
 * Only buffers (state that is saved but not trained) are named with {@link registerBuffer}.
 *
 * @example
 * class Net extends nn.Module {
 *   fc1 = new nn.Linear(10, 5);
 *   fc2 = new nn.Linear(5, 1);
 *   override forward(x: Tensor): Tensor {
 *     return this.fc2.forward(this.fc1.forward(x).relu());
 *   }
 * }
 * new Net().parameters().length; // 4
 */
export class Module {
  /** True while training, the default; `Dropout` and `BatchNorm` read it. Set by {@link train} and {@link eval}. */
  training = true;
  // Members are own properties, looked up when asked for. The values of parameters and buffers are here.
  #slots: Map<string, Slot> | undefined;
  /** The own names in the order in which they were given, where that is not JavaScript's. */
  #order: string[] | undefined;
  #hooks: Hooks<Module> | undefined;

  /** Computes the output; a subclass gives it its own arguments and result. */
  forward(..._args: never[]): unknown {
    throw new TorchClipError('ERR_STATE', `${this.constructor.name} has no forward method`);
  }

  /**
   * {@link forward} between the hooks of this module; without hooks it is `forward`.
   *
   * Containers and composed layers call their parts this way. Call the parts of a model of your own with it where hooks are to see them.
   *
   * @example
   * const handle = model.layer1.registerForwardHook((module, args, output) => console.log(output.shape));
   * model.call(x);
   */
  call(...args: Parameters<this['forward']>): ReturnType<this['forward']> {
    type Output = ReturnType<this['forward']>;
    if (this.#hooks === undefined) return Reflect.apply(this.forward, this, args) as Output;
    return callWithHooks(this, this.#hooks, args, (given) => Reflect.apply(this.forward, this, given)) as Output;
  }

  /**
   * Has `hook(module, args)` called before each {@link call}; what it returns replaces the arguments.
   *
   * @param options.prepend run it before the others; default false.
   */
  registerForwardPreHook(hook: ForwardPreHook<this>, options?: HookOptions): HookHandle {
    return this.#hooked.forwardPre.add(hook as ForwardPreHook<Module>, options);
  }

  /**
   * Has `hook(module, args, output)` called after each {@link call}; what it returns replaces the output.
   *
   * @param options.prepend run it before the others; default false.
   * @param options.alwaysCall run it even where `forward` throws; default false.
   */
  registerForwardHook(hook: ForwardHook<this>, options: HookOptions & { alwaysCall?: boolean } = {}): HookHandle {
    const { prepend, alwaysCall } = readForwardHook(options);
    const handle = this.#hooked.forward.add(hook as ForwardHook<Module>, { prepend });
    const always = alwaysCall ? this.#hooked.always.add(hook as ForwardHook<Module>, { prepend }) : undefined;
    return {
      remove: () => {
        handle.remove();
        always?.remove();
      },
    };
  }

  /**
   * Has `hook(module, gradOutput)` called in the backward pass through each {@link call}, before the module's own part of it; an array
   * that it returns replaces the gradients of the outputs.
   *
   * @param options.prepend run it before the others; default false.
   */
  registerFullBackwardPreHook(hook: BackwardPreHook<this>, options?: HookOptions): HookHandle {
    return this.#hooked.backwardPre.add(hook as BackwardPreHook<Module>, options);
  }

  /**
   * Has `hook(module, gradInput, gradOutput)` called in the backward pass through each {@link call}, when the gradients of the arguments
   * are known; an array that it returns replaces them. Gradients are null for what is no tensor or needs none.
   *
   * Arguments and outputs count where they are tensors, or an array of outputs holds them; they must not be written in place.
   *
   * @param options.prepend run it before the others; default false.
   *
   * @example
   * layer.registerFullBackwardHook((module, gradInput, gradOutput) => console.log(gradOutput[0]?.norm().item()));
   */
  registerFullBackwardHook(hook: BackwardHook<this>, options?: HookOptions): HookHandle {
    return this.#hooked.backward.add(hook as BackwardHook<Module>, options);
  }

  /** Has `hook(module, prefix)` called before the module's state is read by {@link stateDict}. */
  registerStateDictPreHook(hook: StateDictPreHook<this>): HookHandle {
    return this.#hooked.statePre.add(hook as StateDictPreHook<Module>);
  }

  /** Has `hook(module, stateDict, prefix)` called with the state of this module and those below; it may change the object. */
  registerStateDictPostHook(hook: StateDictHook<this>): HookHandle {
    return this.#hooked.state.add(hook as StateDictHook<Module>);
  }

  /** Has `hook(module, stateDict, prefix)` called before {@link loadStateDict} compares names; the object is a copy that it may change. */
  registerLoadStateDictPreHook(hook: LoadStateDictPreHook<this>): HookHandle {
    return this.#hooked.loadPre.add(hook as LoadStateDictPreHook<Module>);
  }

  /** Has `hook(module, incompatibleKeys)` called when {@link loadStateDict} has loaded; it may change the lists. */
  registerLoadStateDictPostHook(hook: LoadStateDictHook<this>): HookHandle {
    return this.#hooked.load.add(hook as LoadStateDictHook<Module>);
  }

  /**
   * The module of a dotted name, '' for this one.
   *
   * @throws {TorchClipError} `ERR_ARGUMENT` where there is none.
   *
   * @example
   * model.getSubmodule('encoder.layers.0.self_attn');
   */
  getSubmodule(target: string): Module {
    let at: Module = this;
    for (const name of check('target', target, text) === '' ? [] : target.split('.')) {
      const next: unknown = Object.hasOwn(at, name) ? Reflect.get(at, name) : undefined;
      if (!(next instanceof Module)) {
        throw invalidArgument('target', `the name of a module in ${this.constructor.name}`, target);
      }
      at = next;
    }
    return at;
  }

  /**
   * Puts a module under a dotted name, in place of the one that is there or new in a module that is.
   *
   * @param options.strict whether there must be one already; default false.
   */
  setSubmodule(target: string, module: Module, options: { strict?: boolean } = {}): void {
    const { strict } = readSetSubmodule(options);
    if (!(module instanceof Module)) throw invalidArgument('module', 'a Module', module);
    const [path, name] = split(check('target', target, text));
    const parent = this.getSubmodule(path);
    if (strict) this.getSubmodule(target);
    parent.registerModule(name, module);
  }

  /** The parameter of a dotted name; `ERR_ARGUMENT` where there is none. */
  getParameter(target: string): Parameter {
    const [path, name] = split(check('target', target, text));
    const value: unknown = Reflect.get(this.getSubmodule(path), name);
    if (value instanceof Parameter) return value;
    throw invalidArgument('target', `the name of a parameter in ${this.constructor.name}`, target);
  }

  /** The buffer of a dotted name; `ERR_ARGUMENT` where there is none. */
  getBuffer(target: string): Tensor {
    const [path, name] = split(check('target', target, text));
    const module = this.getSubmodule(path);
    const value: unknown = Reflect.get(module, name);
    if (isBuffer(name, value, module)) return value as Tensor;
    throw invalidArgument('target', `the name of a buffer in ${this.constructor.name}`, target);
  }

  /**
   * What a subclass saves beside parameters and buffers, under `_extra_state`; undefined, the default, for nothing.
   *
   * A tensor can be saved everywhere, other values only where the format can hold them.
   */
  getExtraState(): unknown {
    return undefined;
  }

  /** Takes what {@link getExtraState} gave; a subclass that has the one needs the other. */
  setExtraState(_state: unknown): void {
    throw new TorchClipError('ERR_STATE', `${this.constructor.name} has no setExtraState method`);
  }

  /** The modules held directly, each once, with their names. */
  namedChildren(): [string, Module][] {
    const seen = new Set<unknown>();
    return members(this, (_, value) => value instanceof Module && once(seen, value)) as [string, Module][];
  }

  /** The modules held directly, each once. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module and all below it, each once, parents first, with their dotted names ('' for this one). */
  namedModules(): [string, Module][] {
    const found: [string, Module][] = [];
    const seen = new Set<Module>();
    const visit = (module: Module, path: string) => {
      if (!once(seen, module)) return;
      found.push([path, module]);
      for (const [name, child] of module.namedChildren()) visit(child, join(path, name));
    };
    visit(this, '');
    return found;
  }

  /** This module and all below it, each once, parents first. */
  modules(): Module[] {
    const found = new Set<Module>();
    const visit = (module: Module) => {
      if (found.has(module)) return;
      found.add(module);
      for (const [, value] of entriesOf(module)) if (value instanceof Module) visit(value);
    };
    visit(this);
    return [...found];
  }

  /**
   * All parameters with their dotted names, each tensor once, in the order of assignment, parents first.
   *
   * @param options.recurse false for this module's own only; default true.
   */
  namedParameters(options: { recurse?: boolean } = {}): [string, Parameter][] {
    const { recurse } = readNamedParameters(options);
    return this.#collect(recurse, (_, value) => value instanceof Parameter) as [string, Parameter][];
  }

  /** All parameters, each once: what an optimizer takes. */
  parameters(options: { recurse?: boolean } = {}): Parameter[] {
    const { recurse } = readParameters(options);
    const found = new Set<Parameter>();
    for (const module of recurse ? this.modules() : [this]) {
      for (const [, value] of entriesOf(module)) if (value instanceof Parameter) found.add(value);
    }
    return [...found];
  }

  /** All buffers with their dotted names, each tensor once. */
  namedBuffers(options: { recurse?: boolean } = {}): [string, Tensor][] {
    const { recurse } = readNamedBuffers(options);
    return this.#collect(recurse, isBuffer) as [string, Tensor][];
  }

  /** All buffers, each once. */
  buffers(options?: { recurse?: boolean }): Tensor[] {
    return this.namedBuffers(readBuffers(options)).map(([, buffer]) => buffer);
  }

  /**
   * Names state that is saved and moved with the module but not trained; it becomes the property `name`.
   *
   * @param tensor the buffer, or null to name it without a value.
   * @param options.persistent whether it is part of `stateDict()`; default true.
   */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } = {}): void {
    const { persistent } = readRegisterBuffer(options);
    if (this.#slots?.get(name)?.persistent === undefined) this.#free(name);
    check('tensor', tensor, tensorKind);
    this.#name(name);
    this.#hold(name, { value: tensor && keep(tensor), persistent });
  }

  /** Sets a parameter under a name known only at run time; `this.name = new Parameter(..)` does the same. */
  registerParameter(name: string, parameter: Parameter | null): void {
    if (!(this.#ownValue(name) instanceof Parameter)) this.#free(name);
    check('parameter', parameter, parameterKind);
    this.#name(name);
    this.#hold(name, { value: parameter });
  }

  /** Sets a submodule under a name known only at run time; `this.name = module` does the same. */
  registerModule(name: string, module: Module | null): void {
    if (!(this.#ownValue(name) instanceof Module)) this.#free(name);
    check('module', module, moduleKind);
    this.#name(name);
    Object.defineProperty(this, name, { value: module, writable: true, enumerable: true, configurable: true });
  }

  /** {@link registerModule}, by its other name in PyTorch. */
  addModule(name: string, module: Module | null): void {
    this.registerModule(name, module);
  }

  /**
   * Every parameter and persistent buffer under its dotted name, as PyTorch names them; the tensors share the module's memory.
   *
   * @param options.prefix stands before each name; default ''.
   * @param options.keepVars give the parameters themselves, which record gradients, rather than detached tensors; default false.
   *
   * @example
   * torch.io.saveSafetensors(model.stateDict(), 'model.safetensors');
   */
  stateDict(options: { prefix?: string; keepVars?: boolean } = {}): StateDict {
    const { prefix, keepVars } = readStateDict(options);
    return readState(stateAccess, this, prefix, keepVars);
  }

  /**
   * Copies values into the parameters and buffers of the same names.
   *
   * @param options.strict whether the names must be exactly the module's; default true.
   * @param options.assign put the tensors given in place of the module's rather than copy them, as a module on the device `meta` needs;
   * parameters are then new objects, so make the optimizer afterwards. Default false.
   * @returns the names that were missing or unexpected; both empty when strict.
   * @throws {TorchClipError} `ERR_STATE` naming every missing or unexpected key and every size mismatch; nothing was copied then.
   */
  loadStateDict(stateDict: StateDict, options: { strict?: boolean; assign?: boolean } = {}): IncompatibleKeys {
    return loadState(stateAccess, this, stateDict, readLoad(options));
  }

  /** Sets training mode here and in every module below. */
  train(mode = true): this {
    check('mode', mode, flag);
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Sets evaluation mode: `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Moves parameters, their gradients and buffers, in place: the optimizer's references stay good.
   *
   * @param target a device, a dtype (for floating-point and complex members only), both, or a tensor that has them.
   *
   * @example
   * model.to('cuda');
   * model.to({ device: 'cuda:1', dtype: torch.bfloat16 });
   */
  to(target: FactoryOptions | DeviceLike | Dtype | Tensor): this {
    const { device, dtype } = placeOf(target);
    if (dtype !== undefined && !dtype.isFloatingPoint && !dtype.isComplex) {
      throw invalidArgument('dtype', 'a floating-point or complex dtype', dtype.name, 'ERR_DTYPE');
    }
    const place = device == null ? undefined : usable(parseDevice(device)!);
    if (place !== undefined && place.type !== 'meta') this.#refuseMeta();
    return this.#convert((t) =>
      t.to({ device, dtype: t.dtype.isFloatingPoint || t.dtype.isComplex ? dtype : undefined }),
    );
  }

  /** Moves the module to the CPU. */
  cpu(): this {
    return this.to({ device: 'cpu' });
  }

  /** Moves the module to a GPU, the current one by default. */
  cuda(index?: number): this {
    return this.to({ device: index === undefined ? 'cuda' : `cuda:${index}` });
  }

  /** Converts floating-point members to float32. */
  float(): this {
    return this.to({ dtype: float32 });
  }

  /** Converts floating-point members to float64. */
  double(): this {
    return this.to({ dtype: float64 });
  }

  /** Converts floating-point members to float16. */
  half(): this {
    return this.to({ dtype: float16 });
  }

  /** Converts floating-point members to bfloat16. */
  bfloat16(): this {
    return this.to({ dtype: bfloat16 });
  }

  /** Converts all members, those of integers too, to a dtype. */
  type(dtype: Dtype): this {
    if (!(dtype instanceof Dtype)) throw invalidArgument('dtype', 'a dtype such as torch.float32', dtype);
    return this.#convert((t) => t.to({ dtype }));
  }

  /**
   * Gives parameters and buffers memory on a device without values, as a module made on the device `meta` needs before its state is
   * loaded. Parameters are new objects there: make the optimizer afterwards.
   *
   * @param options.recurse whether in the modules below, too; default true.
   *
   * @example
   * const model = new nn.Linear(4096, 4096, { device: 'meta' }).toEmpty({ device: 'cpu' });
   * model.loadStateDict(torch.io.loadSafetensors('model.safetensors'));
   */
  toEmpty(options: { device: DeviceLike; recurse?: boolean }): this {
    const { device, recurse } = readToEmpty(options);
    const place = usable(parseDevice(device)!);
    // A member that is held twice stays one.
    const made = new Map<Tensor, Tensor>();
    const empty = (t: Tensor): Tensor => {
      const memory = keep(emptyLike(t.detach(), { device: place }));
      return t instanceof Parameter ? new Parameter(memory, t.requiresGrad) : memory;
    };
    for (const module of recurse ? this.modules() : [this]) {
      for (const [name, tensor] of members(module, (n, v) => v instanceof Parameter || isBuffer(n, v, module))) {
        const t = tensor as Tensor;
        if (!made.has(t)) made.set(t, empty(t));
        Reflect.set(module, name, made.get(t));
      }
    }
    return this;
  }

  /**
   * Calls `fn` on every module below, then on this one.
   *
   * @example
   * model.apply((m) => m instanceof nn.Linear && nn.init.xavierUniform_(m.weight));
   */
  apply(fn: (module: Module) => unknown): this {
    const below = () => {
      for (const child of this.children()) child.apply(fn);
    };
    walk(this, below, () => {
      throw holdsItself(this);
    });
    fn(this);
    return this;
  }

  /**
   * Clears every parameter's gradient.
   *
   * @param options.setToNone drop the gradient (default) rather than fill it with zeros.
   */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const { setToNone } = readZeroGrad(options);
    for (const parameter of this.parameters()) {
      if (setToNone) parameter.grad = null;
      else parameter.grad?.detach().zero_();
    }
  }

  /** Sets whether autograd records operations on the parameters. */
  requiresGrad_(requiresGrad = true): this {
    check('requiresGrad', requiresGrad, flag);
    const parameters = this.namedParameters();
    for (const [name, { dtype }] of parameters) {
      if (!requiresGrad || dtype.isFloatingPoint || dtype.isComplex) continue;
      throw new TorchClipError('ERR_DTYPE', `the parameter "${name}" of dtype ${dtype.name} cannot record gradients`);
    }
    for (const [, parameter] of parameters) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /** What stands between the brackets when the module is printed. */
  extraRepr(): string {
    return '';
  }

  /** The module and those below it, as PyTorch prints them. */
  toString(): string {
    return walk(
      this,
      () => this.#print(),
      () => `${this.constructor.name}(...)`,
    );
  }

  #print(): string {
    const extra = this.extraRepr();
    const lines = members(this, (_, value) => value instanceof Module).map(([n, m]) => `(${n}): ${indent(String(m))}`);
    if (lines.length === 0 && !extra.includes('\n')) return `${this.constructor.name}(${extra})`;
    const all = extra === '' ? lines : [...extra.split('\n'), ...lines];
    return `${this.constructor.name}(\n  ${all.join('\n  ')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  static {
    slotOf = (module, name) => (#slots in module ? module.#slots?.get(name) : undefined);
    entriesOf = (module) => module.#entries();
    hooksOf = (module) => module.#hooks;
    blankCopy = (module) => {
      const copy = new Module();
      copy.#order = module.#order;
      copy.#hooks = module.#hooks?.copy();
      return Object.setPrototypeOf(copy, Object.getPrototypeOf(module));
    };
    copySlots = (module, copy, copyOf) => {
      for (const [name, slot] of module.#slots ?? []) {
        // A name that was deleted, or given a property of its own, is no member any more.
        const { get } = Object.getOwnPropertyDescriptor(module, name) ?? {};
        if (get !== accessorOf(name, slotOf).get) continue;
        copy.#hold(name, { ...slot, value: copyOf(slot.value) });
      }
    };
  }

  get #hooked(): Hooks<Module> {
    this.#hooks ??= new Hooks<Module>();
    return this.#hooks;
  }

  #collect(recurse: boolean, wanted: Wanted): [string, unknown][] {
    const seen = new Set<unknown>();
    const modules: [string, Module][] = recurse ? this.namedModules() : [['', this]];
    return modules.flatMap(([path, module]) =>
      members(module, (name, value) => wanted(name, value, module) && once(seen, value)).map(
        ([name, value]): [string, unknown] => [join(path, name), value],
      ),
    );
  }

  /** Before anything is moved: what is on the device meta cannot be. */
  #refuseMeta(): void {
    for (const [name, { device }] of [...this.namedParameters(), ...this.namedBuffers()]) {
      if (device.type !== 'meta') continue;
      throw new TorchClipError(
        'ERR_DEVICE',
        `"${name}" is on the device meta and holds no values that could be moved; use toEmpty()`,
      );
    }
  }

  #convert(fn: (tensor: Tensor) => Tensor): this {
    noGrad(() => {
      for (const parameter of this.parameters()) {
        const grad = parameter.grad;
        setData(parameter, fn(parameter));
        if (grad) setData(grad, fn(grad));
      }
      for (const module of this.modules()) {
        for (const [name, buffer] of members(module, isBuffer))
          Reflect.set(module, name, converted(buffer as Tensor, fn));
      }
    });
    return this;
  }

  /** A parameter or buffer, which only its like may replace from now on. */
  #hold(name: string, slot: Slot): void {
    this.#slots ??= new Map();
    this.#slots.set(name, slot);
    Object.defineProperty(this, name, accessorOf(name, slotOf));
  }

  #entries(): [string, unknown][] {
    const entries = Object.entries(this);
    for (const [name, value] of entries) {
      // Assigned as a property: from now on nothing but its like takes its place.
      const isNew = (value instanceof Parameter || value instanceof Buffer) && !this.#slots?.has(name);
      if (!isNew || Object.isFrozen(this)) continue;
      this.#hold(name, value instanceof Buffer ? { value, persistent: value.persistent } : { value });
    }
    if (this.#order === undefined) return entries;
    const place = new Map(this.#order.map((name, i) => [name, i]));
    return entries.sort(([a], [b]) => (place.get(a) ?? Infinity) - (place.get(b) ?? Infinity) || 0);
  }

  #ownValue(name: string): unknown {
    return Object.hasOwn(this, name) ? Reflect.get(this, name) : undefined;
  }

  /** Notes the place of a new name where JavaScript would give it another one. */
  #name(name: string): void {
    if (Object.hasOwn(this, name)) return;
    const names = Object.keys(this);
    const isMember = (other: string) => {
      const value: unknown = Reflect.get(this, other);
      return value instanceof Module || value instanceof Tensor;
    };
    // A list counts up, and holds nothing else that has an order.
    const counts = !isIndex(name) || names.every((other) => (isIndex(other) ? +other < +name : !isMember(other)));
    if (counts && this.#order === undefined) return;
    const known = (this.#order ?? []).filter((other) => Object.hasOwn(this, other));
    this.#order = [...known, ...names.filter((other) => !known.includes(other)), name];
  }

  /** A new member must have a name that a dotted path can hold and that no other property has. */
  #free(name: string): void {
    if (typeof name !== 'string' || name === '' || name.includes('.')) {
      throw invalidArgument('name', 'a non-empty string without a dot', name);
    }
    if (Reflect.get(this, name) != null) {
      throw invalidArgument('name', `a name that ${this.constructor.name} does not use yet`, name);
    }
  }
}

/**
 * A module that makes one tensor of one: an activation, a norm, a block. `Module` itself says nothing of its arguments, so that it cannot be
 * called; declare what is to be called as this.
 *
 * @example
 * class Block extends nn.Module {
 *   constructor(readonly act: nn.TensorModule) {
 *     super();
 *   }
 *   override forward(x: Tensor): Tensor {
 *     return this.act.forward(x);
 *   }
 * }
 */
export type TensorModule = Module & { forward(input: Tensor): Tensor };

type Wanted = (name: string, value: unknown, module: Module) => boolean;

const isBuffer: Wanted = (name, value, module) =>
  value instanceof Tensor && slotOf(module, name)?.persistent !== undefined;

function placeOf(target: FactoryOptions | DeviceLike | Dtype | Tensor): FactoryOptions {
  if (target instanceof Dtype) return { dtype: target };
  const device = parseDevice(target);
  if (device) return { device: usable(device) };
  if (target instanceof Tensor) return target;
  if (isPlainObject(target)) return readTo(target);
  throw invalidArgument('target', 'a device, a dtype, a Tensor or { device, dtype }', target);
}

/** A buffer after `fn`; one that waits for its shape still does. */
function converted(buffer: Tensor, fn: (tensor: Tensor) => Tensor): Tensor {
  const result = keep(fn(buffer));
  return buffer instanceof UninitializedBuffer
    ? new UninitializedBuffer({ device: result.device, dtype: result.dtype })
    : result;
}

/** Gives a tensor other memory, of another dtype or device perhaps, while it stays the same object for autograd and optimizers. */
function setData(tensor: Tensor, data: Tensor): void {
  native.setData(tensor.handle, data.handle);
}

function members(module: Module, wanted: Wanted): [string, unknown][] {
  return entriesOf(module).filter(([name, value]) => wanted(name, value, module));
}

const stateAccess: StateOf<Module> = {
  tensors: (module) =>
    [
      ...members(module, (_, value) => value instanceof Parameter),
      ...members(module, (name, value) => isBuffer(name, value, module) && slotOf(module, name)!.persistent === true),
    ] as [string, Tensor][],
  modules: (module) => members(module, (_, value) => value instanceof Module) as [string, Module][],
  hooks: (module) => hooksOf(module),
};

/** A dotted name as the module's and the member's. */
function split(target: string): [path: string, name: string] {
  const at = target.lastIndexOf('.');
  return [target.slice(0, Math.max(0, at)), target.slice(at + 1)];
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

function once(seen: Set<unknown>, value: unknown): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return true;
}
