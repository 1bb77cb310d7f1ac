// What libtorch's allocator keeps on the GPUs.
import { native } from '../binding/index.js';
import { check, flag, number, numberIn } from '../check.js';
import { optionsOf } from '../options.js';
import { type GpuLike, gpuIndex, isAvailable } from './device.js';

declare module '../binding/index.js' {
  interface Native {
    cudaMemoryStats(device: number): Record<string, number>;
    cudaResetPeak(device: number): void;
    cudaResetAccumulated(device: number): void;
    cudaEmptyCache(): void;
    /** In a build with CUDA, and so are those below. */
    cudaMemoryInfo(device: number): [free: number, total: number];
    cudaMemoryFraction(device: number, fraction?: number): number;
    cudaMemorySnapshot(): MemorySegment[];
  }
}

/**
 * What the allocator of a GPU has done, under PyTorch's own names: `'allocated_bytes.all.current'`,
 * `'reserved_bytes.all.peak'`, `'num_ooms'` and so on. Empty before the first allocation, and where there is no GPU.
 *
 * @example
 * console.log(torch.cuda.memoryStats()['num_ooms']);
 */
export function memoryStats(device?: GpuLike): Record<string, number> {
  return isAvailable() ? native.cudaMemoryStats(gpuIndex(device, 'cuda.memoryStats()')) : {};
}

const statistic =
  (name: string) =>
  (device?: GpuLike): number =>
    memoryStats(device)[name] ?? 0;

/**
 * Bytes of a GPU's memory that tensors hold.
 *
 * @example
 * console.log(torch.cuda.memoryAllocated() / 2 ** 20, 'MB');
 */
export const memoryAllocated: (device?: GpuLike) => number = statistic('allocated_bytes.all.current');
/**
 * The most bytes that tensors held since the start or {@link resetPeakMemoryStats}.
 *
 * @example
 * torch.cuda.resetPeakMemoryStats();
 * step();
 * console.log(torch.cuda.maxMemoryAllocated());
 */
export const maxMemoryAllocated: (device?: GpuLike) => number = statistic('allocated_bytes.all.peak');
/**
 * Bytes of a GPU's memory that libtorch holds, for tensors and for later.
 *
 * @example
 * console.log(torch.cuda.memoryReserved() - torch.cuda.memoryAllocated());
 */
export const memoryReserved: (device?: GpuLike) => number = statistic('reserved_bytes.all.current');
/**
 * The most bytes that libtorch held since the start or {@link resetPeakMemoryStats}.
 *
 * @example
 * console.log(torch.cuda.maxMemoryReserved('cuda:1'));
 */
export const maxMemoryReserved: (device?: GpuLike) => number = statistic('reserved_bytes.all.peak');

/**
 * Makes what is held now the most that was held.
 *
 * @example
 * torch.cuda.resetPeakMemoryStats();
 */
export function resetPeakMemoryStats(device?: GpuLike): void {
  if (isAvailable()) native.cudaResetPeak(gpuIndex(device, 'cuda.resetPeakMemoryStats()'));
}

/**
 * Makes the sums of {@link memoryStats}, such as `'allocation.all.allocated'` and `'num_ooms'`, begin at 0 again.
 *
 * @example
 * torch.cuda.resetAccumulatedMemoryStats();
 */
export function resetAccumulatedMemoryStats(device?: GpuLike): void {
  if (isAvailable()) native.cudaResetAccumulated(gpuIndex(device, 'cuda.resetAccumulatedMemoryStats()'));
}

/**
 * Gives the memory that no tensor holds back to the driver, for other processes to use.
 *
 * @example
 * torch.cuda.emptyCache();
 */
export function emptyCache(): void {
  native.cudaEmptyCache();
}

/**
 * Bytes of a GPU's memory that are free, and all of them, whoever holds them.
 *
 * @example
 * const [free, total] = torch.cuda.memGetInfo();
 */
export function memGetInfo(device?: GpuLike): [free: number, total: number] {
  return native.cudaMemoryInfo(gpuIndex(device, 'cuda.memGetInfo()'));
}

/**
 * Limits this process to a part of a GPU's memory; an allocation beyond it fails with `ERR_OUT_OF_MEMORY`.
 *
 * @param fraction from 0 to 1.
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 *
 * @example
 * torch.cuda.setPerProcessMemoryFraction(0.5);
 */
export function setPerProcessMemoryFraction(fraction: number, device?: GpuLike): void {
  check('fraction', fraction, numberIn('[0, 1]'));
  native.cudaMemoryFraction(gpuIndex(device, 'cuda.setPerProcessMemoryFraction()'), fraction);
}

/**
 * The part of a GPU's memory that this process may use; 1 unless {@link setPerProcessMemoryFraction} has set another.
 *
 * @example
 * torch.cuda.getPerProcessMemoryFraction(); // 1
 */
