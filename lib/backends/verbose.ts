import { native } from '../binding/index.js';
import { check, oneOf } from '../check.js';
import { TorchClipError } from '../errors.js';
import { refuseAsync, refusePromise } from '../sync.js';

declare module '../binding/index.js' {
  interface Native {
    /** Has a library of the CPU write its calls, or not; returns whether it can. */
    backendVerbose(library: 'mkl' | 'mkldnn', level: number): boolean;
  }
}

const levels = ['off', 'on', 'onCreation'] as const;
/** How much oneDNN writes: nothing, its calls, or these and the kernels that it makes. */
export type Verbosity = (typeof levels)[number];

/** @internal Runs `body` while a library writes its calls to the standard output. */
export function verbosely<T>(library: 'mkl' | 'mkldnn', level: Verbosity, body: () => T): T {
  const words = library === 'mkl' ? levels.slice(0, 2) : levels;
  const number = levels.indexOf(check('level', level, oneOf(...words)));
  refuseAsync(`backends.${library}.verbose`, body);
  if (number > 0 && !native.backendVerbose(library, number)) {
    throw new TorchClipError('ERR_STATE', `this build of ${library} cannot write its calls`);
  }
  try {
    return refusePromise(`backends.${library}.verbose`, body());
  } finally {
    if (number > 0) native.backendVerbose(library, 0);
  }
}
