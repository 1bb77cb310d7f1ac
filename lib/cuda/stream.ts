import { native } from '../binding/index.js';
import { anything, check, flag, instance, integer } from '../check.js';
import { Device } from '../device.js';
import { optionsOf } from '../options.js';
import { type Handle, Tensor } from '../tensor.js';
import { requireCuda } from './available.js';
import { type GpuLike, gpuIndex } from './device.js';

declare const brand: unique symbol;
type NativeStream = { readonly [brand]: 'stream' };
type NativeEvent = { readonly [brand]: 'event' };

declare module '../binding/index.js' {
  interface Native {
    cudaNewStream(device: number, highPriority: boolean): NativeStream;
    cudaCurrentStream(device: number): NativeStream;
    cudaDefaultStream(device: number): NativeStream;
    cudaExchangeStream(stream: NativeStream): NativeStream;
    cudaStreamDevice(stream: NativeStream): number;
    cudaSameStream(a: NativeStream, b: NativeStream): boolean;
    cudaQueryStream(stream: NativeStream): boolean;
    cudaSynchronizeStream(stream: NativeStream): void;
    cudaWaitEvent(stream: NativeStream, event: NativeEvent): void;
    cudaRecordStream(t: Handle, stream: NativeStream): void;
    cudaNewEvent(enableTiming: boolean): NativeEvent;
    cudaRecordEvent(event: NativeEvent, stream: NativeStream): void;
    cudaQueryEvent(event: NativeEvent): boolean;
    cudaSynchronizeEvent(event: NativeEvent): void;
    cudaElapsedTime(from: NativeEvent, to: NativeEvent): number;
  }
}

declare module '../tensor.js' {
  interface Tensor {
    /**
     * Keeps this tensor's memory, made in one stream and used in another, from being given away before the other has done
     * what is in it now.
     */
    recordStream(stream: Stream): void;
  }
}

/** Options of a new {@link Stream}. */
export interface StreamOptions {
  /** The GPU; default the current one. */
  device?: GpuLike | null;
  /** Below 0: before other streams. Default: 0. */
  priority?: number;
}

const made = Symbol('an existing stream');

const readStream = optionsOf('cuda.Stream', { device: [anything, undefined], priority: [integer(), 0] });
const readEvent = optionsOf('cuda.Event', { enableTiming: [flag, false] });

/**
 * A queue of work on a GPU: what is in one stream runs in order, what is in two may run at once.
 *
 * @example
 * const side = new torch.cuda.Stream();
 * const y = torch.cuda.stream(side, () => x.matmul(w));
 * torch.cuda.currentStream().waitStream(side);
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 */
export class Stream {
  /** @internal */
  readonly native: NativeStream;

  constructor(options?: StreamOptions);
  /** @internal */
  constructor(options: typeof made, stream: NativeStream);
  constructor(options: StreamOptions | typeof made = {}, stream?: NativeStream) {
    if (options === made) {
      this.native = stream!;
      return;
    }
    const { device, priority } = readStream(options);
    this.native = native.cudaNewStream(gpuIndex(device as GpuLike | null | undefined, 'cuda.Stream'), priority < 0);
  }

  /** The GPU that it runs on. */
  get device(): Device {
    return new Device('cuda', native.cudaStreamDevice(this.native));
  }
  /** Whether everything in it is done. */
  query(): boolean {
    return native.cudaQueryStream(this.native);
  }
  /** Waits until everything in it is done. */
  synchronize(): void {
    native.cudaSynchronizeStream(this.native);
  }
  /** What comes later in this stream waits for the event; the host does not. */
  waitEvent(event: Event): void {
    native.cudaWaitEvent(this.native, eventOf(event));
  }
  /** What comes later in this stream waits for what is in the other one now. */
  waitStream(stream: Stream): void {
    this.waitEvent(streamOf(stream).recordEvent());
  }
  /** An event, a new one by default, that comes when what is in the stream now is done. */
  recordEvent(event: Event = new Event()): Event {
    event.record(this);
    return event;
  }
  /** Whether the other object is the same stream. */
  isSame(other: Stream): boolean {
    return native.cudaSameStream(this.native, streamOf(other).native);
  }
}

/**
 * A mark in a stream, to wait for or to take the time between two of.
 *
 * @example
 * const start = new torch.cuda.Event({ enableTiming: true });
 * const end = new torch.cuda.Event({ enableTiming: true });
 * start.record();
 * x.matmul(w);
 * end.record();
 * end.synchronize();
 * console.log(start.elapsedTime(end)); // milliseconds
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 */
export class Event {
  /** @internal */
  readonly native: NativeEvent;

  /** @param options.enableTiming whether {@link elapsedTime} can be asked; default false. */
  constructor(options: { enableTiming?: boolean } = {}) {
    const { enableTiming } = readEvent(options);
    requireCuda('cuda.Event');
    this.native = native.cudaNewEvent(enableTiming);
  }

  /** Puts the mark behind what is in the stream, by default the current one. */
  record(stream: Stream = currentStream()): void {
    native.cudaRecordEvent(this.native, streamOf(stream).native);
  }
  /** What comes later in the stream, by default the current one, waits for the event; the host does not. */
  wait(stream: Stream = currentStream()): void {
    streamOf(stream).waitEvent(this);
  }
  /** Whether everything before the mark is done. */
  query(): boolean {
    return native.cudaQueryEvent(this.native);
  }
  /** Waits until everything before the mark is done. */
  synchronize(): void {
    native.cudaSynchronizeEvent(this.native);
  }
  /** Milliseconds between this event and a later one, both made with `enableTiming` and over. */
  elapsedTime(end: Event): number {
    return native.cudaElapsedTime(this.native, eventOf(end));
  }
}

function streamOf(value: unknown): Stream {
  return check('stream', value, instance(Stream, 'a cuda.Stream'));
}

function eventOf(value: unknown): NativeEvent {
  return check('event', value, instance(Event, 'a cuda.Event')).native;
}

Object.defineProperty(Tensor.prototype, 'recordStream', {
  value(this: Tensor, stream: Stream): void {
    native.cudaRecordStream(this.handle, streamOf(stream).native);
  },
  writable: true,
  configurable: true,
});

/**
 * The stream that a GPU's work goes to now.
 *
 * @example
 * torch.cuda.currentStream().synchronize();
 */
export function currentStream(device?: GpuLike): Stream {
  return new Stream(made, native.cudaCurrentStream(gpuIndex(device, 'cuda.currentStream()')));
}

/**
 * The stream that a GPU's work goes to unless another is chosen.
 *
 * @example
 * side.waitStream(torch.cuda.defaultStream());
 */
export function defaultStream(device?: GpuLike): Stream {
  return new Stream(made, native.cudaDefaultStream(gpuIndex(device, 'cuda.defaultStream()')));
}
