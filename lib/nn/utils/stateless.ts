import { flag, withoutHoles } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { isPlainObject, optionsOf } from '../../options.js';
import { refuseAsync, refusePromise } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Module, standIn } from '../module.js';
import { checkModule } from './computed.js';

const readCall = optionsOf('functionalCall()', { tieWeights: [flag, true], strict: [flag, false] });

/**
 * Calls a module with other tensors in place of its parameters and buffers, which are put back afterwards.
 *
 * @param parametersAndBuffers tensors by dotted name.
 * @param args the arguments of `forward`; a single one may stand alone.
 * @param options.tieWeights a tensor under one name of a tied parameter stands for all of them; default true.
 * @param options.strict whether all names must be given; default false.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` for a name that the module does not have; `ERR_ASYNC_SCOPE` for a `forward` that is asynchronous.
 *
 * @example
 * const weights = Object.fromEntries(model.namedParameters().map(([name, p]) => [name, p.mul(2)]));
 * nn.utils.stateless.functionalCall(model, weights, x);
 */
export function functionalCall<M extends Module>(
  module: M,
  parametersAndBuffers: Readonly<Record<string, Tensor>>,
  args: Parameters<M['forward']> | Parameters<M['forward']>[0],
  options: { tieWeights?: boolean; strict?: boolean } = {},
): ReturnType<M['forward']> {
  const { tieWeights, strict } = readCall(options);
  checkModule(module);
  refuseAsync('functionalCall', module.forward, 'forward');
  if (!isPlainObject(parametersAndBuffers)) {
    throw invalidArgument('parametersAndBuffers', 'a plain object of Tensors', parametersAndBuffers);
  }
  const members = membersOf(module);
  const names = Object.keys(parametersAndBuffers);
  for (const name of names) {
    if (!members.has(name))
      throw invalidArgument('parametersAndBuffers', "keyed by names of the module's parameters and buffers", name);
    if (!isTensor(parametersAndBuffers[name])) throw invalidArgument(name, 'a Tensor', parametersAndBuffers[name]);
  }
  const replaced = new Map(names.map((name) => [name, parametersAndBuffers[name]!]));
  if (tieWeights) {
    const byTensor = new Map(names.map((name) => [members.get(name)!.tensor, parametersAndBuffers[name]!]));
    for (const [name, { tensor }] of members) {
      const value = byTensor.get(tensor);
      if (value && !replaced.has(name)) replaced.set(name, value);
    }
  }
  const missing = [...members.keys()].filter((name) => !replaced.has(name));
  if (strict && missing.length > 0) {
    throw invalidArgument('parametersAndBuffers', `complete: it lacks ${missing.join(', ')}`, names);
  }
  const putBack: (() => void)[] = [];
  try {
    for (const [name, value] of replaced) {
      const { owner, key } = members.get(name)!;
      putBack.push(standIn(owner, key, value));
    }
    const list = (Array.isArray(args) ? withoutHoles('args', args) : [args]) as Parameters<M['forward']>;
    const { call } = module as { call(this: M, ...a: Parameters<M['forward']>): ReturnType<M['forward']> };
    return refusePromise('functionalCall', call.apply(module, list), 'forward');
  } finally {
    for (const back of putBack.reverse()) back();
  }
}

interface Member {
  owner: Module;
  key: string;
  tensor: Tensor;
}

/** Parameters and buffers under all their names, those of tied ones too. */
function membersOf(root: Module): Map<string, Member> {
  const members = new Map<string, Member>();
  for (const [path, owner] of root.namedModules()) {
    const own = [...owner.namedParameters({ recurse: false }), ...owner.namedBuffers({ recurse: false })];
    const tensors = new Set<unknown>(own.map(([, tensor]) => tensor));
    for (const key of Object.keys(owner)) {
      const value: unknown = Reflect.get(owner, key);
      if (tensors.has(value))
        members.set(path === '' ? key : `${path}.${key}`, { owner, key, tensor: value as Tensor });
    }
  }
  return members;
}
