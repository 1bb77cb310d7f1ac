// Custom autograd functions under autocast.
import type { FunctionContext } from '../autograd/function.js';
import { callable, check, oneOf, orNull } from '../check.js';
import type { Dtype } from '../dtype.js';
import { dtype as dtypeKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import { isTensor } from '../tensor.js';
import { autocast, getAutocastDtype, isAutocastEnabled } from './autocast.js';

type DeviceType = 'cpu' | 'cuda';
const deviceType = oneOf('cpu', 'cuda');

/** Options of {@link customFwd}. */
export interface CustomFwdOptions {
  /** Whose autocast it is. */
  deviceType: DeviceType;
  /** What floating-point tensors among the arguments are cast to under autocast, which is then off; default null: neither. */
  castInputs?: Dtype | null;
}

const readFwd = optionsOf('amp.customFwd()', { deviceType: [deviceType], castInputs: [orNull(dtypeKind), null] });
const readBwd = optionsOf('amp.customBwd()', { deviceType: [deviceType] });

type Forward<A extends unknown[], R> = (ctx: FunctionContext, ...args: A) => R;

// How the forward pass of a context ran.
const ran = new WeakMap<FunctionContext, { enabled: boolean; dtype: Dtype }>();

/** A value with the tensors in it, arrays included, cast. */
function cast(value: unknown, device: DeviceType, dtype: Dtype): unknown {
  if (isTensor(value)) {
    const eligible = value.dtype.isFloatingPoint && value.device.type === device && value.dtype.name !== 'float64';
    return eligible ? value.to(dtype) : value;
  }
  return Array.isArray(value) ? value.map((one) => cast(one, device, dtype)) : value;
}

/**
 * The `forward` of an `autograd.Function` for use under autocast, as `torch.amp.custom_fwd`: its `backward`, wrapped by {@link customBwd}, runs as
 * it did.
 *
 * @example
 * class Square extends autograd.Function {
 *   static forward = amp.customFwd((ctx, x: Tensor) => (ctx.saveForBackward(x), x.square()), { deviceType: 'cpu' });
 *   static backward = amp.customBwd((ctx, grad) => grad.mul(ctx.savedTensors[0]!.mul(2)), { deviceType: 'cpu' });
 * }
 * @see https://pytorch.org/docs/stable/amp.html#torch.amp.custom_fwd
 */
export function customFwd<A extends unknown[], R>(forward: Forward<A, R>, options: CustomFwdOptions): Forward<A, R> {
  const { deviceType: device, castInputs } = readFwd(options);
  check('forward', forward, callable());
  return (ctx, ...args) => {
    const enabled = isAutocastEnabled(device);
    const dtype = getAutocastDtype(device);
    ran.set(ctx, { enabled: castInputs === null && enabled, dtype });
    if (castInputs === null || !enabled) return forward(ctx, ...args);
    return autocast({ deviceType: device, enabled: false }, () =>
      forward(ctx, ...(args.map((arg) => cast(arg, device, castInputs)) as A)),
    );
  };
}

/**
 * The `backward` of an `autograd.Function` whose `forward` {@link customFwd} wraps: it runs under autocast where the forward pass did.
 *
 * @example
 * class Scale extends torch.autograd.Function {
 *   static forward = torch.amp.customFwd((ctx: torch.autograd.FunctionContext, x: Tensor) => x.mul(2), {
 *     deviceType: 'cuda',
 *   });
 *   static backward = torch.amp.customBwd((ctx: torch.autograd.FunctionContext, gradient: Tensor) => gradient.mul(2), {
 *     deviceType: 'cuda',
 *   });
 * }
 * @see https://pytorch.org/docs/stable/amp.html#torch.amp.custom_bwd
 */
export function customBwd<A extends unknown[], R>(
  backward: Forward<A, R>,
  options: { deviceType: DeviceType },
): Forward<A, R> {
  const { deviceType: device } = readBwd(options);
  check('backward', backward, callable());
  return (ctx, ...args) => {
    const { enabled, dtype } = ran.get(ctx) ?? { enabled: false, dtype: null };
    return autocast({ deviceType: device, enabled, dtype }, () => backward(ctx, ...args));
  };
}

/**
 * Whether {@link autocast} knows a type of device; a GPU need not be there.
 *
 * @example
 * torch.amp.isAutocastAvailable('cpu'); // true
 */
export function isAutocastAvailable(type: string): boolean {
  return deviceType.accepts(type);
}
