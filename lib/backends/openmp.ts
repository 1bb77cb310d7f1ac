import { native } from '../binding/index.js';

/**
 * Whether operators on the CPU run on OpenMP's threads.
 *
 * @example
 * torch.backends.openmp.isAvailable();
 */
export function isAvailable(): boolean {
  return native.backendAvailable('openmp');
}
