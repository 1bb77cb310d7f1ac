// The GPUs, and what libtorch keeps on them.
import { native } from '../binding/index.js';
import { type DeviceLike, parseDevice } from '../device.js';
import { invalidArgument } from '../errors.js';
import { checkSeed } from '../generator.js';
import { requireCuda, usable } from './available.js';

declare module '../binding/index.js' {
  interface Native {
    cudaCurrentDevice(): number;
    cudaSetDevice(device: number): void;
    cudaSynchronize(device: number): void;
    cudaManualSeed(device: number, seed: number | bigint): void;
    cudaMemoryStats(device: number): Record<string, number>;
    cudaResetPeak(device: number): void;
    cudaEmptyCache(): void;
    /** In a build with CUDA, and so are those below. */
    cudaProperties(device: number): Omit<DeviceProperties, 'index'>;
    cudaMemoryInfo(device: number): [free: number, total: number];
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

/** @internal The index of a GPU that there is; the current one where none is named. */
export function gpuIndex(device: GpuLike | null | undefined, what: string): number {
  const parsed = typeof device === 'number' ? parseDevice(`cuda:${device}`) : parseDevice(device ?? 'cuda');
  if (parsed?.type !== 'cuda') {
    throw invalidArgument('device', "the index of a GPU, or a device such as 'cuda:0'", device, 'ERR_DEVICE');
  }
  requireCuda(what);
  return usable(parsed).index ?? native.cudaCurrentDevice();
}

/** Whether tensors can be put on a GPU here. */
export function isAvailable(): boolean {
  return native.cudaDeviceCount() > 0;
}

/** How many GPUs can be used; 0 in a build for the CPU alone. */
export function deviceCount(): number {
  return native.cudaDeviceCount();
}

/** The index of the GPU that `'cuda'` means. */
export function currentDevice(): number {
  requireCuda('cuda.currentDevice()');
  return native.cudaCurrentDevice();
}

/** Makes a GPU the one that `'cuda'` means on this thread. */
export function setDevice(device: GpuLike): void {
  native.cudaSetDevice(gpuIndex(device, 'cuda.setDevice()'));
}

/** The name of a GPU, such as `'NVIDIA H100 80GB HBM3'`. */
export function getDeviceName(device?: GpuLike): string {
  return native.cudaProperties(gpuIndex(device, 'cuda.getDeviceName()')).name;
}

/** The compute capability of a GPU. */
export function getDeviceCapability(device?: GpuLike): [major: number, minor: number] {
  const { major, minor } = native.cudaProperties(gpuIndex(device, 'cuda.getDeviceCapability()'));
  return [major, minor];
}

/** What a GPU is: memory, processors, compute capability. */
export function getDeviceProperties(device?: GpuLike): DeviceProperties {
  const index = gpuIndex(device, 'cuda.getDeviceProperties()');
  return { index, ...native.cudaProperties(index) };
}

/** Waits until a GPU has done everything that it was given. */
export function synchronize(device?: GpuLike): void {
  native.cudaSynchronize(gpuIndex(device, 'cuda.synchronize()'));
}

/**
 * Seeds the generator of the current GPU; does nothing where there is none, as in PyTorch.
 *
 * @param seed an integer of 64 bits.
 */
export function manualSeed(seed: number | bigint): void {
  checkSeed(seed);
  if (isAvailable()) native.cudaManualSeed(native.cudaCurrentDevice(), seed);
}

/** {@link manualSeed} for all GPUs. */
export function manualSeedAll(seed: number | bigint): void {
  checkSeed(seed);
  for (let i = 0; i < deviceCount(); i++) native.cudaManualSeed(i, seed);
}

/**
 * What the allocator of a GPU has done, under PyTorch's own names: `'allocated_bytes.all.current'`,
 * `'reserved_bytes.all.peak'`, `'num_ooms'` and so on. Empty before the first allocation, and where there is no GPU.
 */
export function memoryStats(device?: GpuLike): Record<string, number> {
  return isAvailable() ? native.cudaMemoryStats(gpuIndex(device, 'cuda.memoryStats()')) : {};
}

const statistic =
  (name: string) =>
  (device?: GpuLike): number =>
    memoryStats(device)[name] ?? 0;

/** Bytes of a GPU's memory that tensors hold. */
export const memoryAllocated: (device?: GpuLike) => number = statistic('allocated_bytes.all.current');
/** The most bytes that tensors held since the start or {@link resetPeakMemoryStats}. */
export const maxMemoryAllocated: (device?: GpuLike) => number = statistic('allocated_bytes.all.peak');
/** Bytes of a GPU's memory that libtorch holds, for tensors and for later. */
export const memoryReserved: (device?: GpuLike) => number = statistic('reserved_bytes.all.current');
/** The most bytes that libtorch held since the start or {@link resetPeakMemoryStats}. */
export const maxMemoryReserved: (device?: GpuLike) => number = statistic('reserved_bytes.all.peak');

/** Makes what is held now the most that was held. */
export function resetPeakMemoryStats(device?: GpuLike): void {
  if (isAvailable()) native.cudaResetPeak(gpuIndex(device, 'cuda.resetPeakMemoryStats()'));
}

/** Gives the memory that no tensor holds back to the driver, for other processes to use. */
export function emptyCache(): void {
  native.cudaEmptyCache();
}

/** Bytes of a GPU's memory that are free, and all of them, whoever holds them. */
export function memGetInfo(device?: GpuLike): [free: number, total: number] {
  return native.cudaMemoryInfo(gpuIndex(device, 'cuda.memGetInfo()'));
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

/** What {@link setSyncDebugMode} has set; at first `'default'`. */
export function getSyncDebugMode(): SyncDebugMode {
  requireCuda('cuda.getSyncDebugMode()');
  return syncDebugModes[native.cudaSyncDebugMode()]!;
}
