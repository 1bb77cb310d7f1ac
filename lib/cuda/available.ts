import { native } from '../binding/index.js';
import type { Device } from '../device.js';
import { invalidArgument, TorchClipError } from '../errors.js';

declare module '../binding/index.js' {
  interface Native {
    cudaDeviceCount(): number;
    /** Whether the binary was built with CUDA, be there a GPU or not. */
    cudaBuilt(): boolean;
  }
}

/** Why there is no CUDA here, and what to do; undefined where there is. */
export function whyUnavailable(): string | undefined {
  if (native.cudaDeviceCount() > 0) return undefined;
  return native.cudaBuilt()
    ? 'this build has CUDA but found no GPU that its driver can use: run `npx torch-clip doctor --cuda`, or use the device "cpu"'
    : 'this is a build for the CPU alone: run `npx torch-clip install cu130` and `npx torch-clip build cuda` on a machine with an NVIDIA GPU, or use the device "cpu"';
}

/** Throws `ERR_CUDA_UNAVAILABLE` for what needs a GPU where there is none; nothing falls back to the CPU. */
export function requireCuda(what: string): void {
  const reason = whyUnavailable();
  if (reason !== undefined) throw new TorchClipError('ERR_CUDA_UNAVAILABLE', `${what} needs CUDA, and ${reason}`);
}

/** A device that a tensor can be put on; throws if the GPU does not exist. */
export function usable(device: Device): Device {
  if (device.type !== 'cuda') return device;
  requireCuda(`the device "${device}"`);
  const count = native.cudaDeviceCount();
  if (device.index !== null && device.index >= count) {
    throw invalidArgument('device', `one of the GPUs cuda:0 to cuda:${count - 1}`, device.toString(), 'ERR_DEVICE');
  }
  return device;
}
