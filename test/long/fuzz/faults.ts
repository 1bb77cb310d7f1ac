import { inspect } from 'node:util';
import { TorchClipError } from '../../../lib/index.js';
import { Thrown } from './values.js';

const codes = new Set([
  ...['ARGUMENT', 'SHAPE', 'DTYPE', 'DEVICE', 'INDEX', 'DISPOSED', 'OUT_OF_MEMORY', 'STATE', 'NONFINITE', 'AUTOGRAD'],
  ...['ASYNC_SCOPE', 'OP_UNAVAILABLE', 'CUDA_UNAVAILABLE', 'LIBTORCH', 'FILE', 'PACKAGE_NOT_FOUND'],
]);

/** Why an exception is not a proper refusal, or undefined where it is one. */
export function fault(error: unknown): string | undefined {
  if (error instanceof Thrown) return undefined;
  // Of the caller's making as well: a revoked proxy throws whatever one does with it.
  if (error instanceof TypeError && /revoked/.test(error.message)) return undefined;
  if (!(error instanceof TorchClipError)) return `threw ${inspect(error, { depth: 0 })}`;
  if (!codes.has(error.code.replace(/^ERR_/, ''))) return `has the code ${error.code}: ${error.message}`;
  if (error.message === '' || /Exception raised from|frame #\d|\.cpp:\d+ \(most recent/.test(error.message)) {
    return `has the message ${error.message}`;
  }
  return undefined;
}
