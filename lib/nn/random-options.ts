import type { Generator } from '../generator.js';

/** Where random numbers come from; the global generator by default. */
export interface RandomOptions {
  generator?: Generator | undefined;
}
