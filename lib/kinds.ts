// Kinds of the package's own values; lib/check.ts has those of plain ones, which files below Tensor use, too.
import { type Kind, kind } from './check.js';
import { aDevice, type DeviceLike, parseDevice } from './device.js';
import { Dtype } from './dtype.js';
import { Generator } from './generator.js';
import { isTensor, type Tensor } from './tensor.js';

export const tensor: Kind<Tensor> = kind('a Tensor', isTensor);
export const dtype: Kind<Dtype> = kind('a dtype such as torch.float32', (value) => value instanceof Dtype);
export const device: Kind<DeviceLike> = kind(aDevice, (value) => parseDevice(value) !== undefined, 'ERR_DEVICE');
export const generator: Kind<Generator> = kind('a Generator', (value) => value instanceof Generator);
