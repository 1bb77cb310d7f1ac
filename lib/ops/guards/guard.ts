// What all checks before ops have in common.
import { native } from '../../binding/index.js';
import { isTensor, type Tensor } from '../../tensor.js';

/** Looks at a call's arguments by their keys, and throws. */
export type Guard = (argument: (key: string) => unknown) => void;

/** Whether the values are at hand to be looked at. */
export const isReadable = (value: unknown): value is Tensor =>
  isTensor(value) && value.device.type === 'cpu' && value.layout.name === 'strided';

/** {@link isReadable}, and with one value for each element: a batch of `vmap` has many. */
export const isPlain = (value: unknown): value is Tensor =>
  isReadable(value) && native.wrapperOf(value.handle)?.[0] !== 'batched';

export const holds = (condition: Tensor): boolean => condition.all().item<boolean>();
