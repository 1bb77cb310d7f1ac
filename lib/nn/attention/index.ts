import { native } from '../../binding/index.js';
import { check, kind } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { refuseAsync, refusePromise } from '../../sync.js';

export * as bias from './bias.js';

declare module '../../binding/index.js' {
  interface Native {
    /** Sets which kernels of attention may be used where a mask is given, one bit each; returns the mask before. */
    sdpBackends(mask?: number): number;
  }
}

/** The kernels of `scaledDotProductAttention`, by the bits of libtorch. */
export const SDPBackend = {
  /** Matrix products and a softmax; any input. */
  MATH: 'math',
  /** FlashAttention (Dao et al. 2022); on the CPU too. */
  FLASH_ATTENTION: 'flashAttention',
  /** Memory-efficient attention (Rabe and Staats 2021). */
  EFFICIENT_ATTENTION: 'efficientAttention',
  /** cuDNN's kernel. */
  CUDNN_ATTENTION: 'cudnnAttention',
  /** A kernel that an extension brings. */
  OVERRIDEABLE: 'overrideable',
} as const;

/** One of {@link SDPBackend}. */
export type SDPBackend = (typeof SDPBackend)[keyof typeof SDPBackend];

const order: readonly SDPBackend[] = Object.values(SDPBackend);
const backend = kind<SDPBackend>('one of SDPBackend', (v) => order.includes(v as SDPBackend));

/**
 * Runs `body` with some kernels of attention only; where none of them can take an input, attention throws.
 *
 * The kernels are chosen for the whole process, worker threads included.
 *
 * @param backends one or several of {@link SDPBackend}.
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 *
 * @example
 * const { SDPBackend, sdpaKernel } = nn.attention;
 * sdpaKernel(SDPBackend.MATH, () => nn.functional.scaledDotProductAttention(q, k, v));
 */
export function sdpaKernel<T>(backends: SDPBackend | readonly SDPBackend[], body: () => T): T {
  const list: readonly unknown[] = Array.isArray(backends) ? backends : [backends];
  if (list.length === 0) throw new TorchClipError('ERR_ARGUMENT', '"backends" must name at least one backend');
  const mask = list.reduce<number>((sum, name) => sum | (1 << order.indexOf(check('backends', name, backend))), 0);
  refuseAsync('sdpaKernel', body);
  const before = native.sdpBackends(mask);
  try {
    return refusePromise('sdpaKernel', body());
  } finally {
    native.sdpBackends(before);
  }
}
