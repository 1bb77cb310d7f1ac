// The GPUs, and what libtorch keeps on them.
import { native } from '../binding/index.js';
import { check, flag } from '../check.js';
import { type DeviceLike, parseDevice } from '../device.js';
import { invalidArgument } from '../errors.js';
import { requireCuda, usable } from './available.js';

declare module '../binding/index.js' {
  interface Native {
    cudaCurrentDevice(): number;
    cudaSetDevice(device: number): void;
    cudaSynchronize(device: number): void;
    /** In a build with CUDA, and so are those below. */
    cudaProperties(device: number): Omit<DeviceProperties, 'index'>;
    cudaUtilization(device: number): [compute: number, memory: number];
    cudaSetSyncDebugMode(mode: number): void;
    cudaSyncDebugMode(): number;
  }
}

/** A GPU: its index, or a device such as `'cuda:1'`. */
export type GpuLike = number | DeviceLike;

/** What a GPU is, under PyTorch's names. */
export interface DeviceProperties {
  index: number;
  name: string;
  /** The compute capability, with {@link minor}. */
  major: number;
  minor: number;
  /** In bytes. */
  totalMemory: number;
  multiProcessorCount: number;
  warpSize: number;
  /** In bytes. */
  l2CacheSize: number;
  /** In bytes. */
  sharedMemoryPerBlock: number;
  regsPerMultiprocessor: number;
  maxThreadsPerMultiProcessor: number;
}

/** @internal The index of an existing GPU; the current one where none is named. */
export function gpuIndex(device: GpuLike | null | undefined, what: string): number {
  const parsed = typeof device === 'number' ? parseDevice(`cuda:${device}`) : parseDevice(device ?? 'cuda');
  if (parsed?.type !== 'cuda') {
    throw invalidArgument('device', "the index of a GPU, or a device such as 'cuda:0'", device, 'ERR_DEVICE');
  }
  requireCuda(what);
  return usable(parsed).index ?? native.cudaCurrentDevice();
}

/**
 * Whether tensors can be put on a GPU here.
 *
 * @example
 * const device = torch.cuda.isAvailable() ? 'cuda' : 'cpu';
 */
export function isAvailable(): boolean {
  return native.cudaDeviceCount() > 0;
}

/**
 * How many GPUs can be used; 0 in a build for the CPU alone.
 *
 * @example
 * for (let i = 0; i < torch.cuda.deviceCount(); i++) console.log(torch.cuda.getDeviceName(i));
 */
export function deviceCount(): number {
  return native.cudaDeviceCount();
}

/**
 * The index of the GPU that `'cuda'` means.
 *
 * @example
 * torch.cuda.currentDevice(); // 0
 */
export function currentDevice(): number {
  requireCuda('cuda.currentDevice()');
  return native.cudaCurrentDevice();
}

/**
 * Makes a GPU the one that `'cuda'` means on this thread.
 *
 * @example
 * torch.cuda.setDevice(torch.distributed.getNodeLocalRank(0));
 */
export function setDevice(device: GpuLike): void {
  native.cudaSetDevice(gpuIndex(device, 'cuda.setDevice()'));
}

/**
 * The name of a GPU, such as `'NVIDIA H100 80GB HBM3'`.
 *
 * @example
 * torch.cuda.getDeviceName(); // 'NVIDIA H200'
 */
export function getDeviceName(device?: GpuLike): string {
  return native.cudaProperties(gpuIndex(device, 'cuda.getDeviceName()')).name;
}

/**
 * The compute capability of a GPU.
 *
 * @example
 * const [major, minor] = torch.cuda.getDeviceCapability();
 */
export function getDeviceCapability(device?: GpuLike): [major: number, minor: number] {
  const { major, minor } = native.cudaProperties(gpuIndex(device, 'cuda.getDeviceCapability()'));
  return [major, minor];
}

/**
 * What a GPU is: memory, processors, compute capability.
 *
 * @example
 * const { name, totalMemory } = torch.cuda.getDeviceProperties(0);
 */
