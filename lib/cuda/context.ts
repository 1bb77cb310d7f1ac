// The current GPU and what is asked of it.
import { native } from '../binding/index.js';
import { invalidArgument } from '../errors.js';
import { refuseAsync, refusePromise } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';
import { requireCuda } from './available.js';
import { type GpuLike, getDeviceCapability, gpuIndex, isAvailable, memoryStats } from './device.js';
import { type CaptureOptions, Graph, isCapturing } from './graph.js';

/**
 * Runs `body` with another GPU as the current one, as `with torch.cuda.device(...)`; the one before is restored, also when `body` throws.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 *
 * @example
 * torch.cuda.device(1, () => torch.zeros([2], { device: 'cuda' }));
 */
export function device<T>(gpu: GpuLike, body: () => T): T {
  const index = gpuIndex(gpu, 'cuda.device()');
  refuseAsync('cuda.device', body);
  const before = native.cudaCurrentDevice();
  native.cudaSetDevice(index);
  try {
    return refusePromise('cuda.device', body());
  } finally {
    native.cudaSetDevice(before);
  }
}

/** {@link device} with the GPU of a tensor; a tensor that is on none changes nothing. */
export function deviceOf<T>(tensor: Tensor, body: () => T): T {
  if (!isTensor(tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  if (tensor.device.type === 'cuda') return device(String(tensor.device) as GpuLike, body);
  refuseAsync('cuda.deviceOf', body);
  return refusePromise('cuda.deviceOf', body());
}

/** Has a graph record what `body` starts, as `with torch.cuda.graph(...)`: {@link Graph.capture}. */
export function graph<T>(target: Graph, body: () => T, options?: CaptureOptions): T {
  if (!(target instanceof Graph)) throw invalidArgument('graph', 'a cuda.Graph', target);
  return target.capture(body, options);
}

/** Whether a graph is being recorded. */
export const isCurrentStreamCapturing = (): boolean => isCapturing();

/** Starts CUDA, which the first use of a GPU does by itself. */
export function init(): void {
  requireCuda('cuda.init()');
}

/** Whether CUDA can be used; there is nothing to be started. */
export const isInitialized = (): boolean => isAvailable();

/** Whether the current GPU has bfloat16 arithmetic: from compute capability 8.0 on. */
export const isBf16Supported = (): boolean => isAvailable() && getDeviceCapability()[0] >= 8;

/** Whether the current GPU has TF32 arithmetic: from compute capability 8.0 on. */
export const isTf32Supported = (): boolean => isBf16Supported();

/** The allocator's numbers of a GPU as a table to read: now, the peak, and all that was allocated and freed, in bytes. */
export function memorySummary(gpu?: GpuLike): string {
  const stats = memoryStats(gpu);
  const rows = ['allocated_bytes', 'active_bytes', 'requested_bytes', 'reserved_bytes'].map((name) => {
    const values = ['current', 'peak', 'allocated', 'freed'].map((kind) => stats[`${name}.all.${kind}`] ?? 0);
    return [name.replace('_bytes', ''), ...values.map((value) => value.toLocaleString('en-US'))];
  });
  const table = [['bytes', 'now', 'peak', 'allocated', 'freed'], ...rows];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}
