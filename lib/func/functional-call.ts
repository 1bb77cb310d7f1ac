// Modules as functions of their parameters: `functionalCall` and `stackModuleState` of `torch.func`.
import { elementsOf } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { BatchNorm } from '../nn/layers/batchnorm.js';
import { Module } from '../nn/module.js';
import { functionalCall as callStateless } from '../nn/utils/stateless.js';
import { stack } from '../ops/generated/functions.js';
import { isPlainObject } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

type State = Readonly<Record<string, Tensor>>;

/**
 * Calls a module with other tensors in place of its parameters and buffers, which are put back afterwards: `torch.func.functional_call`.
 * That makes it a function of its weights, which transforms can differentiate and map over.
 *
 * @param state tensors by dotted name, or an array of such objects, which have no name in common; what is not named stays.
 * @param args the arguments of `forward`; a single one may stand alone.
 * @param options.tieWeights a tensor under one name of a tied parameter stands for all of them; default true.
 * @param options.strict whether all names must be given; default false.
 * @throws {TorchClipError} `ERR_ARGUMENT` for a name that the module does not have, or that is given twice; `ERR_ASYNC_SCOPE` for a
 * `forward` that is asynchronous.
 *
 * @example
 * const weights = Object.fromEntries(model.namedParameters());
 * const lossOf = (w: typeof weights, x: Tensor, y: Tensor) => lossFn.forward(torch.func.functionalCall(model, w, x), y);
 * const gradients = torch.func.grad(lossOf)(weights, x, y);
 * @see https://pytorch.org/docs/stable/generated/torch.func.functional_call.html
 */
export function functionalCall<M extends Module>(
  module: M,
  state: State | readonly State[],
  args: Parameters<M['forward']> | Parameters<M['forward']>[0],
  options?: { tieWeights?: boolean; strict?: boolean },
): ReturnType<M['forward']> {
  return callStateless(module, merged(state), args, options);
}

function merged(state: State | readonly State[]): State {
  if (!Array.isArray(state)) return state as State;
  const parts = state as readonly State[];
  const all = new Map<string, Tensor>();
  for (const [i, part] of parts.entries()) {
    if (!isPlainObject(part)) throw invalidArgument(`state[${i}]`, 'a plain object of Tensors', part);
    for (const [name, tensor] of Object.entries(part)) {
      if (all.has(name))
        throw new TorchClipError('ERR_ARGUMENT', `"state" must name each tensor once, got "${name}" twice`);
      all.set(name, tensor as Tensor);
    }
  }
  return Object.fromEntries(all);
}

/**
 * The parameters and the buffers of modules of one class, stacked by name, so that `vmap` can run all modules at once:
 * `torch.func.stack_module_state`.
 *
 * @param models an array of modules, all in training or all in evaluation mode.
 * @returns `[parameters, buffers]`, objects of tensors with a first dimension for the modules. Parameters that require gradients do so
 * here, too, as new leaves that an optimizer takes.
 *
 * @example
 * const [parameters, buffers] = torch.func.stackModuleState(models);
 * const run = (p: typeof parameters, b: typeof buffers, x: Tensor) => torch.func.functionalCall(models[0]!, [p, b], x);
 * torch.vmap(run, [0, 0, null])(parameters, buffers, x).shape; // [models.length, ...]
 * @see https://pytorch.org/docs/stable/generated/torch.func.stack_module_state.html
 */
export function stackModuleState(
  models: Iterable<Module>,
): [parameters: Record<string, Tensor>, buffers: Record<string, Tensor>] {
  if (typeof (models as Partial<Iterable<Module>> | null)?.[Symbol.iterator] !== 'function') {
    throw invalidArgument('models', 'an array of Modules', models);
  }
  const list = elementsOf(models);
  const [first] = list;
  if (first === undefined) throw invalidArgument('models', 'at least one Module', list);
  for (const [i, model] of list.entries()) {
    if (!(model instanceof Module)) throw invalidArgument(`models[${i}]`, 'a Module', model);
    if (model.constructor !== first.constructor) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"models" must be of one class, got ${first.constructor.name} and ${model.constructor.name}`,
      );
    }
    if (model.training !== first.training) {
      throw new TorchClipError('ERR_ARGUMENT', '"models" must all be in training mode, or all in evaluation mode');
    }
  }
  return [stacked(list.map((m) => m.namedParameters())), stacked(list.map((m) => m.namedBuffers()))];
}

function stacked(states: readonly [string, Tensor][][]): Record<string, Tensor> {
  const byName = states.map((state) => new Map(state));
  const names = [...byName[0]!.keys()];
  return Object.fromEntries(
    names.map((name) => {
      const tensors = byName.map((state) => {
        const tensor = state.get(name);
        if (isTensor(tensor)) return tensor;
        throw new TorchClipError('ERR_ARGUMENT', `each of "models" must have "${name}"`);
      });
      const live = tensors.filter((t) => t.requiresGrad).length;
      if (live > 0 && live < tensors.length) {
        throw new TorchClipError('ERR_ARGUMENT', `"${name}" must require gradients in all of "models", or in none`);
      }
      const all = stack(tensors);
      return [name, live > 0 ? all.detach().requiresGrad_() : all];
    }),
  );
}

/**
 * Makes every batch normalisation of a module forget its running statistics and use those of each batch, in place:
 * `torch.func.replace_all_batch_norm_modules_`. `vmap` cannot keep running statistics, as each sample would write its own.
 *
 * @returns the module.
 *
 * @example
 * torch.func.replaceAllBatchNormModules_(model);
 * @see https://pytorch.org/docs/stable/func.batch_norm.html
 */
export function replaceAllBatchNormModules_<M extends Module>(root: M): M {
  if (!(root instanceof Module)) throw invalidArgument('root', 'a Module', root);
  for (const module of root.modules()) {
    if (!(module instanceof BatchNorm) || !module.trackRunningStats) continue;
    module.running_mean = null;
    module.running_var = null;
    module.num_batches_tracked = null;
    (module as { trackRunningStats: boolean }).trackRunningStats = false;
  }
  return root;
}
