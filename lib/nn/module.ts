import { check, flag, instance, integer, kind, orNull, synchronous } from '../check.js';
import type { DeviceLike } from '../device.js';
import { clearGrad } from '../distributed/sharded-parameters.js';
import { bfloat16, Dtype, float16, float32, float64 } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { tensor } from '../kinds.js';
import { keep } from '../scope.js';
import { refuseLater } from '../sync.js';
import type { HookHandle, Tensor } from '../tensor.js';
import { printOnce, walkOnce } from './circles.js';
import { convert, emptyTo, type ModuleToOptions, moveTo } from './conversion.js';
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
import { Members, type ModuleAccess } from './members.js';
import {
  readBuffers,
  readForwardHook,
  readLoad,
  readNamedBuffers,
  readNamedParameters,
  readParameters,
  readRegisterBuffer,
  readSetSubmodule,
  readStateDict,
  readToEmpty,
  readZeroGrad,
} from './module-options.js';
import { Parameter } from './parameter.js';
import { block } from './print.js';
import { loadState, readState, type StateOf } from './state.js';
import type { IncompatibleKeys, StateDict } from './state-dict.js';
import {
  bufferAt,
  childrenOf,
  modulesOf,
  namedBuffersOf,
  namedModulesOf,
  namedParametersOf,
  ownModules,
  parameterAt,
  parametersOf,
  savedTensors,
  splitName,
  submoduleAt,
} from './traversal.js';

export type { ModuleToOptions } from './conversion.js';
export type { FactoryOptions } from './tables.js';

let access: ModuleAccess<Module>;
/** @internal The own properties of a module, in the order in which they were named: JavaScript alone would sort '10' after '2'. */
export let entriesOf: (module: Module) => [string, unknown][];
/** @internal Whether an own member is a parameter, or a tensor that stands in for one. */
export let isParameterOf: (module: Module, name: string, value: unknown) => value is Parameter;
/** @internal Puts a tensor in the place of an own parameter or buffer; what it returns puts that back. */
export let standIn: (module: Module, name: string, tensor: Tensor) => () => void;
let hooksOf: (module: Module) => Hooks<Module> | undefined;

/**
 * @internal A module of the same class with the hooks of the base class, but without own properties and unconstructed.
 */
