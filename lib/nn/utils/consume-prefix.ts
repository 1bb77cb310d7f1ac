import { check, text } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { setOwn } from '../../io/plain.js';
import { isPlainObject } from '../../options.js';
import type { StateDict } from '../state-dict.js';

/**
 * Takes a prefix away from the names of a state dict, in place and where it is there, as
 * `torch.nn.modules.utils.consume_prefix_in_state_dict_if_present`: `module.` stands before the names of a `DistributedDataParallel`,
 * `_orig_mod.` before those of a module that Python has compiled.
 *
 * @param prefix with its dot.
 *
 * @example
 * const state = torch.load<nn.StateDict>('ddp.pt');
 * nn.utils.consumePrefixInStateDictIfPresent(state, 'module.');
 * net.loadStateDict(state);
 */
export function consumePrefixInStateDictIfPresent(stateDict: StateDict, prefix: string): void {
  if (!isPlainObject(stateDict)) throw invalidArgument('stateDict', 'a plain object of Tensors', stateDict);
  check('prefix', prefix, text);
  const entries = Object.entries(stateDict);
  if (prefix === '' || !entries.some(([name]) => name.startsWith(prefix))) return;
  // All anew, so that the order of the names stays.
  for (const [name] of entries) delete stateDict[name];
  for (const [name, tensor] of entries)
    setOwn(stateDict, name.startsWith(prefix) ? name.slice(prefix.length) : name, tensor);
}
