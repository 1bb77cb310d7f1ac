import { native } from '../binding/index.js';
import { check, flag, kind, oneOf, orNull } from '../check.js';
import { requireCuda } from '../cuda/available.js';
import { bfloat16, type Dtype, dtypeOf, float16 } from '../dtype.js';
import { optionsOf } from '../options.js';
import { refuseAsync, refusePromise } from '../sync.js';

type State = [enabled: boolean, dtype: number, cacheEnabled: boolean];

declare module '../binding/index.js' {
  interface Native {
    autocastState(deviceType: string): State;
    autocastEnter(deviceType: string, ...state: State): void;
    autocastExit(deviceType: string, ...state: State): void;
  }
}

/** Options of {@link autocast}. */
export interface AutocastOptions {
  /** Whose ops are cast. */
  deviceType: 'cpu' | 'cuda';
  /** What they are cast to: `torch.bfloat16` or `torch.float16`; default bfloat16 on the CPU and float16 on a GPU. */
  dtype?: Dtype | null;
  /** Turn it on, or off inside of another one; default true. */
  enabled?: boolean;
  /** Whether the casts of weights are kept until the outermost autocast ends; default as it is, at first true. */
  cacheEnabled?: boolean | null;
}

const deviceTypes = oneOf('cpu', 'cuda');
const halves = kind<Dtype>(
  'torch.bfloat16 or torch.float16',
  (value) => value === bfloat16 || value === float16,
  'ERR_DTYPE',
);
const readAutocast = optionsOf('amp.autocast()', {
  deviceType: [deviceTypes],
  dtype: [orNull(halves), null],
  enabled: [flag, true],
  cacheEnabled: [orNull(flag), null],
});

/**
 * Runs `body` with the ops that gain by it (matrix products, convolutions) in a narrow dtype, and those that need it
 * (sums, losses) in float32, as `torch.autocast`. What was before is restored, also when `body` throws.
 *
 * Put the forward pass and the loss inside; the backward pass runs in the dtypes that the forward pass used.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 * @throws {TorchClipError} `ERR_DTYPE` for another dtype, and `ERR_CUDA_UNAVAILABLE` for `'cuda'` where there is no GPU:
 * PyTorch warns of both, and goes on without.
 *
 * @example
 * const loss = torch.autocast({ deviceType: 'cuda', dtype: torch.bfloat16 }, () => lossFn(model.forward(x), y));
 * loss.backward();
 * @see https://pytorch.org/docs/stable/amp.html
 */
export function autocast<T>(options: AutocastOptions, body: () => T): T {
  const { deviceType, dtype, enabled, cacheEnabled } = readAutocast(options);
  refuseAsync('autocast', body);
  if (enabled && deviceType === 'cuda') requireCuda('autocast with deviceType "cuda"');
  const before = native.autocastState(deviceType);
  native.autocastEnter(deviceType, enabled, dtype?.code ?? before[1], cacheEnabled ?? before[2]);
  try {
    return refusePromise('autocast', body());
  } finally {
    native.autocastExit(deviceType, ...before);
  }
}

/**
 * Whether {@link autocast} is on for a type of device; default `'cuda'`.
 *
 * @example
 * torch.autocast({ deviceType: 'cpu' }, () => torch.isAutocastEnabled('cpu')); // true
 */
export function isAutocastEnabled(deviceType: 'cpu' | 'cuda' = 'cuda'): boolean {
  check('deviceType', deviceType, deviceTypes);
  return native.autocastState(deviceType)[0];
}

/**
 * What {@link autocast} casts to on a type of device unless told.
 *
 * @example
 * torch.getAutocastDtype('cpu').name; // 'bfloat16'
 */
export function getAutocastDtype(deviceType: 'cpu' | 'cuda'): Dtype {
  check('deviceType', deviceType, deviceTypes);
  return dtypeOf(native.autocastState(deviceType)[1]);
}