export let blankCopy: (module: Module) => Module;
/** @internal Gives `copy` the parameters and buffers of `module`, as `copyOf` copies them. */
export let copyTensors: (module: Module, copy: Module, copyOf: (tensor: Tensor | null) => Tensor | null) => void;

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
  // Members are own properties, looked up when asked for; the values of parameters and buffers are here.
  readonly #members = new Members<Module>(this, access);
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
   * are known; an array that it returns replaces them. Gradients are null for what is not a tensor or needs none.
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
    return submoduleAt(access, this, target);
  }

  /**
   * Puts a module under a dotted name, in place of the one that is there or new in a module that is.
   *
   * @param options.strict whether there must be one already; default false.
   */
  setSubmodule(target: string, module: Module, options: { strict?: boolean } = {}): void {
    const { strict } = readSetSubmodule(options);
    if (!(module instanceof Module)) throw invalidArgument('module', 'a Module', module);
    const [path, name] = splitName(target);
    const parent = this.getSubmodule(path);
    if (strict) this.getSubmodule(target);
    parent.registerModule(name, module);
  }

  /** The parameter of a dotted name; `ERR_ARGUMENT` where there is none. */
  getParameter(target: string): Parameter {
    return parameterAt(access, this, target);
  }

  /** The buffer of a dotted name; `ERR_ARGUMENT` where there is none. */
  getBuffer(target: string): Tensor {
    return bufferAt(access, this, target);
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
    return childrenOf(access, this);
  }

  /** The modules held directly, each once. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module and all below it, each once, parents first, with their dotted names ('' for this one). */
  namedModules(): [string, Module][] {
    return namedModulesOf<Module>(this);
  }

  /** This module and all below it, each once, parents first. */
  modules(): Module[] {
    return modulesOf(access, this);
  }

  /**
   * All parameters with their dotted names, each tensor once, in the order of assignment, parents first.
   *
   * @param options.recurse false for this module's own only; default true.
   */
  namedParameters(options: { recurse?: boolean } = {}): [string, Parameter][] {
    const { recurse } = readNamedParameters(options);
    return namedParametersOf(access, recurse ? this.namedModules() : [['', this]]);
  }

  /** All parameters, each once: what an optimizer takes. */
  parameters(options: { recurse?: boolean } = {}): Parameter[] {
    const { recurse } = readParameters(options);
    return parametersOf(access, recurse ? this.modules() : [this]);
  }

  /** All buffers with their dotted names, each tensor once. */
  namedBuffers(options: { recurse?: boolean } = {}): [string, Tensor][] {
    const { recurse } = readNamedBuffers(options);
    return namedBuffersOf(access, recurse ? this.namedModules() : [['', this]]);
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
    if (this.#members.registered(name)?.persistent === undefined) this.#members.checkFree(name);
    check('tensor', tensor, tensorKind);
    this.#members.noteOrder(name);
    this.#members.hold(name, { value: tensor && keep(tensor), persistent });
  }

  /** Sets a parameter under a name known only at run time; `this.name = new Parameter(..)` does the same. */
  registerParameter(name: string, parameter: Parameter | null): void {
    if (!(this.#members.ownValue(name) instanceof Parameter)) this.#members.checkFree(name);
    check('parameter', parameter, parameterKind);
    this.#members.noteOrder(name);
    this.#members.hold(name, { value: parameter });
  }

  /** Sets a submodule under a name known only at run time; `this.name = module` does the same. */
  registerModule(name: string, module: Module | null): void {
    if (!(this.#members.ownValue(name) instanceof Module)) this.#members.checkFree(name);
    check('module', module, moduleKind);
    this.#members.noteOrder(name);
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
   * @throws {TorchClipError} `ERR_STATE` naming every missing or unexpected key and every size mismatch; nothing has changed
   * then, nor where `setExtraState` or a hook throws.
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
   * Moves parameters, their gradients and buffers, in place: the optimizer's references stay good. On the device `meta`, parameters are
   * new objects without memory.
   *
   * @param target a device, a dtype (for floating-point and complex members only), both, or a tensor that has them; an object may also
   * have `memoryFormat`, for members of four dimensions (five for `channelsLast3d`), and `nonBlocking`.
   *
   * @example
   * model.to('cuda');
   * model.to({ device: 'cuda:1', dtype: torch.bfloat16 });
   * model.to({ memoryFormat: torch.channelsLast });
   */
  to(target: ModuleToOptions | DeviceLike | Dtype | Tensor): this {
    moveTo(access, this, target);
    return this;
  }

  /** Moves the module to the CPU. */
  cpu(): this {
    return this.to({ device: 'cpu' });
  }

  /** Moves the module to a GPU, the current one by default. */
  cuda(index?: number): this {
    if (index !== undefined) check('index', index, integer(0));
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
    convert(access, this, (t) => t.to({ dtype }));
    return this;
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
    emptyTo(access, recurse ? this.modules() : [this], device);
    return this;
  }

  /**
   * Calls `fn` on every module below, then on this one.
   *
   * @example
   * model.apply((m) => m instanceof nn.Linear && nn.init.xavierUniform_(m.weight));
   */
  apply(fn: (module: Module) => unknown): this {
    check('fn', fn, synchronous());
    walkOnce(this, () => {
      for (const child of this.children()) child.apply(fn);
    });
    refuseLater('fn', fn(this));
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
      else clearGrad(parameter);
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
    return printOnce(this, () => block(this.constructor.name, detailsOf(this), ownModules(access, this)));
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  static {
    access = {
      isModule: (value) => value instanceof Module,
      registeredAs: (module, name) => (#members in module ? module.#members.registered(name) : undefined),
      isParameter: (module, name, value) => module.#members.isParameter(name, value),
      entries: (module) => module.#members.entries(),
    };
    entriesOf = access.entries;
    isParameterOf = (module, name, value): value is Parameter => access.isParameter(module, name, value);
    standIn = (module, name, tensor) => module.#members.standIn(name, tensor);
    hooksOf = (module) => module.#hooks;
    blankCopy = (module) => {
      const copy = new Module();
      copy.#members.takeOrder(module.#members);
      copy.#hooks = module.#hooks?.copy();
      return Object.setPrototypeOf(copy, Object.getPrototypeOf(module));
    };
    copyTensors = (module, copy, copyOf) => {
      copy.#members.takeTensors(module.#members, copyOf);
    };
  }

  get #hooked(): Hooks<Module> {
    this.#hooks ??= new Hooks<Module>();
    return this.#hooks;
  }
}

/**
 * A module that makes one tensor of one: an activation, a norm, a block. `Module` itself does not declare its arguments, so that it cannot be
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

/** What a module prints of itself; its fields may have been assigned anything. */
function detailsOf(module: Module): string {
  try {
    return module.extraRepr();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const why = `${module.constructor.name} cannot be printed, because a field holds what it must not: ${error.message}`;
    throw new TorchClipError('ERR_STATE', why, { cause: error });
  }
}

const stateAccess: StateOf<Module> = {
  tensors: (module) => savedTensors(access, module),
  modules: (module) => ownModules(access, module),
  hooks: (module) => hooksOf(module),
};
