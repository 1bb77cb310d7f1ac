// The random numbers of GPUs.

import { native } from '../binding/index.js';
import { arrayOf, check } from '../check.js';
import { mustHave } from '../errors.js';
import { checkSeed, Generator } from '../generator.js';
import { tensor } from '../kinds.js';
import type { Tensor } from '../tensor.js';
import { deviceCount, type GpuLike, gpuIndex, isAvailable } from './device.js';

declare module '../binding/index.js' {
  interface Native {
    cudaManualSeed(device: number, seed: number | bigint): void;
  }
}

/**
 * Seeds the generator of the current GPU; does nothing where there is none, as in PyTorch.
 *
 * @param seed an integer of 64 bits.
 *
 * @example
 * torch.cuda.manualSeed(0);
 */
export function manualSeed(seed: number | bigint): void {
  checkSeed(seed);
  if (isAvailable()) native.cudaManualSeed(native.cudaCurrentDevice(), seed);
}

/**
 * {@link manualSeed} for all GPUs.
 *
 * @example
 * torch.cuda.manualSeedAll(0);
 */
export function manualSeedAll(seed: number | bigint): void {
  checkSeed(seed);
  for (let i = 0; i < deviceCount(); i++) native.cudaManualSeed(i, seed);
}

/**
 * The default generators of all GPUs; empty where there is none.
 *
 * @example
 * const [first] = torch.cuda.defaultGenerators();
 */
export function defaultGenerators(): Generator[] {
  return Array.from({ length: deviceCount() }, (_, i) => new Generator(native.defaultGenerator(i)));
}

const generatorOf = (device: GpuLike | undefined, what: string) =>
  new Generator(native.defaultGenerator(gpuIndex(device, what)));

/**
 * The state of a GPU's default generator as a uint8 tensor; default the current GPU.
 *
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 *
 * @example
 * const state = torch.cuda.getRngState();
 */
export function getRngState(device?: GpuLike): Tensor {
  return generatorOf(device, 'cuda.getRngState()').getState();
}

/**
 * The states of all GPUs' default generators; empty where there is none.
 *
 * @example
 * const states = torch.cuda.getRngStateAll();
 */
export function getRngStateAll(): Tensor[] {
  return defaultGenerators().map((generator) => generator.getState());
}

/**
 * Continues a GPU's default generator from a state of {@link getRngState}; default the current GPU.
 *
 * @example
 * torch.cuda.setRngState(state);
 */
export function setRngState(state: Tensor, device?: GpuLike): void {
  generatorOf(device, 'cuda.setRngState()').setState(state);
}

/**
 * Continues all GPUs' default generators from the states of {@link getRngStateAll}.
 *
 * @example
 * torch.cuda.setRngStateAll(states);
 */
export function setRngStateAll(states: readonly Tensor[]): void {
  check('states', states, arrayOf(tensor));
  const generators = defaultGenerators();
  if (states.length > generators.length) {
    throw mustHave('states', `at most ${generators.length} states, one for each GPU`, states.length, 'ERR_ARGUMENT');
  }
  const before = generators.map((generator) => generator.getState());
  try {
    for (const [i, state] of states.entries()) generators[i]!.setState(state);
  } catch (error) {
    for (const [i, state] of before.entries()) generators[i]!.setState(state);
    throw error;
  }
}

/**
 * Seeds the generator of the current GPU from the operating system; does nothing where there is none.
 *
 * @example
 * torch.cuda.seed();
 */
export function seed(): void {
  if (isAvailable()) generatorOf(undefined, 'cuda.seed()').seed();
}

/**
 * {@link seed} for all GPUs, which get the same seed.
 *
 * @example
 * torch.cuda.seedAll();
 */
export function seedAll(): void {
  if (isAvailable()) manualSeedAll(generatorOf(0, 'cuda.seedAll()').seed());
}

/**
 * The seed that the generator of the current GPU started at.
 *
 * @example
 * torch.cuda.initialSeed();
 */
export function initialSeed(): bigint {
  return generatorOf(undefined, 'cuda.initialSeed()').initialSeed();
}