export function getPerProcessMemoryFraction(device?: GpuLike): number {
  return native.cudaMemoryFraction(gpuIndex(device, 'cuda.getPerProcessMemoryFraction()'));
}

/** Memory that libtorch holds from the driver, under PyTorch's names. Sizes are in bytes. */
export interface MemorySegment {
  device: number;
  address: bigint | number;
  total_size: number;
  allocated_size: number;
  active_size: number;
  requested_size: number;
  stream: bigint | number;
  segment_type: 'large' | 'small';
  is_expandable: boolean;
  blocks: {
    address: bigint | number;
    size: number;
    requested_size: number;
    state: 'active_allocated' | 'active_pending_free' | 'inactive';
  }[];
}

/**
 * The memory that libtorch holds now on all GPUs, and how it is divided; none where there is no GPU.
 *
 * @example
 * const largest = torch.cuda.memorySnapshot().sort((a, b) => b.total_size - a.total_size)[0];
 * @see https://pytorch.org/docs/stable/generated/torch.cuda.memory.memory_snapshot.html
 */
export function memorySnapshot(): MemorySegment[] {
  return isAvailable() ? native.cudaMemorySnapshot() : [];
}

const readSummary = optionsOf('cuda.memorySummary()', { abbreviated: [flag, false] });

const suffixes = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
/** In the unit in which it has at most four digits, as PyTorch has it. */
function size(bytes: number): string {
  let [value, power] = [bytes, 0];
  while (power + 1 < suffixes.length && Math.abs(value) >= 10_240) {
    value = Math.floor(value / 1024);
    power++;
  }
  return `${String(value).padStart(7)} ${suffixes[power]!.padEnd(3)}`;
}
function amount(count: number): string {
  let [value, power] = [count, 0];
  while (Math.abs(value) >= 100_000 && power < 2) {
    value = Math.floor(value / 1000);
    power++;
  }
  return `${String(value).padStart(7)} ${['', 'K', 'M'][power]!.padEnd(3)}`;
}

const rows: [title: string, name: string, format: (value: number) => string][] = [
  ['Allocated memory', 'allocated_bytes', size],
  ['Active memory', 'active_bytes', size],
  ['Requested memory', 'requested_bytes', size],
  ['GPU reserved memory', 'reserved_bytes', size],
  ['Non-releasable memory', 'inactive_split_bytes', size],
  ['Allocations', 'allocation', amount],
  ['Active allocs', 'active', amount],
  ['GPU reserved segments', 'segment', amount],
  ['Non-releasable allocs', 'inactive_split', amount],
];
const [pools, values] = [
  { all: '', large_pool: 'from large pool', small_pool: 'from small pool' },
  { current: 'Cur Usage', peak: 'Peak Usage', allocated: 'Tot Alloc', freed: 'Tot Freed' },
];

/**
 * {@link memoryStats} as a table: what is held now, at the most, and what came and went.
 *
 * @param options.abbreviated without the lines of the two pools; default false.
 *
 * @example
 * console.log(torch.cuda.memorySummary());
 */
export function memorySummary(device?: GpuLike, options: { abbreviated?: boolean } = {}): string {
  const { abbreviated } = readSummary(options);
  const index = isAvailable() ? gpuIndex(device, 'cuda.memorySummary()') : 0;
  const stats = memoryStats(index);
  const value = (name: string) => check(name, stats[name] ?? 0, number);
  const cell = (text: string) => ` ${text.padEnd(11)} `;
  const line = (title: string, cells: string[]) => `| ${title.padEnd(21)} |${cells.map(cell).join('|')}|`;
  const rule = '-'.repeat(line('', Object.values(values)).length - 2);
  const body = rows.flatMap(([title, name, format]) =>
    Object.entries(pools)
      .filter(([pool]) => !abbreviated || pool === 'all')
      .map(([pool, words]) =>
        line(
          words === '' ? title : `      ${words}`,
          Object.keys(values).map((column) => format(value(`${name}.${pool}.${column}`))),
        ),
      ),
  );
  const failures = `CUDA OOMs: ${value('num_ooms')}   |   cudaMalloc retries: ${value('num_alloc_retries')}`;
  return [
    `|${'='.repeat(rule.length)}|`,
    `|${`PyTorch CUDA memory summary, device ID ${index}`.padEnd(rule.length)}|`,
    `|${rule}|`,
    `|${failures.padEnd(rule.length)}|`,
    `|${'='.repeat(rule.length)}|`,
    line('Metric', Object.values(values)),
    `|${rule}|`,
    ...body,
    `|${'='.repeat(rule.length)}|`,
    '',
  ].join('\n');
}
