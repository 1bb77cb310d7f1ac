import { native } from './binding/index.js';
import { flag } from './check.js';
import { checkSeed, Generator } from './generator.js';
import { optionsOf } from './options.js';
import { refuseAsync, refusePromise } from './sync.js';
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

/**
 * Seeds the default CPU generator from the operating system and returns the seed.
 *
 * @example
 * console.log(torch.seed()); // another one each time
 */
export function seed(): bigint {
  return defaultGenerator.seed();
}

/**
 * The seed that the default CPU generator started at.
 *
 * @example
 * torch.manualSeed(3);
 * torch.initialSeed(); // 3
 */
export function initialSeed(): bigint {
  return defaultGenerator.initialSeed();
}

/**
 * The default CPU generator's state as a uint8 tensor.
 *
 * @example
 * const state = torch.getRngState();
 */
export function getRngState(): Tensor {
  return defaultGenerator.getState();
}

/**
 * Continues the default CPU generator from a state of {@link getRngState}.
 *
 * @example
 * torch.setRngState(state);
 */
export function setRngState(state: Tensor): void {
  defaultGenerator.setState(state);
}

const readFork = optionsOf('random.forkRng()', { enabled: [flag, true] });

/**
 * Runs `body` with the default CPU generator as it is, and puts it back to where it was when `body` ends, as `torch.random.fork_rng`: what `body`
 * draws does not change the numbers that come after it.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @param options.enabled false to leave the generator where `body` has brought it; default true.
 * @returns what `body` returns.
 *
 * @example
 * const sample = torch.random.forkRng(() => {
 *   torch.manualSeed(0);
 *   return model.generate();
 * });
 */
export function forkRng<T>(body: () => T, options: { enabled?: boolean } = {}): T {
  const { enabled } = readFork(options);
  refuseAsync('random.forkRng', body);
  if (!enabled) return refusePromise('random.forkRng', body());
  const before = getRngState();
  try {
    return refusePromise('random.forkRng', body());
  } finally {
    setRngState(before);
  }
}
