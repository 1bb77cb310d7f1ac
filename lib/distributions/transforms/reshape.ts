import { TorchClipError } from '../../errors.js';
import { optionsOf } from '../../options.js';
import { sameShape, shapeText } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type Constraint, independent, real } from '../constraints/index.js';
import { elementsIn, shapeOf } from '../parameters.js';
import { Transform, type TransformOptions, transformTable } from './transform.js';

const read = optionsOf('ReshapeTransform', transformTable);

/**
 * Events of one shape to events of another, of as many elements.
 *
 * @example
 * new distributions.transforms.ReshapeTransform([4], [2, 2]).call(x);
 */
export class ReshapeTransform extends Transform {
  readonly inShape: readonly number[];
  readonly outShape: readonly number[];

  constructor(inShape: readonly number[], outShape: readonly number[], options?: TransformOptions) {
    const { cacheSize } = read(options) as { cacheSize: 0 | 1 };
    super({ cacheSize });
    this.inShape = shapeOf('inShape', inShape);
    this.outShape = shapeOf('outShape', outShape);
    if (elementsIn(this.inShape) !== elementsIn(this.outShape)) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `"outShape" must have as many elements as ${shapeText(this.inShape)}, got ${shapeText(this.outShape)}`,
      );
    }
  }
  get domain(): Constraint {
    return independent(real, this.inShape.length);
  }
  get codomain(): Constraint {
    return independent(real, this.outShape.length);
  }
  override get bijective(): boolean {
    return true;
  }
  protected override compute(x: Tensor): Tensor {
    return x.reshape(this.shapeAfter(x.shape));
  }
  protected override computeInverse(y: Tensor): Tensor {
    return y.reshape(this.shapeBefore(y.shape));
  }
  protected override logJacobian(x: Tensor, _y: Tensor): Tensor {
    return x.newZeros(x.shape.slice(0, x.ndim - this.inShape.length));
  }
  protected override shapeAfter(shape: readonly number[]): number[] {
    return exchanged(shape, this.inShape, this.outShape);
  }
  protected override shapeBefore(shape: readonly number[]): number[] {
    return exchanged(shape, this.outShape, this.inShape);
  }
}

/** A shape with another end. */
function exchanged(shape: readonly number[], end: readonly number[], by: readonly number[]): number[] {
  const cut = shape.length - end.length;
  if (cut >= 0 && sameShape(shape.slice(cut), end)) return [...shape.slice(0, cut), ...by];
  throw new TorchClipError('ERR_SHAPE', `"shape" must end in ${shapeText(end)}, got ${shapeText(shape)}`);
}
