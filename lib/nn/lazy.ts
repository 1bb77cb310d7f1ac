import { flag } from '../check.js';
import { empty } from '../ops/generated/functions.js';
import { nativeOp } from '../ops/overload.js';
import { optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { Tensor } from '../tensor.js';
import { Parameter } from './parameter.js';
import { type FactoryOptions, factoryTable } from './tables.js';

const readParameter = optionsOf('UninitializedParameter', { ...factoryTable, requiresGrad: [flag, true] });
const readBuffer = optionsOf('UninitializedBuffer', factoryTable);

/**
 * A parameter whose shape is not known yet; it has no elements. A lazy layer holds it until its first input comes.
 *
 * @example
 * const p = new nn.UninitializedParameter();
 * p.materialize([3, 4]);
 * p.shape; // [3, 4]
 */
export class UninitializedParameter extends Parameter {
  constructor(options: FactoryOptions & { requiresGrad?: boolean } = {}) {
    const { requiresGrad, device, dtype } = readParameter(options);
    super(empty([0], { device, dtype }), requiresGrad);
  }

  /** Gives it memory of a shape, whose values are to be set; it is a plain `Parameter` from then on, the same object. */
  materialize(shape: readonly number[]): void {
    grow(this, shape);
    Object.setPrototypeOf(this, Parameter.prototype);
  }
}

/**
 * A buffer whose shape is not known yet, as {@link UninitializedParameter}.
 *
 * @example
 * this.registerBuffer('running_mean', new nn.UninitializedBuffer());
 */
export class UninitializedBuffer extends Tensor {
  constructor(options: FactoryOptions = {}) {
    const { device, dtype } = readBuffer(options);
    super(keep(empty([0], { device, dtype })).handle);
    this.escapes = true;
  }

  /** Gives it memory of a shape, whose values are to be set; it is a plain `Tensor` from then on, the same object. */
  materialize(shape: readonly number[]): void {
    grow(this, shape);
    Object.setPrototypeOf(this, Tensor.prototype);
  }
}

function grow(tensor: Tensor, shape: readonly number[]): void {
  const { device, dtype } = tensor;
  nativeOp('set_data')(tensor.handle, empty(shape, { device, dtype }).handle);
}

/** @internal Whether a tensor waits for its shape. */
export const isLazy = (tensor: unknown): tensor is UninitializedParameter | UninitializedBuffer =>
  tensor instanceof UninitializedParameter || tensor instanceof UninitializedBuffer;

/** @internal Takes a later `materialize` back. */
export function shapelessAgain(tensor: UninitializedParameter | UninitializedBuffer): () => void {
  const own: object = Object.getPrototypeOf(tensor);
  return () => {
    grow(tensor, [0]);
    Object.setPrototypeOf(tensor, own);
  };
}
