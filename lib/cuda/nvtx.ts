// Names for NVIDIA's profilers: Nsight Systems and Nsight Compute.
import { native } from '../binding/index.js';
import { check, text } from '../check.js';
import { TorchClipError } from '../errors.js';
import { refuseAsync, refusePromise } from '../sync.js';

declare module '../binding/index.js' {
  interface Native {
    /** In a build with CUDA, and so are those below. */
    nvtxPush(message: string): number;
    nvtxPop(): number;
    nvtxMark(message: string): void;
    nvtxStart(message: string): bigint;
    nvtxEnd(id: bigint): void;
  }
}

function needsBuild(): void {
  if (native.cudaBuilt()) return;
  throw new TorchClipError(
    'ERR_CUDA_UNAVAILABLE',
    'NVTX is part of builds with CUDA, and this is a build for the CPU alone: run `npx torch-clip install cu130` and `npx torch-clip build cuda`',
  );
}

const message = (value: unknown): string => check('message', value, text);

/**
 * Begins a range on this thread; returns its depth, from 0. A build with CUDA has it, also without a GPU.
 *
 * @example
 * torch.cuda.nvtx.rangePush('forward');
 * model.forward(x);
 * torch.cuda.nvtx.rangePop();
 */
export function rangePush(msg: string): number {
  const checked = message(msg);
  needsBuild();
  return native.nvtxPush(checked);
}

/**
 * Ends the last range that {@link rangePush} began on this thread; returns its depth.
 *
 * @example
 * torch.cuda.nvtx.rangePop();
 */
export function rangePop(): number {
  needsBuild();
  return native.nvtxPop();
}

/**
 * Begins a range that may end on another thread, and not in order; returns what {@link rangeEnd} takes.
 *
 * @example
 * const id = torch.cuda.nvtx.rangeStart('epoch');
 */
export function rangeStart(msg: string): bigint {
  const checked = message(msg);
  needsBuild();
  return native.nvtxStart(checked);
}

/**
 * Ends a range of {@link rangeStart}.
 *
 * @example
 * torch.cuda.nvtx.rangeEnd(id);
 */
export function rangeEnd(rangeId: bigint): void {
  if (typeof rangeId !== 'bigint' || rangeId < 0n || rangeId >= 2n ** 64n) {
    throw new TorchClipError('ERR_ARGUMENT', '"rangeId" must be what rangeStart() returned');
  }
  needsBuild();
  native.nvtxEnd(rangeId);
}

/**
 * Notes a moment.
 *
 * @example
 * torch.cuda.nvtx.mark('the first batch');
 */
export function mark(msg: string): void {
  const checked = message(msg);
  needsBuild();
  native.nvtxMark(checked);
}

/**
 * Runs `body`, a synchronous function, in a range.
 *
 * @example
 * torch.cuda.nvtx.range('forward', () => model.forward(x));
 */
export function range<T>(msg: string, body: () => T): T {
  refuseAsync('cuda.nvtx.range', body);
  rangePush(msg);
  try {
    return refusePromise('cuda.nvtx.range', body());
  } finally {
    rangePop();
  }
}
