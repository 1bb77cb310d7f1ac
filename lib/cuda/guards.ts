import { native } from '../binding/index.js';
import { check, instance } from '../check.js';
import { invalidArgument } from '../errors.js';
import { refuseAsync, refusePromise } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';
import { type GpuLike, gpuIndex } from './device.js';
import { Stream } from './stream.js';

/**
 * What puts back what was before, at the end of the block that has it as `using`, or when its `dispose` is called; a second time
 * does nothing.
 */
export interface Guard extends Disposable {
  dispose(): void;
}

function guard(restore: () => void): Guard {
  let open = true;
  const dispose = () => {
    if (!open) return;
    open = false;
    restore();
  };
  return { dispose, [Symbol.dispose]: dispose };
}

function run<T>(name: string, guard: Guard, body: () => T): T {
  try {
    return refusePromise(name, body());
  } finally {
    guard.dispose();
  }
}

const streamKind = instance(Stream, 'a cuda.Stream');

function useStream(chosen: Stream): Guard {
  const device = native.cudaCurrentDevice();
  const before = native.cudaExchangeStream(chosen.native);
  const restore = () => {
    native.cudaExchangeStream(before);
    native.cudaSetDevice(device);
  };
  try {
    native.cudaSetDevice(native.cudaStreamDevice(chosen.native));
  } catch (error) {
    restore();
    throw error;
  }
  return guard(restore);
}

/**
 * Runs `body` with a stream, and its GPU, as the current one; both are restored, also when `body` throws.
 *
 * Without a body it returns a {@link Guard}. One that is held across an `await` stays in force for whatever else runs on this thread
 * meanwhile; guards are to be disposed in the reverse order in which they were made.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns. A tensor that is used in another stream must be waited for there
 * ({@link Stream.waitStream}); one that was made outside and is dropped meanwhile, recorded ({@link Tensor.recordStream}).
 *
 * @example
 * const y = torch.cuda.stream(side, () => x.matmul(w));
 * {
 *   using _ = torch.cuda.stream(side);
 *   await train();
 * }
 */
export function stream<T>(stream: Stream, body: () => T): T;
export function stream(stream: Stream): Guard;
export function stream<T>(stream: Stream, body?: () => T): T | Guard {
  const chosen = check('stream', stream, streamKind);
  if (body === undefined) return useStream(chosen);
  refuseAsync('cuda.stream', body);
  return run('cuda.stream', useStream(chosen), body);
}

/**
 * Makes a stream, and its GPU, the current one of this thread, until another is set.
 *
 * @example
 * torch.cuda.setStream(new torch.cuda.Stream());
 */
export function setStream(stream: Stream): void {
  const chosen = check('stream', stream, streamKind);
  native.cudaExchangeStream(chosen.native);
  native.cudaSetDevice(native.cudaStreamDevice(chosen.native));
}

function useDevice(index: number): Guard {
  const before = native.cudaCurrentDevice();
  native.cudaSetDevice(index);
  return guard(() => native.cudaSetDevice(before));
}

/**
 * Runs `body` with a GPU as the one that `'cuda'` means; the one before is restored, also when `body` throws. Without a body it returns
 * a {@link Guard}.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 *
 * @example
 * const x = torch.cuda.device(1, () => torch.zeros([2], { device: 'cuda' })); // on cuda:1
 */
export function device<T>(device: GpuLike, body: () => T): T;
export function device(device: GpuLike): Guard;
export function device<T>(device: GpuLike, body?: () => T): T | Guard {
  if (body !== undefined) refuseAsync('cuda.device', body);
  const chosen = useDevice(gpuIndex(device, 'cuda.device()'));
  return body === undefined ? chosen : run('cuda.device', chosen, body);
}

/**
 * As {@link device}, with the GPU that a tensor lies on; one that lies elsewhere changes nothing.
 *
 * @example
 * torch.cuda.deviceOf(x, () => torch.empty([2], { device: 'cuda' }));
 */
export function deviceOf<T>(tensor: Tensor, body: () => T): T;
export function deviceOf(tensor: Tensor): Guard;
export function deviceOf<T>(tensor: Tensor, body?: () => T): T | Guard {
  if (!isTensor(tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  if (body !== undefined) refuseAsync('cuda.deviceOf', body);
  const { type, index } = tensor.device;
  const chosen = type === 'cuda' ? useDevice(index!) : guard(() => {});
  return body === undefined ? chosen : run('cuda.deviceOf', chosen, body);
}
