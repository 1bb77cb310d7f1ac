import { native } from './binding/index.js';
import { checkSeed, Generator } from './generator.js';
import type { Tensor } from './tensor.js';

declare module './binding/index.js' {
  interface Native {
    manualSeed(seed: number | bigint): void;
  }
}

/** The generator behind every random op that is given none. */
export const defaultGenerator = new Generator(native.defaultGenerator());

/**
 * Seeds the default generators of all devices and returns the CPU's; the numbers that follow are those of
 * `torch.manual_seed` in Python.
 *
 * @param seed an integer of 64 bits.
 *
 * @example
 * torch.manualSeed(0);
 * torch.randn([2]); // tensor([ 1.5410, -0.2934])
 */
export function manualSeed(seed: number | bigint): Generator {
  native.manualSeed(checkSeed(seed));
  return defaultGenerator;
}

/** Seeds the default CPU generator from the operating system and returns the seed. */
export function seed(): bigint {
  return defaultGenerator.seed();
}

/** The seed that the default CPU generator started at. */
export function initialSeed(): bigint {
  return defaultGenerator.initialSeed();
}

/** The default CPU generator's state as a uint8 tensor. */
export function getRngState(): Tensor {
  return defaultGenerator.getState();
}

/** Continues the default CPU generator from a state of {@link getRngState}. */
export function setRngState(state: Tensor): void {
  defaultGenerator.setState(state);
}
