import { noGrad } from '../../autograd/index.js';
import { arrayOf, check, flag, orNull, text } from '../../check.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { tensor as tensorKind } from '../../kinds.js';
import { nativeOp } from '../../ops/overload.js';
import { optionsOf } from '../../options.js';
import { checkOwn, own } from '../../own.js';
import { refuseAsync, refuseLater, refusePromise } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { ModuleDict, ModuleList } from '../containers.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { checkModule } from './computed.js';

/**
 * A module that computes a parameter from one or several others, which it is trained by.
 *
 * `rightInverse`, where it has one, gives what it would have to be computed from; an array where that is several tensors.
 */
export type Parametrization = Module & {
  forward(...originals: Tensor[]): Tensor;
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
};

/** Computed values, while {@link cached} runs. */
let cache: Map<ParametrizationList, Tensor> | undefined;
/** Those that are computing their value. */
const computing = new WeakSet<ParametrizationList>();

/**
 * What computes one parameter of a module: parametrizations one after the other, from `original`, or from `original0`, `original1`, ...
 * where the first one takes several tensors.
 *
 * {@link registerParametrization} makes it; it is `module.parametrizations.get(name)`.
 *
 * @example
 * layer.parametrizations.weight.original;
 */
export class ParametrizationList extends ModuleList<Parametrization> {
  /** How many tensors the first parametrization takes; null for one that is not in an array. */
  readonly ntensors: number | null;
  private unsafe: boolean;

  /** @internal */
  constructor(token: typeof own, modules: readonly Parametrization[], original: Tensor, unsafe: boolean) {
    checkOwn(token, 'ParametrizationList', 'torch.nn.utils.parametrize.registerParametrization()');
    super(modules);
    const { shape } = original;
    this.unsafe = unsafe;
    let inverse: unknown = original;
    for (const module of [...modules].reverse()) {
      if (module.rightInverse) inverse = noGrad(() => module.rightInverse!(inverse as Tensor));
    }
    if (isTensor(inverse)) {
      this.ntensors = null;
      // The parameter stays the same object, for optimizers.
      if (inverse !== original) {
        if (inverse.dtype !== original.dtype) throw differs('rightInverse', inverse, original, 'dtype');
        setData(original, inverse);
      }
      hold(this, 'original', original);
    } else {
      if (!arrayOf(tensorKind).accepts(inverse) || inverse.length === 0) {
        throw invalidArgument('the result of rightInverse()', 'a Tensor or an array of Tensors', inverse);
      }
      this.ntensors = inverse.length;
      for (const [i, tensor] of inverse.entries()) {
        const part = original instanceof Parameter ? new Parameter(tensor, original.requiresGrad) : tensor;
        hold(this, `original${i}`, part);
      }
    }
    if (unsafe) return;
    const value: unknown = noGrad(() => this.forward());
    if (!isTensor(value)) throw invalidArgument('the result of forward()', 'a Tensor', value);
    if (value.dtype !== original.dtype) throw differs('forward', value, original, 'dtype');
    // An inverse may have given the original other memory already.
    if (String(value.shape) !== String(shape)) throw differs('forward', value, shape, 'shape');
  }

  /** The tensors that it is computed from. */
  originals(): Tensor[] {
    const names =
      this.ntensors === null ? ['original'] : Array.from({ length: this.ntensors }, (_, i) => `original${i}`);
    return names.map((name) => Reflect.get(this, name) as Tensor);
  }

  /** The computed value. */
  override forward(): Tensor {
    const [first, ...rest] = [...this];
    const now = (value: Tensor) => refuseLater('forward of a parametrization', value);
    return rest.reduce((value, module) => now(module.call(value)), now(first!.call(...this.originals())));
  }

