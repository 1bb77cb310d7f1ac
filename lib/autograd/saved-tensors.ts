import { native } from '../binding/index.js';
import { check, flag, synchronous } from '../check.js';
import { whyUnavailable } from '../cuda/available.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { emptyLike } from '../ops/generated/functions.js';
import { optionsOf } from '../options.js';
import { keep, tensorsIn } from '../scope.js';
import { refuseAsync, refuseLater, refusePromise } from '../sync.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { refuseInTransforms } from './anomaly.js';
import { noGrad } from './modes.js';

declare module '../binding/index.js' {
  interface Native {
    /** Without functions: turns those outside off. */
    pushSavedTensorsHooks(pack?: (t: Handle) => unknown, unpack?: (packed: unknown) => Handle): void;
    popSavedTensorsHooks(): void;
  }
}

let refusal: string | undefined;

/** @internal A backward pass would ask for what a transform has saved when that is gone. */
export const refuseSavingInTransforms = (): void => refuseInTransforms('hooks for saved tensors, and checkpoint(),');

/**
 * Runs `body`; what its operations save for their backward passes goes through `pack`, and comes back through `unpack` when a backward
 * pass needs it, as `torch.autograd.graph.saved_tensors_hooks`. The innermost pair counts.
 *
 * @param pack is given the tensor, outside of the graph, and returns anything; it must not write to it.
 * @param unpack is given what `pack` returned, once per use, and returns a tensor of the same values.
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 * @throws {TorchClipError} `ERR_STATE` inside of {@link disableSavedTensorsHooks}, and of a transform of `torch.func`.
 *
 * @example
 * const { savedTensorsHooks } = torch.autograd.graph;
 * const loss = savedTensorsHooks(
 *   (t) => t.to({ dtype: torch.bfloat16 }),
 *   (t) => t.to({ dtype: torch.float32 }),
 *   () => model.forward(x).sum(),
 * );
 * @see https://pytorch.org/tutorials/intermediate/autograd_saved_tensors_hooks_tutorial.html
 */
export function savedTensorsHooks<P, T>(pack: (tensor: Tensor) => P, unpack: (packed: P) => Tensor, body: () => T): T {
  check('pack', pack, synchronous());
  check('unpack', unpack, synchronous());
  refuseAsync('savedTensorsHooks', body);
  if (refusal !== undefined) throw new TorchClipError('ERR_STATE', refusal);
  refuseSavingInTransforms();
  native.pushSavedTensorsHooks(
    (handle) => {
      const packed = refuseLater('pack', pack(wrap(handle)));
      // It lives as long as the graph, past any scope.
      for (const tensor of tensorsIn(packed)) keep(tensor);
      return packed;
    },
    (packed) => {
      const tensor: unknown = refuseLater('unpack', unpack(packed as P));
      if (!isTensor(tensor)) throw invalidArgument('the result of unpack', 'a Tensor', tensor);
      return tensor.handle;
    },
  );
  try {
    return refusePromise('savedTensorsHooks', body());
  } finally {
    native.popSavedTensorsHooks();
  }
}

/** @internal Runs `body` without the hooks that are set outside of it. */
export function withoutSavedTensorsHooks<T>(body: () => T): T {
  native.pushSavedTensorsHooks();
  try {
    return body();
  } finally {
    native.popSavedTensorsHooks();
  }
}

/**
 * Runs `body`, in which {@link savedTensorsHooks} throws `ERR_STATE` with `message`.
 *
 * @example
 * torch.autograd.graph.disableSavedTensorsHooks('not here', () => model.forward(x));
 */
export function disableSavedTensorsHooks<T>(message: string, body: () => T): T {
  if (typeof message !== 'string') throw invalidArgument('message', 'a string', message);
  refuseAsync('disableSavedTensorsHooks', body);
  const outer = refusal;
  refusal = message;
  try {
    return refusePromise('disableSavedTensorsHooks', body());
  } finally {
    refusal = outer;
  }
}

/** Options of {@link saveOnCpu}. */
export interface SaveOnCpuOptions {
  /** Copy into memory that a GPU reaches by itself, which is faster; default false. */
  pinMemory?: boolean;
}

const readOptions = optionsOf('saveOnCpu()', { pinMemory: [flag, false] });

/**
 * Runs `body`; what its operations save for their backward passes waits in the host's memory instead of a GPU's.
 *
 * @param body a synchronous function.
 * @returns what `body` returns.
 *
 * @example
 * const loss = torch.autograd.graph.saveOnCpu({ pinMemory: true }, () => lossFn(model.forward(x), y));
 */
export function saveOnCpu<T>(body: () => T): T;
export function saveOnCpu<T>(options: SaveOnCpuOptions, body: () => T): T;
export function saveOnCpu<T>(...args: [() => T] | [SaveOnCpuOptions, () => T]): T {
  const [options, body] = args.length === 1 ? [undefined, args[0]] : args;
  const { pinMemory } = readOptions(options);
  return savedTensorsHooks(
    (tensor) => {
      const { device } = tensor;
      if (!pinMemory) return { device, tensor: tensor.cpu() };
      const pin = whyUnavailable() === undefined && tensor.layout.name === 'strided';
      const copy = emptyLike(tensor, { device: 'cpu', pinMemory: pin });
      return { device, tensor: noGrad(() => copy.copy_(tensor)) };
    },
    ({ device, tensor }) => tensor.to({ device, nonBlocking: pinMemory }),
    body,
  );
}
