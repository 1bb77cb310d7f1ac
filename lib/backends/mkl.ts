import { native } from '../binding/index.js';

/** Whether this libtorch was built with Intel's library of linear algebra. */
export function isAvailable(): boolean {
  return native.backendAvailable('mkl');
}
