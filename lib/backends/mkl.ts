import { native } from '../binding/index.js';
import { verbosely } from './verbose.js';

/**
 * Whether this libtorch was built with Intel's library of linear algebra.
 *
 * @example
 * torch.backends.mkl.isAvailable();
 */
export function isAvailable(): boolean {
  return native.backendAvailable('mkl');
}

/**
 * Runs `body`, a synchronous function, while oneMKL writes each of its calls to the standard output; returns what `body` returns.
 *
 * @param level `'on'`, or `'off'`, which changes nothing.
 *
 * @example
 * torch.backends.mkl.verbose('on', () => a.matmul(b));
 */
export function verbose<T>(level: 'off' | 'on', body: () => T): T {
  return verbosely('mkl', level, body);
}
