// The bytes of tensors, to files and from files, without a copy in JavaScript's memory.
import { native } from '../binding/index.js';
import { type Device, type DeviceLike, parseDevice } from '../device.js';
import { type Dtype, uint8 } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { empty } from '../ops/generated/functions.js';
import { type Handle, type Tensor, wrap } from '../tensor.js';
import { checkMoved, type OpenFile, shown } from './file.js';

declare module '../binding/index.js' {
  interface Native {
    /** Fills bytes of a contiguous host tensor from a file; returns 0, an errno, or -1 where the file ends. */
    fileRead(t: Handle, start: number, count: number, fd: number, position: number): number;
    /** Appends bytes of a contiguous host tensor to a file or a pipe; returns 0 or an errno. */
    fileWrite(t: Handle, start: number, count: number, fd: number): number;
    /** A file as a uint8 tensor that is read when it is looked at; the errno, negative, where it cannot be mapped. */
    fileMap(fd: number, size: number): Handle | number;
    /** Continues a zip archive's CRC-32 over bytes of a contiguous host tensor. */
    fileCrc(t: Handle, start: number, count: number, crc: number): number;
  }
}

/**
 * How many elements a tensor of a shape has, or infinitely many where libtorch can have none of that shape: it multiplies the sizes of an
 * empty tensor as well.
 */
export function elementsOf(shape: readonly number[]): number {
  const extent = shape.reduce((product, n) => product * Math.max(n, 1), 1);
  if (!(extent <= 2 ** 62) || !shape.every(Number.isSafeInteger)) return Number.POSITIVE_INFINITY;
  return shape.includes(0) ? 0 : extent;
}

/** The logical values of a tensor as a contiguous one in the host's memory: itself where it is that. */
export function onHost(tensor: Tensor): Tensor {
  return tensor.detach().resolveConj().resolveNeg().cpu().contiguous();
}

/** Appends the elements of an {@link onHost} tensor to a file. */
export function writeTensor(fd: number, host: Tensor): void {
  checkMoved(native.fileWrite(host.handle, 0, host.nbytes, fd));
}

/** A zip archive's CRC-32 of an {@link onHost} tensor's elements, continued from that of what comes before them. */
export function crcOf(host: Tensor, before = 0): number {
  return native.fileCrc(host.handle, 0, host.nbytes, before);
}

/** The bytes of an {@link onHost} tensor, copied in pieces of a few milliseconds' copying. */
export function* piecesOf(host: Tensor): Generator<Uint8Array<ArrayBuffer>> {
  const size = 1 << 23;
  if (host.nbytes === 0) return;
  const bytes = host.view([-1]).view(uint8);
  for (let at = 0; at < host.nbytes; at += size) {
    yield bytes.narrow(0, at, Math.min(size, host.nbytes - at)).toTypedArray<Uint8Array<ArrayBuffer>>();
  }
}

/** A new tensor with the elements that a file holds from `position` on. */
export function readTensor({ fd }: OpenFile, position: number, shape: readonly number[], dtype: Dtype): Tensor {
  const tensor = empty(shape, { dtype });
  if (tensor.nbytes > 0) checkMoved(native.fileRead(tensor.handle, 0, tensor.nbytes, fd, position));
  return tensor;
}

/** A file that is not empty as a uint8 tensor, which is read when it is looked at; writing to it does not change the file. */
export function mapFile({ fd, size, path }: OpenFile): Tensor {
  const handle = native.fileMap(fd, size);
  if (typeof handle !== 'number') return wrap(handle);
  throw new TorchClipError('ERR_FILE', `${shown(path)} cannot be mapped into memory: the system refuses it`);
}

/** A device that an option names. */
export function deviceOf(name: string, device: DeviceLike): Device {
  const parsed = parseDevice(device);
  if (parsed === undefined) throw invalidArgument(name, "a device such as 'cpu' or 'cuda:0'", device, 'ERR_DEVICE');
  return parsed;
}

/** A tensor that was just read, on its device. */
export function moved(tensor: Tensor, device: Device | undefined): Tensor {
  if (device === undefined || device.type === 'cpu') return tensor;
  const there = tensor.to({ device });
  tensor.dispose();
  return there;
}
