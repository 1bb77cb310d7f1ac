// How the parameters and buffers of modules get another device or dtype.
import { noGrad } from '../autograd/index.js';
import { native } from '../binding/index.js';
import { flag, kind } from '../check.js';
import { usable } from '../cuda/available.js';
import { type DeviceLike, parseDevice } from '../device.js';
import { ownerOf, requireWhole } from '../distributed/sharded-parameters.js';
import { Dtype } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { channelsLast, channelsLast3d, MemoryFormat } from '../layout.js';
import { emptyLike } from '../ops/generated/functions.js';
import { isPlainObject, optionsOf } from '../options.js';
import { keep } from '../scope.js';
import { Tensor } from '../tensor.js';
import { UninitializedBuffer, UninitializedParameter } from './lazy.js';
import type { ModuleAccess } from './members.js';
import { Parameter } from './parameter.js';
import { type FactoryOptions, factoryTable } from './tables.js';
import { ownBuffers, ownTensors } from './traversal.js';

/** How {@link Module.to} converts. */
export interface ModuleToOptions extends FactoryOptions {
  /** The order in memory of parameters and buffers of four dimensions, or of five for `channelsLast3d`; default as it is. */
  memoryFormat?: MemoryFormat | undefined;
  /** Whether copies from pinned memory may go on while the call returns; default false. */
  nonBlocking?: boolean | undefined;
}

const format = kind<MemoryFormat>(
  'torch.channelsLast, torch.channelsLast3d, torch.contiguousFormat or torch.preserveFormat',
  (value) => value instanceof MemoryFormat,
);
const readTo = optionsOf('to()', {
  ...factoryTable,
  memoryFormat: [format, undefined],
  nonBlocking: [flag, false],
});
// Of the tensors that a format of channels applies to.
const dimensions = new Map([
  [channelsLast, 4],
  [channelsLast3d, 5],
]);

/** What a conversion asks of a module itself. */
interface Convertible<M> {
  modules(): M[];
  parameters(): Parameter[];
  namedParameters(): [string, Parameter][];
  namedBuffers(): [string, Tensor][];
}

/** Moves a module and those below it to a device, and its floating-point and complex members to a dtype. */
export function moveTo<M extends Convertible<M>>(
  of: ModuleAccess<M>,
  module: M,
  target: ModuleToOptions | DeviceLike | Dtype | Tensor,
): void {
  const { device, dtype, memoryFormat, nonBlocking } = targetOf(target);
  if (dtype !== undefined && !dtype.isFloatingPoint && !dtype.isComplex) {
    throw invalidArgument('dtype', 'a floating-point or complex dtype', dtype.name, 'ERR_DTYPE');
  }
  const to = device == null ? undefined : usable(parseDevice(device)!);
  if (to !== undefined && to.type !== 'meta') refuseMeta(module);
  const formatFor = (t: Tensor) =>
    memoryFormat !== undefined && (dimensions.get(memoryFormat) ?? t.dim()) === t.dim() ? memoryFormat : undefined;
  convert(of, module, (t) =>
    t.to({
      device,
      dtype: t.dtype.isFloatingPoint || t.dtype.isComplex ? dtype : undefined,
      memoryFormat: formatFor(t),
      nonBlocking,
    }),
  );
}

function targetOf(target: ModuleToOptions | DeviceLike | Dtype | Tensor): ModuleToOptions {
  if (target instanceof Dtype) return { dtype: target };
  const device = parseDevice(target);
  if (device) return { device: usable(device) };
  if (target instanceof Tensor) return { device: target.device, dtype: target.dtype };
  if (isPlainObject(target)) return readTo(target);
  throw invalidArgument(
    'target',
    'a device, a dtype, a Tensor or { device, dtype, memoryFormat, nonBlocking }',
    target,
  );
}

/** Before anything is moved: what is on the device meta cannot be. */
function refuseMeta<M>(module: Convertible<M>): void {
  for (const [name, { device }] of [...module.namedParameters(), ...module.namedBuffers()]) {
    if (device.type !== 'meta') continue;
    throw new TorchClipError(
      'ERR_DEVICE',
      `"${name}" is on the device meta and holds no values that could be moved; use toEmpty()`,
    );
  }
}

/** Applies `fn` to the parameters, their gradients and the buffers of a module and those below it. */
export function convert<M extends Convertible<M>>(of: ModuleAccess<M>, root: M, fn: (tensor: Tensor) => Tensor): void {
  noGrad(() => {
    for (const parameter of root.parameters()) {
      if (ownerOf(parameter) === undefined || stays(parameter, fn)) continue;
      requireWhole('convert or move a module before fullyShard()', [parameter]);
    }
    const made = new Map<Tensor, Tensor>();
    for (const parameter of root.parameters()) {
      const { grad } = parameter;
      const data = fn(parameter);
      if (isMeta(data) && !isMeta(parameter)) {
        const replacement = like(parameter, data);
        if (grad) replacement.grad = fn(grad);
        made.set(parameter, replacement);
        continue;
      }
      setData(parameter, data);
      if (grad) setData(grad, fn(grad));
    }
    replace(of, root.modules(), made);
    for (const module of root.modules()) {
      for (const [name, buffer] of ownBuffers(of, module)) Reflect.set(module, name, like(buffer, fn(buffer)));
    }
  });
}

/** Whether a sharded parameter is left where it is; what reads it cannot do so. */
function stays(parameter: Tensor, fn: (tensor: Tensor) => Tensor): boolean {
  try {
    return native.isSharded(fn(parameter).handle);
  } catch {
    return false;
  }
}

const isMeta = ({ device }: Tensor) => device.type === 'meta';

/** What `tensor` is, over other memory; what waits for its shape still does. */
function like(tensor: Tensor, memory: Tensor): Tensor {
  const { device, dtype } = memory;
  const { requiresGrad } = tensor;
  if (tensor instanceof UninitializedParameter) return new UninitializedParameter({ device, dtype, requiresGrad });
  if (tensor instanceof UninitializedBuffer) return new UninitializedBuffer({ device, dtype });
  return tensor instanceof Parameter ? new Parameter(memory, requiresGrad) : keep(memory);
}

/** Puts other tensors where modules hold those of `made`. */
function replace<M extends object>(
  of: ModuleAccess<M>,
  modules: readonly M[],
  made: ReadonlyMap<Tensor, Tensor>,
): void {
  if (made.size === 0) return;
  for (const module of modules) {
    for (const [name, tensor] of ownTensors(of, module)) {
      const replacement = made.get(tensor);
      if (replacement !== undefined) Reflect.set(module, name, replacement);
    }
  }
}

/** Gives a tensor other memory, of another dtype or device perhaps, while it stays the same object for autograd and optimizers. */
function setData(tensor: Tensor, data: Tensor): void {
  native.setData(tensor.handle, data.handle);
}

/** Gives the parameters and buffers of modules memory without values on a device. */
export function emptyTo<M extends object>(of: ModuleAccess<M>, modules: readonly M[], device: DeviceLike): void {
  const to = usable(parseDevice(device)!);
  // A member that is held twice stays one.
  const made = new Map<Tensor, Tensor>();
  for (const module of modules) {
    for (const [, tensor] of ownTensors(of, module)) {
      if (!made.has(tensor)) made.set(tensor, like(tensor, emptyLike(tensor.detach(), { device: to })));
    }
  }
  replace(of, modules, made);
}
