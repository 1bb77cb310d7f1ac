import { usable } from './cuda/available.js';
import { type Device, type DeviceLike, parseDevice } from './device.js';
import { invalidArgument } from './errors.js';

const cpu = parseDevice('cpu')!;

let current: Device | undefined;

/**
 * The device that tensors are made on where none is named; `cpu` unless set in this thread.
 *
 * @example
 * torch.getDefaultDevice().type; // 'cpu'
 */
export function getDefaultDevice(): Device {
  return current ?? cpu;
}

/**
 * Sets the device that tensors are made on in this thread where none is named: by `torch.zeros`, `torch.tensor` and the other factories, and
 * so by the layers of `nn`. What is made from a tensor (`zerosLike`, `newZeros`) goes where that tensor is.
 *
 * @param device null goes back to the CPU.
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` for a GPU that is not there; nothing has changed then.
 *
 * @example
 * torch.setDefaultDevice('meta');
 * const model = new nn.Linear(4096, 4096);    // shapes without memory
 * torch.setDefaultDevice(null);
 * @see https://pytorch.org/docs/stable/generated/torch.set_default_device.html
 */
export function setDefaultDevice(device: DeviceLike | null): void {
  if (device === null) {
    current = undefined;
    return;
  }
  const parsed = parseDevice(device);
  if (parsed === undefined) {
    throw invalidArgument('device', "a device such as 'cpu' or 'cuda:0', or null", device, 'ERR_DEVICE');
  }
  current = usable(parsed).type === 'cpu' ? undefined : parsed;
}

/** @internal The default device where it is not the CPU, which libtorch takes by itself. */
export const deviceToName = (): Device | undefined => current;
