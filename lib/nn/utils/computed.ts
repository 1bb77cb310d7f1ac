// Members that are computed from others each time they are read, such as a weight that is normalised or masked.
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** How a member is computed. */
export interface Computed {
  /** The name of the method, for errors. */
  readonly what: string;
  read(module: Module, name: string): Tensor;
}

const byGetter = new WeakMap<object, Computed>();

/** Makes `name` a property that is computed when it is read; it is not a member then. A deep copy of the module keeps it. */
export function defineComputed(module: Module, name: string, computed: Computed): void {
  const get = function (this: Module) {
    return computed.read(this, name);
  };
  byGetter.set(get, computed);
  const set = function (this: Module) {
    const message = `"${name}" of ${describe(this)} is computed by ${computed.what} and cannot be assigned`;
    throw new TorchClipError('ERR_STATE', message);
  };
  Object.defineProperty(module, name, { get, set, enumerable: false, configurable: true });
}

/** How the property `name` is computed; undefined where it is not. */
export function computedOf(module: Module, name: string): Computed | undefined {
  const get = Object.getOwnPropertyDescriptor(checkModule(module), name)?.get;
  return get && byGetter.get(get);
}

/** The module, or an error. */
export function checkModule(module: unknown): Module {
  if (!(module instanceof Module)) throw invalidArgument('module', 'a Module', module);
  return module;
}

/** The parameter `name` of a module, as its own property. */
export function parameterOf(module: Module, name: string): Parameter {
  const value: unknown = Object.hasOwn(checkModule(module), name) ? Reflect.get(module, name) : undefined;
  if (value instanceof Parameter && computedOf(module, name) === undefined) return value;
  throw invalidArgument('name', `the name of a parameter of ${module.constructor.name}`, name);
}
