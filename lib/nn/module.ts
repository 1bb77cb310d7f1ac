import { noGrad } from '../autograd.js';
import { check, flag } from '../check.js';
import { usable } from '../cuda/available.js';
import { type DeviceLike, parseDevice } from '../device.js';
import { bfloat16, Dtype, float16, float32, float64 } from '../dtype.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { nativeOp } from '../ops/overload.js';
import { isPlainObject, optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { Tensor } from '../tensor.js';
import { Parameter } from './parameter.js';
import { indent } from './print.js';
import { type IncompatibleKeys, loadState, type StateDict } from './state.js';
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
const readLoad = optionsOf('loadStateDict()', { strict: [flag, true] });
const readZeroGrad = optionsOf('zeroGrad()', { setToNone: [flag, true] });
const readTo = optionsOf('to()', factoryTable);

/** What a module knows of its buffer `name`: undefined where that is not a buffer. */
let bufferOf: (module: Module, name: string) => { persistent: boolean } | undefined;

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
  // Members are own properties, looked up when asked for: assigning one costs nothing, and neither does forward.
  #buffers: Map<string, { persistent: boolean }> | undefined;

  /** Computes the output; a subclass gives it its own arguments and result. */
  forward(..._args: never[]): unknown {
    throw new TorchClipError('ERR_STATE', `${this.constructor.name} has no forward method`);
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
      for (const value of Object.values(module)) if (value instanceof Module) visit(value);
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
    // Training loops ask for this at every step: no names are made.
    const found = new Set<Parameter>();
    for (const module of recurse ? this.modules() : [this]) {
      for (const value of Object.values(module)) if (value instanceof Parameter) found.add(value);
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
    if (!this.#buffers?.has(name)) this.#free(name);
    if (tensor !== null && !(tensor instanceof Tensor)) throw invalidArgument('tensor', 'a Tensor or null', tensor);
    this.#buffers ??= new Map();
    this.#buffers.set(name, { persistent });
    Reflect.set(this, name, tensor && keep(tensor));
  }

  /** Sets a parameter under a name known only at run time; `this.name = new Parameter(..)` does the same. */
  registerParameter(name: string, parameter: Parameter | null): void {
    if (!(Reflect.get(this, name) instanceof Parameter)) this.#free(name);
    if (parameter !== null && !(parameter instanceof Parameter)) {
      throw invalidArgument('parameter', 'a Parameter or null', parameter);
    }
    Reflect.set(this, name, parameter);
  }

  /** Sets a submodule under a name known only at run time; `this.name = module` does the same. */
  registerModule(name: string, module: Module | null): void {
    if (!(Reflect.get(this, name) instanceof Module)) this.#free(name);
    if (module !== null && !(module instanceof Module)) throw invalidArgument('module', 'a Module or null', module);
    Reflect.set(this, name, module);
  }

  /**
   * Every parameter and persistent buffer under its dotted name, as PyTorch names them; the tensors share the module's memory.
   *
   * @example
   * torch.io.saveSafetensors(model.stateDict(), 'model.safetensors');
   */
  stateDict(): StateDict {
    return Object.fromEntries(stateOf(this).map(([name, tensor]) => [name, tensor.detach()]));
  }

  /**
   * Copies values into the parameters and buffers of the same names.
   *
   * @param options.strict whether the names must be exactly the module's; default true.
   * @returns the names that were missing or unexpected; both empty when strict.
   * @throws {TorchClipError} `ERR_STATE` naming every missing or unexpected key and every size mismatch; nothing was copied then.
   */
  loadStateDict(stateDict: StateDict, options: { strict?: boolean } = {}): IncompatibleKeys {
    const { strict } = readLoad(options);
    return loadState(this.constructor.name, stateOf(this), stateDict, strict);
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

  /**
   * Calls `fn` on every module below, then on this one.
   *
   * @example
   * model.apply((m) => m instanceof nn.Linear && nn.init.xavierUniform_(m.weight));
   */
  apply(fn: (module: Module) => unknown): this {
    for (const child of this.children()) child.apply(fn);
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
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /** What stands between the brackets when the module is printed. */
  extraRepr(): string {
    return '';
  }

  /** The module and those below it, as PyTorch prints them. */
  toString(): string {
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
    bufferOf = (module, name) => module.#buffers?.get(name);
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

  #convert(fn: (tensor: Tensor) => Tensor): this {
    noGrad(() => {
      for (const parameter of this.parameters()) {
        const grad = parameter.grad;
        setData(parameter, fn(parameter));
        if (grad) setData(grad, fn(grad));
      }
      for (const module of this.modules()) {
        for (const [name, buffer] of members(module, isBuffer)) Reflect.set(module, name, keep(fn(buffer as Tensor)));
      }
    });
    return this;
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

type Wanted = (name: string, value: unknown, module: Module) => boolean;

const isBuffer: Wanted = (name, value, module) => value instanceof Tensor && bufferOf(module, name) !== undefined;

function placeOf(target: FactoryOptions | DeviceLike | Dtype | Tensor): FactoryOptions {
  if (target instanceof Dtype) return { dtype: target };
  const device = parseDevice(target);
  if (device) return { device: usable(device) };
  if (target instanceof Tensor) return target;
  if (isPlainObject(target)) return readTo(target);
  throw invalidArgument('target', 'a device, a dtype, a Tensor or { device, dtype }', target);
}

/** Gives a tensor other memory, of another dtype or device perhaps, while it stays the same object for autograd and optimizers. */
function setData(tensor: Tensor, data: Tensor): void {
  nativeOp('set_data')(tensor.handle, data.handle);
}

function members(module: Module, wanted: Wanted): [string, unknown][] {
  return Object.entries(module).filter(([name, value]) => wanted(name, value, module));
}

/** Parameters, then saved buffers, then the modules below: tied tensors come under each of their names, as in PyTorch. */
function stateOf(module: Module, path = '', above: readonly Module[] = []): [string, Tensor][] {
  if (above.includes(module)) {
    throw new TorchClipError('ERR_STATE', `${describe(module)} holds itself, at "${path}"`);
  }
  const here = [
    ...members(module, (_, value) => value instanceof Parameter),
    ...members(module, (name, value) => isBuffer(name, value, module) && bufferOf(module, name)!.persistent),
  ] as [string, Tensor][];
  const below = members(module, (_, value) => value instanceof Module) as [string, Module][];
  return [
    ...here.map(([name, tensor]): [string, Tensor] => [join(path, name), tensor]),
    ...below.flatMap(([name, child]) => stateOf(child, join(path, name), [...above, module])),
  ];
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

function once(seen: Set<unknown>, value: unknown): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return true;
}