  /** Sets what it is computed from such that `value` comes out, as far as the parametrizations have a `rightInverse`. */
  rightInverse(value: Tensor): void {
    check('value', value, { expected: 'a Tensor', accepts: isTensor });
    noGrad(() => {
      let inverse: unknown = value;
      for (const module of [...this].reverse()) {
        if (!module.rightInverse) {
          const message = `${describe(module)} has no rightInverse(), so that a value that it computes cannot be assigned`;
          throw new TorchClipError('ERR_STATE', message);
        }
        inverse = module.rightInverse(inverse as Tensor);
      }
      const list = isTensor(inverse) ? [inverse] : (inverse as readonly Tensor[]);
      const originals = this.originals();
      if (!Array.isArray(list) || list.length !== originals.length || !list.every(isTensor)) {
        throw invalidArgument('the result of rightInverse()', `${originals.length} Tensors`, inverse);
      }
      originals.forEach((original, i) => {
        if (list[i]!.dtype !== original.dtype) throw differs('rightInverse', list[i]!, original, 'dtype');
      });
      orAsBefore(originals, () => {
        originals.forEach((original, i) => {
          setData(original, list[i]!);
        });
      });
    });
  }

  /** @internal The value, of the cache while there is one. */
  get value(): Tensor {
    const compute = () => computed(this);
    if (cache === undefined) return compute();
    const known = cache.get(this) ?? compute();
    cache.set(this, known);
    return known;
  }

  /** @internal Puts another parametrization after those that there are. */
  extendWith(module: Parametrization, unsafe: boolean): void {
    if (!unsafe) {
      const before = this.value;
      const after: unknown = noGrad(() => module.call(before));
      checkLike('forward', after, before);
      if (module.rightInverse)
        checkLike(
          'rightInverse',
          noGrad(() => module.rightInverse!(after as Tensor)),
          before,
        );
    }
    this.append(module);
    this.unsafe ||= unsafe;
  }
}

function computed(list: ParametrizationList): Tensor {
  if (computing.has(list)) {
    throw new TorchClipError('ERR_STATE', `${describe(list.at(0))} reads the value that it is to compute`);
  }
  computing.add(list);
  try {
    return (list as { call(): Tensor }).call();
  } finally {
    computing.delete(list);
  }
}

/** A parametrization maps tensors of one shape and dtype to such. */
function checkLike(what: string, got: unknown, original: Tensor): void {
  if (!isTensor(got)) throw invalidArgument(`the result of ${what}()`, 'a Tensor', got);
  if (got.dtype !== original.dtype) throw differs(what, got, original, 'dtype');
  if (String(got.shape) !== String(original.shape)) throw differs(what, got, original, 'shape');
}

function differs(
  what: string,
  got: Tensor,
  original: Tensor | readonly number[],
  property: 'dtype' | 'shape',
): TorchClipError {
  const [a, b] = [got, original].map((t) =>
    isTensor(t) && property === 'dtype' ? t.dtype.name : `[${(isTensor(t) ? t.shape : t).join(', ')}]`,
  );
  const message = `${what}() of the parametrization gives the ${property} ${a}, the parameter has ${b}; unsafe: true allows for that`;
  return new TorchClipError(property === 'dtype' ? 'ERR_DTYPE' : 'ERR_SHAPE', message);
}

function setData(tensor: Tensor, data: Tensor): void {
  nativeOp('set_data')(tensor.handle, data.detach().handle);
}

/** Runs what gives tensors other memory; when it throws, they have that which they had. */
function orAsBefore<T>(tensors: readonly Tensor[], body: () => T): T {
  const before = tensors.map((tensor) => tensor.detach());
  try {
    return body();
  } catch (error) {
    tensors.forEach((tensor, i) => {
      setData(tensor, before[i]!);
    });
    throw error;
  }
}

function hold(module: Module, name: string, tensor: Tensor): void {
  if (tensor instanceof Parameter) module.registerParameter(name, tensor);
  else module.registerBuffer(name, tensor);
}

/** The classes of parametrized modules, and what they were before. */
const originalClass = new WeakMap<object, object>();

type Parametrized = Module & { parametrizations: ModuleDict<Record<string, ParametrizationList>> };

