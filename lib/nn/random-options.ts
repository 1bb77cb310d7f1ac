import type { Generator } from '../generator.js';

/** Where random numbers come from; the global generator by default. */
export interface RandomOptions {
  /** What draws the numbers; default the device's own. */
  generator?: Generator | undefined;
}
