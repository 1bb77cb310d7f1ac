import { types } from 'node:util';
import { requireWhole } from '../distributed/sharded-parameters.js';
import { describe, TorchClipError } from '../errors.js';
import { isPlain } from '../io/plain.js';
import { keep } from '../scope.js';
import { isTensor, type Tensor } from '../tensor.js';
import { Buffer } from './buffer.js';
import { UninitializedBuffer, UninitializedParameter } from './lazy.js';
import { blankCopy, copyTensors, Module } from './module.js';
import { Parameter } from './parameter.js';

/**
 * A copy of a module, or of an array or plain object of modules and tensors, that shares nothing with it: parameters, buffers,
 * gradients and the modules below are copied, each once, however often it is held. As Python's `copy.deepcopy`.
 *
 * Functions, generators and instances of classes that it does not know are shared. A class of your own must not keep what it
 * needs in `#private` fields, which cannot be copied: use `private` ones.
 *
 * @throws {TorchClipError} `ERR_AUTOGRAD` for a tensor that is the result of recorded operations.
 *
 * @example
 * const target = nn.deepcopy(policy);
 */
export function deepcopy<T>(value: T): T {
  return copyOf(value, new Map()) as T;
}

function copyOf(value: unknown, copies: Map<unknown, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (copies.has(value)) return copies.get(value);
  const copy = blank(value, copies);
  if (copy === undefined) return value;
  copies.set(value, copy);
  if (isTensor(value)) return copy;
  if (types.isMap(value)) for (const [k, v] of value) (copy as Map<unknown, unknown>).set(k, copyOf(v, copies));
  if (types.isSet(value)) for (const v of value) (copy as Set<unknown>).add(copyOf(v, copies));
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if ('value' in property) property.value = copyOf(property.value, copies);
    Object.defineProperty(copy, name, property);
  }
  if (value instanceof Module) copyTensors(value, copy as Module, (tensor) => copyOf(tensor, copies) as Tensor | null);
  return copy;
}

/** The copy before its properties are; undefined for what is shared. */
function blank(value: object, copies: Map<unknown, unknown>): object | undefined {
  if (value instanceof Module) return blankCopy(value);
  if (isTensor(value)) return tensorCopy(value, copies);
  if (Array.isArray(value)) return [];
  if (types.isMap(value)) return new Map();
  if (types.isSet(value)) return new Set();
  // Of any realm.
  return isPlain(value) ? (Object.create(Object.getPrototypeOf(value) as object | null) as object) : undefined;
}

function tensorCopy(tensor: Tensor, copies: Map<unknown, unknown>): Tensor {
  if (!tensor.isLeaf) {
    const message = `only leaves of the graph can be copied, and ${describe(tensor)} is the result of recorded operations`;
    throw new TorchClipError('ERR_AUTOGRAD', message);
  }
  requireWhole('copy a module before fullyShard()', [tensor]);
  const { device, dtype, requiresGrad } = tensor;
  if (tensor instanceof UninitializedParameter) return new UninitializedParameter({ device, dtype, requiresGrad });
  if (tensor instanceof UninitializedBuffer) return new UninitializedBuffer({ device, dtype });
  const data = tensor.detach().clone();
  // One that was assigned as a property, and that its module has not looked at yet.
  if (tensor instanceof Buffer) return new Buffer(data, { persistent: tensor.persistent });
  const copy = tensor instanceof Parameter ? new Parameter(data, tensor.requiresGrad) : keep(data);
  if (!(copy instanceof Parameter) && tensor.requiresGrad) copy.requiresGrad_();
  const { grad } = tensor;
  if (grad) copy.grad = copyOf(grad, copies) as Tensor;
  return copy;
}
