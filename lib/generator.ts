import { types } from 'node:util';
import { native } from './binding/index.js';
import { kind } from './check.js';
import { usable } from './cuda/available.js';
import { aDevice, Device, type DeviceLike, parseDevice } from './device.js';
import { invalidArgument } from './errors.js';
import { optionsOf } from './options.js';
import { type Handle, handleOf, type Tensor, wrap } from './tensor.js';

declare module './binding/index.js' {
  interface Native {
    makeGenerator(gpu?: number): Handle;
    generatorDevice(generator: Handle): number;
    /** The CPU's, or that of an existing GPU. */
    defaultGenerator(gpu?: number): Handle;
    generatorSeed(generator: Handle, seed?: number | bigint): bigint;
    generatorRandomSeed(generator: Handle): bigint;
    generatorState(generator: Handle): Handle;
    generatorSetState(generator: Handle, state: Handle): void;
  }
}

/** @internal Checks a seed as PyTorch takes it: any integer of 64 bits. */
export function checkSeed(seed: unknown): number | bigint {
  const fits =
    typeof seed === 'number'
      ? Number.isSafeInteger(seed)
      : typeof seed === 'bigint' && seed >= -(2n ** 63n) && seed < 2n ** 64n;
  if (!fits) throw invalidArgument('seed', 'an integer of 64 bits', seed);
  return seed as number | bigint;
}

const readGenerator = optionsOf('Generator', {
  device: [kind<DeviceLike>(aDevice, (value) => parseDevice(value) !== undefined, 'ERR_DEVICE'), 'cpu'],
});

/** The index of the GPU that is asked for; undefined for the CPU. */
function gpuOf(options: unknown): number | undefined {
  const device = parseDevice(readGenerator(options).device)!;
  if (device.type !== 'cpu' && device.type !== 'cuda') {
    throw invalidArgument('device', 'the CPU or a GPU', device.toString(), 'ERR_DEVICE');
  }
  return device.type === 'cpu' ? undefined : (usable(device).index ?? native.cudaCurrentDevice());
}

/**
 * A stream of random numbers of its own (Mersenne Twister on the CPU, the same numbers as PyTorch's for the same seed).
 *
 * @example
 * const g = new torch.Generator().manualSeed(1);
 * const x = torch.randn([3], { generator: g });
 */
export class Generator {
  /** @internal */
  readonly handle: Handle;

  /**
   * A generator with PyTorch's default seed.
   *
   * @param options.device where its numbers are drawn; default the CPU.
   * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` for a GPU where there is none.
   */
  constructor(options?: { device?: DeviceLike });
  /** @internal */
  constructor(handle: Handle);
  constructor(given?: { device?: DeviceLike } | Handle) {
    this.handle = types.isExternal(given) ? (given as Handle) : native.makeGenerator(gpuOf(given));
  }

  /** Where its numbers are drawn. */
  get device(): Device {
    const gpu = native.generatorDevice(this.handle);
    return gpu < 0 ? new Device('cpu') : new Device('cuda', gpu);
  }

  /** Starts the stream at `seed`, an integer of 64 bits; returns this generator. */
  manualSeed(seed: number | bigint): this {
    native.generatorSeed(this.handle, checkSeed(seed));
    return this;
  }

  /** The seed that the stream started at. */
  initialSeed(): bigint {
    return native.generatorSeed(this.handle);
  }

  /** Starts the stream at a seed from the operating system and returns that seed. */
  seed(): bigint {
    return native.generatorRandomSeed(this.handle);
  }

  /** The state as a uint8 tensor, as PyTorch stores it. */
  getState(): Tensor {
    return wrap(native.generatorState(this.handle));
  }

  /** Continues from a state of {@link Generator.getState}; `ERR_LIBTORCH` when it is not one. */
  setState(state: Tensor): this {
    native.generatorSetState(this.handle, handleOf(state));
    return this;
  }
}