export function getDeviceProperties(device?: GpuLike): DeviceProperties {
  const index = gpuIndex(device, 'cuda.getDeviceProperties()');
  return { index, ...native.cudaProperties(index) };
}

/**
 * Whether a GPU computes with bfloat16: from compute capability 8.0 on, and emulated before; false where there is none.
 *
 * @param includingEmulation whether emulation counts; default true.
 *
 * @example
 * const dtype = torch.cuda.isBf16Supported() ? torch.bfloat16 : torch.float16;
 */
export function isBf16Supported(includingEmulation = true): boolean {
  check('includingEmulation', includingEmulation, flag);
  return isAvailable() && (includingEmulation || getDeviceCapability()[0] >= 8);
}

/**
 * The architectures that libtorch's kernels were compiled for, such as `'sm_90'`; none where there is no GPU.
 *
 * @example
 * torch.cuda.getArchList(); // ['sm_80', 'sm_90']
 */
export function getArchList(): string[] {
  if (!isAvailable()) return [];
  return [...new Set(Array.from(native.buildConfig().matchAll(/code=((?:sm|compute)_\w+)/g), ([, arch]) => arch!))];
}

/**
 * The share of the last second or less in which a GPU ran kernels, in percent, as NVIDIA's driver tells.
 *
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU, or its driver has no NVML.
 *
 * @example
 * console.log(`${torch.cuda.utilization()}%`);
 */
export function utilization(device?: GpuLike): number {
  return native.cudaUtilization(gpuIndex(device, 'cuda.utilization()'))[0];
}

/**
 * The share of that time in which a GPU's memory was read or written, in percent.
 *
 * @example
 * console.log(`${torch.cuda.memoryUsage()}%`);
 */
export function memoryUsage(device?: GpuLike): number {
  return native.cudaUtilization(gpuIndex(device, 'cuda.memoryUsage()'))[1];
}

/**
 * Waits until a GPU has done everything that it was given.
 *
 * @example
 * torch.cuda.synchronize();
 * const seconds = (performance.now() - start) / 1000;
 */
export function synchronize(device?: GpuLike): void {
  native.cudaSynchronize(gpuIndex(device, 'cuda.synchronize()'));
}

// In the order of libtorch's enumeration.
const syncDebugModes = ['default', 'warn', 'error'] as const;

/** What happens when the host waits for a GPU: nothing, a warning, or an error. */
export type SyncDebugMode = (typeof syncDebugModes)[number];

/**
 * Finds waits of the host for a GPU: `'warn'` warns of them, `'error'` throws instead of waiting, `'default'` does neither. For all
 * threads of the process.
 *
 * Seen are `item()`, `tolist()`, operators whose shape depends on values, copies to and from the host without `nonBlocking`, a stream's
 * `synchronize()`. Not seen, as in PyTorch: {@link synchronize}, an event's `synchronize()`, and some of libtorch's operators.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for another mode, `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 *
 * @example
 * torch.cuda.setSyncDebugMode('error');
 * optimizer.step(); // does not throw: it waits for nothing
 * torch.cuda.setSyncDebugMode('default');
 * @see https://pytorch.org/docs/stable/generated/torch.cuda.set_sync_debug_mode.html
 */
export function setSyncDebugMode(mode: SyncDebugMode): void {
  const index = syncDebugModes.indexOf(mode);
  if (index < 0) throw invalidArgument('mode', `one of ${syncDebugModes.join(', ')}`, mode);
  requireCuda('cuda.setSyncDebugMode()');
  native.cudaSetSyncDebugMode(index);
}

/**
 * What {@link setSyncDebugMode} has set; at first `'default'`.
 *
 * @example
 * torch.cuda.getSyncDebugMode(); // 0
 */
export function getSyncDebugMode(): SyncDebugMode {
  requireCuda('cuda.getSyncDebugMode()');
  return syncDebugModes[native.cudaSyncDebugMode()]!;
}
