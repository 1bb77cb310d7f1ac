// What the fields of a layer hold when it computes: a program may have assigned anything since the layer was made.
import { instance, type Kind } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { Module } from './module.js';
import { Parameter } from './parameter.js';

/** A field of a layer, refused where it is not of `kind` any more. */
export function field<T>(layer: object, name: string, kind: Kind<T>): T {
  const value: unknown = Reflect.get(layer, name);
  if (kind.accepts(value)) return value;
  throw new TorchClipError(
    'ERR_STATE',
    `"${name}" of ${layer.constructor.name} must be ${kind.expected}, got ${describe(value)}`,
  );
}

const module = instance(Module, 'a Module');
const parameter = instance(Parameter, 'a Parameter');

/** Refuses a layer that has lost one of the parts that it calls. */
export function checkParts(layer: object, ...names: string[]): void {
  for (const name of names) field(layer, name, module);
}

/** A weight that a layer cannot do without. */
export const weightOf = (layer: object, name: string): Parameter => field(layer, name, parameter);
