// What all checks before ops have in common.
import { isTensor, type Tensor } from '../../tensor.js';

/** Looks at a call's arguments by their keys, and throws. */
export type Guard = (argument: (key: string) => unknown) => void;

/** Whether the values are at hand to be looked at. */
export const isReadable = (value: unknown): value is Tensor =>
  isTensor(value) && value.device.type === 'cpu' && value.layout.name === 'strided';

export const holds = (condition: Tensor): boolean => condition.all().item<boolean>();
