import { noGrad } from '../autograd.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { Tensor } from '../tensor.js';

/** Tensors by dotted name, in PyTorch's names. */
export type StateDict = Record<string, Tensor>;

/** The names on which a module and a state dict differ. */
export interface IncompatibleKeys {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** Copies `source` into `target`, or throws one error that lists everything wrong and copies nothing. */
export function loadState(
  owner: string,
  target: readonly [string, Tensor][],
  source: StateDict,
  strict: boolean,
): IncompatibleKeys {
  if (typeof source !== 'object' || source === null) throw invalidArgument('stateDict', 'an object of tensors', source);
  const names = new Set(target.map(([name]) => name));
  const missingKeys = [...names].filter((name) => !Object.hasOwn(source, name));
  const unexpectedKeys = Object.keys(source).filter((name) => !names.has(name));
  const problems: string[] = [];
  if (strict && missingKeys.length > 0) problems.push(`Missing key(s) in state_dict: ${quoted(missingKeys)}. `);
  if (strict && unexpectedKeys.length > 0)
    problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `);
  const copies: [Tensor, Tensor][] = [];
  for (const [name, tensor] of target) {
    if (!Object.hasOwn(source, name)) continue;
    const value = source[name];
    if (!(value instanceof Tensor)) {
      problems.push(`While copying the parameter named "${name}", expected a Tensor, got ${describe(value)}`);
    } else if (!sameShape(value.shape, tensor.shape)) {
      problems.push(
        `size mismatch for ${name}: copying a param with shape ${size(value)} from checkpoint, ` +
          `the shape in current model is ${size(tensor)}.`,
      );
    } else {
      copies.push([tensor, value]);
    }
  }
  if (problems.length > 0) {
    throw new TorchClipError('ERR_STATE', `Error(s) in loading state_dict for ${owner}:\n\t${problems.join('\n\t')}`);
  }
  noGrad(() => {
    for (const [tensor, value] of copies) tensor.copy_(value);
  });
  return { missingKeys, unexpectedKeys };
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
const size = (tensor: Tensor): string => `torch.Size([${tensor.shape.join(', ')}])`;
const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);