/** Gives a module a class of its own under PyTorch's name, whose computed properties are read through the prototype. */
function specialise(module: Module): void {
  const before = Object.getPrototypeOf(module) as object;
  const { name } = module.constructor;
  const prototype = Object.create(before) as object;
  Object.defineProperty(prototype, 'constructor', {
    value: { [`Parametrized${name}`]: class extends (module.constructor as new () => Module) {} }[
      `Parametrized${name}`
    ],
    configurable: true,
  });
  originalClass.set(prototype, before);
  Object.setPrototypeOf(module, prototype);
  module.registerModule('parametrizations', new ModuleDict());
}

function defineOn(module: Module, name: string): void {
  Object.defineProperty(Object.getPrototypeOf(module), name, {
    get(this: Module) {
      return listOf(this, name)?.value;
    },
    set(this: Module, value: Tensor) {
      const list = listOf(this, name);
      if (list) list.rightInverse(value);
      else Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
    configurable: true,
  });
}

function listOf(module: Module, name: string): ParametrizationList | undefined {
  const all: unknown = Object.hasOwn(module, 'parametrizations') ? Reflect.get(module, 'parametrizations') : undefined;
  return all instanceof ModuleDict && all.has(name) ? (all.get(name) as ParametrizationList) : undefined;
}

const readRegister = optionsOf('registerParametrization()', { unsafe: [flag, false] });

/**
 * Has a parameter or buffer of a module computed by `parametrization`, again each time that it is read.
 *
 * What is trained is `parametrizations.NAME.original` then, the same object that the parameter was. Assigning to the property works where the
 * parametrization has a `rightInverse`. Several are applied in the order in which they were registered.
 *
 * @param options.unsafe allow the value to have another shape or dtype than the parameter; default false.
 *
 * @example
 * class Symmetric extends nn.Module {
 *   override forward(x: Tensor): Tensor {
 *     return x.triu().add(x.triu(1).transpose(-1, -2));
 *   }
 * }
 * nn.utils.parametrize.registerParametrization(layer, 'weight', new Symmetric());
 */
export function registerParametrization<M extends Module>(
  module: M,
  tensorName: string,
  parametrization: Parametrization,
  options: { unsafe?: boolean } = {},
): M {
  const { unsafe } = readRegister(options);
  checkModule(module);
  check('tensorName', tensorName, text);
  if (!(parametrization instanceof Module)) throw invalidArgument('parametrization', 'a Module', parametrization);
  if (parametrization.modules().includes(module)) {
    throw new TorchClipError(
      'ERR_STATE',
      `"parametrization" must not hold the module whose ${describe(tensorName)} it computes, got ${describe(parametrization)}`,
    );
  }
  const known = listOf(module, tensorName);
  if (known) {
    parametrization.train(module.training);
    known.extendWith(parametrization, unsafe);
    return module;
  }
  const original: unknown = Object.hasOwn(module, tensorName) ? Reflect.get(module, tensorName) : undefined;
  const isMember =
    module.namedParameters({ recurse: false }).some(([, p]) => p === original) ||
    module.namedBuffers({ recurse: false }).some(([, b]) => b === original);
  if (!isTensor(original) || !isMember) {
    throw invalidArgument('tensorName', `the name of a parameter or buffer of ${module.constructor.name}`, tensorName);
  }
  parametrization.train(module.training);
  const list = orAsBefore([original], () => new ParametrizationList(own, [parametrization], original, unsafe));
  list.train(module.training);
  Reflect.deleteProperty(module, tensorName);
  if (!isParametrized(module)) specialise(module);
  (module as unknown as Parametrized).parametrizations.set(tensorName, list);
  defineOn(module, tensorName);
  return module;
}

/**
 * Whether a module, or its parameter of that name, is parametrized.
 *
 * @example
 * nn.utils.parametrize.isParametrized(layer, 'weight');
 */
export function isParametrized(module: Module, tensorName: string | null = null): boolean {
  checkModule(module);
  if (check('tensorName', tensorName, orNull(text)) !== null) return listOf(module, tensorName!) !== undefined;
  const all: unknown = Object.hasOwn(module, 'parametrizations') ? Reflect.get(module, 'parametrizations') : undefined;
  return all instanceof ModuleDict && all.size > 0;
}

const readRemove = optionsOf('removeParametrizations()', { leaveParametrized: [flag, true] });

/**
 * Makes a parametrized parameter a plain one again.
 *
 * @param options.leaveParametrized keep the computed value (default); false for the one that it is computed from, where that is one tensor.
 *
 * @example
 * nn.utils.parametrize.removeParametrizations(layer, 'weight');
 */
export function removeParametrizations<M extends Module>(
  module: M,
  tensorName: string,
  options: { leaveParametrized?: boolean } = {},
): M {
  const { leaveParametrized } = readRemove(options);
  const list = listOf(checkModule(module), tensorName);
  if (!list) {
    throw invalidArgument('tensorName', `the name of a parametrized tensor of ${module.constructor.name}`, tensorName);
  }
  let original = list.originals()[0]!;
  if (leaveParametrized) {
    const value = noGrad(() => list.value.detach());
    if (list.ntensors === null) setData(original, value);
    else original = list.originals().some((t) => t.requiresGrad) ? new Parameter(value) : value;
  } else if (list.ntensors !== null) {
    const message = `"${tensorName}" is computed from ${list.ntensors} tensors; leaveParametrized: false cannot choose among them`;
    throw new TorchClipError('ERR_STATE', message);
  }
  const { parametrizations } = module as unknown as Parametrized;
  parametrizations.delete(tensorName);
  if (parametrizations.size === 0) {
    Reflect.deleteProperty(module, 'parametrizations');
    Object.setPrototypeOf(module, originalClass.get(Object.getPrototypeOf(module) as object)!);
  }
  hold(module, tensorName, original);
  return module;
}

/**
 * Runs `body` with the value of each parametrized tensor computed once only: for networks that read one many times, such as recurrent ones.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 *
 * @example
 * const output = nn.utils.parametrize.cached(() => model.forward(x));
 */
export function cached<T>(body: () => T): T {
  refuseAsync('cached', body);
  if (cache !== undefined) return refusePromise('cached', body());
  cache = new Map();
  try {
    return refusePromise('cached', body());
  } finally {
    cache = undefined;
  }
}

/**
 * The class of a module before it was parametrized; its class where it is not.
 *
 * @example
 * nn.utils.parametrize.typeBeforeParametrizations(layer) === nn.Linear; // true
 */
export function typeBeforeParametrizations(module: Module): new (...args: never[]) => Module {
  const prototype = Object.getPrototypeOf(checkModule(module)) as object;
  const before = (originalClass.get(prototype) ?? prototype) as { constructor: new (...args: never[]) => Module };
  return before.constructor;
}

/**
 * Gives `toModule` the parametrizations of `fromModule`, and what they compute from.
 *
 * @param tensorName of this tensor only; default null, of all.
 *
 * @returns `toModule`.
 *
 * @example
 * nn.utils.parametrize.transferParametrizationsAndParams(from, to);
 */
export function transferParametrizationsAndParams<M extends Module>(
  fromModule: Module,
  toModule: M,
  tensorName: string | null = null,
): M {
  checkModule(toModule);
  if (!isParametrized(fromModule)) return toModule;
  const all = (fromModule as Parametrized).parametrizations;
  const names = tensorName === null ? all.keys() : [tensorName];
  for (const name of names) {
    const list = listOf(fromModule, name);
    if (!list) throw invalidArgument('tensorName', `one of ${all.keys().join(', ')}`, name);
    if (Reflect.get(toModule, name) === undefined) {
      toModule.registerParameter(name, new Parameter(noGrad(() => list.value.detach())));
    }
    for (const parametrization of list) registerParametrization(toModule, name, parametrization);
    const target = listOf(toModule, name)!;
    const originals = list.ntensors === null ? ['original'] : list.originals().map((_, i) => `original${i}`);
    for (const original of originals) Reflect.set(target, original, Reflect.get(list, original));
  }
  return toModule;
}
