import { native } from '../binding/index.js';
import { check, flag } from '../check.js';
import { refuseAsync, refusePromise } from '../sync.js';

declare module '../binding/index.js' {
  interface Native {
    /** Sets the grad mode where a value is given; returns the mode before. */
    gradEnabled(enabled?: boolean): boolean;
    inferencePush(enabled: boolean): void;
    inferencePop(): void;
    inferenceEnabled(): boolean;
  }
}

function withGrad<T>(name: string, enabled: boolean, body: () => T): T {
  refuseAsync(name, body);
  const before = native.gradEnabled(enabled);
  try {
    return refusePromise(name, body());
  } finally {
    native.gradEnabled(before);
  }
}

/**
 * Runs `body` without recording for autograd; the mode is restored also when `body` throws.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 *
 * @example
 * const accuracy = torch.noGrad(() => model.forward(x).argmax({ dim: 1 }).eq(y).to({ dtype: torch.float32 }).mean().item());
 */
export function noGrad<T>(body: () => T): T {
  return withGrad('noGrad', false, body);
}

/**
 * Runs `body` with recording on, inside a {@link noGrad} for instance; a synchronous function only.
 *
 * @example
 * torch.noGrad(() => torch.enableGrad(() => x.mul(2)).requiresGrad); // true, where x requires gradients
 */
export function enableGrad<T>(body: () => T): T {
  return withGrad('enableGrad', true, body);
}

/**
 * Runs `body` with recording on or off; a synchronous function only.
 *
 * @example
 * torch.setGradEnabled(training, () => model.forward(x));
 */
export function setGradEnabled<T>(enabled: boolean, body: () => T): T {
  check('enabled', enabled, flag);
  return withGrad('setGradEnabled', enabled, body);
}

/**
 * Whether operations are recorded now.
 *
 * @example
 * torch.noGrad(() => torch.isGradEnabled()); // false
 */
export function isGradEnabled(): boolean {
  return native.gradEnabled();
}

/**
 * Runs `body` in inference mode: as {@link noGrad}, and the tensors made inside can never take part in a graph, which
 * makes them cheaper. A synchronous function only.
 *
 * @example
 * const scores = torch.inferenceMode(() => model.forward(x));
 */
export function inferenceMode<T>(body: () => T): T {
  refuseAsync('inferenceMode', body);
  native.inferencePush(true);
  try {
    return refusePromise('inferenceMode', body());
  } finally {
    native.inferencePop();
  }
}

/**
 * Whether inference mode is on.
 *
 * @example
 * torch.inferenceMode(() => torch.isInferenceModeEnabled()); // true
 */
export function isInferenceModeEnabled(): boolean {
  return native.inferenceEnabled();
}
