import { TorchClipError } from '../../errors.js';
import { shapeText } from '../../shape.js';
import type { Nested, Tensor } from '../../tensor.js';
import { expandsTo } from '../parameters.js';
import type { Constraint } from './constraint.js';

/** Throws the sentence that names the first event of `value` outside of a constraint. */
export function refuseOutside(what: string, value: Tensor, constraint: Constraint): void {
  const { eventDim } = constraint;
  const shape = shapeText(value.shape);
  if (value.ndim < eventDim) {
    throw new TorchClipError('ERR_SHAPE', `${what} must have at least ${eventDim} dimensions, got shape ${shape}`);
  }
  const valid = constraint.check(value);
  if (valid.all().item<boolean>()) return;
  const bound = String(constraint).replace(/\s+/g, ' ');
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `${what} must satisfy ${bound}, got ${firstOutside(value, valid, eventDim)}`,
  );
}

/** The first event that is not valid, and where it is. */
function firstOutside(value: Tensor, valid: Tensor, eventDim: number): string {
  const event = value.shape.slice(value.ndim - eventDim);
  const batch = value.shape.slice(0, value.ndim - eventDim);
  // A check by parts has a shape of its own.
  if (!expandsTo(batch, valid.shape)) return `values of shape ${shapeText(value.shape)}`;
  const at = valid.logicalNot().nonzero().select(0, 0).tolist() as number[];
  const found = value
    .detach()
    .expand([...valid.shape, ...event])
    .index(at);
  const where = at.length === 0 ? '' : ` at ${shapeText(at)}`;
  return found.numel() <= 16 ? `${listText(found.tolist())}${where}` : `a value of shape ${shapeText(event)}${where}`;
}

const listText = (value: Nested<number>): string =>
  Array.isArray(value) ? `[${value.map(listText).join(', ')}]` : String(value);
