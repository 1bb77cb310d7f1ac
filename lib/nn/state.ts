import { noGrad } from '../autograd/index.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { isPlainObject } from '../options.js';
import { keep } from '../scope.js';
import { sameShape } from '../shape.js';
import { refuseLater } from '../sync.js';
import { Tensor } from '../tensor.js';
import { copyProblem } from './copyable.js';
import type { Hooks } from './hooks.js';
import { isLazy, shapelessAgain } from './lazy.js';
import { Parameter } from './parameter.js';
import type { IncompatibleKeys, StateDict } from './state-dict.js';

/** What {@link readState} and {@link loadState} need of a module itself. */
interface Stateful {
  getExtraState(): unknown;
  setExtraState(state: unknown): void;
}

/** What state dicts need to know of a module. */
export interface StateOf<M> {
  /** Its own parameters, then its own persistent buffers. */
  tensors(module: M): [name: string, tensor: Tensor][];
  /** The modules right below, under each of their names. */
  modules(module: M): [name: string, module: M][];
  hooks(module: M): Hooks<M> | undefined;
}

const EXTRA = '_extra_state';

/** Walks a module and those below, parents first, with their prefixes; a module held twice comes twice, as in PyTorch. */
function eachModule<M>(
  of: StateOf<M>,
  root: M,
  enter: (module: M, prefix: string) => void,
  leave?: (module: M, prefix: string) => void,
): void {
  const walk = (module: M, prefix: string, above: readonly M[]) => {
    if (above.includes(module)) {
      throw new TorchClipError('ERR_STATE', `${describe(module)} holds itself, at "${prefix.slice(0, -1)}"`);
    }
    enter(module, prefix);
    for (const [name, child] of of.modules(module)) walk(child, `${prefix}${name}.`, [...above, module]);
    leave?.(module, prefix);
  };
  walk(root, '', []);
}

/** The state of a module and those below. */
export function readState<M extends Stateful>(of: StateOf<M>, root: M, prefix: string, keepVars: boolean): StateDict {
  const state: StateDict = {};
  eachModule(
    of,
    root,
    (module, path) => {
      for (const hook of of.hooks(module)?.statePre ?? []) refuseLater('hook', hook(module, prefix + path));
      for (const [name, tensor] of of.tensors(module))
        state[prefix + path + name] = keepVars ? tensor : tensor.detach();
      const extra = refuseLater('getExtraState', module.getExtraState());
      if (extra !== undefined) state[prefix + path + EXTRA] = extra as Tensor;
    },
    (module, path) => {
      for (const hook of of.hooks(module)?.state ?? []) refuseLater('hook', hook(module, state, prefix + path));
    },
  );
  return state;
}

/** A tensor that a state dict is loaded into. */
interface Target {
  module: object;
  name: string;
  path: string;
  tensor: Tensor;
}

/** How {@link loadState} loads. */
export interface LoadOptions {
  strict: boolean;
  /** Put the tensors of the state dict in place of the module's, rather than copy them. */
  assign: boolean;
}

/** Says what to do where the names differ by a prefix, that of a wrapper for example. */
function prefixed(missing: readonly string[], unexpected: readonly string[]): string[] {
  /** What stands before all names of one list in the other. */
  const before = (plain: readonly string[], longer: readonly string[]): string | undefined => {
    const [first] = plain;
    const names = new Set(longer);
    return longer
      .filter((name) => first !== undefined && name.endsWith(`.${first}`))
      .map((name) => name.slice(0, -first!.length))
      .find((prefix) => plain.every((name) => names.has(prefix + name)));
  };
  const inState = before(missing, unexpected);
  if (inState !== undefined) {
    return [
      `Names in the state dict begin with "${inState}": nn.utils.consumePrefixInStateDictIfPresent(stateDict, "${inState}") takes that away.`,
    ];
  }
  const inModule = before(unexpected, missing);
  return inModule === undefined
    ? []
    : [
        `Names in the module begin with "${inModule}": load the state dict into its submodule "${inModule.slice(0, -1)}".`,
      ];
}

/** Copies `source` into a module and those below, or throws one error that lists everything wrong and copies nothing. */
export function loadState<M extends Stateful & object>(
  of: StateOf<M>,
  root: M,
  source: StateDict,
  options: LoadOptions,
): IncompatibleKeys {
  if (!isPlainObject(source)) throw invalidArgument('stateDict', 'a plain object of Tensors', source);
  // The hooks may change names: the caller's object stays as it is.
  const state = Object.assign(Object.create(null) as StateDict, source);
  const targets: Target[] = [];
  const extras: Extra[] = [];
  let hooked = false;
  eachModule(of, root, (module, path) => {
    hooked ||= (of.hooks(module)?.load.size ?? 0) > 0;
    for (const hook of of.hooks(module)?.loadPre ?? []) refuseLater('hook', hook(module, state, path));
    for (const [name, tensor] of of.tensors(module)) targets.push({ module, name, path: path + name, tensor });
    const extra = refuseLater('getExtraState', module.getExtraState());
    if (extra !== undefined) extras.push({ module, path: path + EXTRA, before: extra });
  });
  const names = new Set([...targets, ...extras].map(({ path }) => path));
  const missingKeys = [...names].filter((name) => !(name in state));
  const unexpectedKeys = Object.keys(state).filter((name) => !names.has(name));
  const found = targets.filter(({ path }) => path in state);
  const problems: string[] = [];
  const { strict, assign } = options;
  if (strict && missingKeys.length > 0) problems.push(`Missing key(s) in state_dict: ${quoted(missingKeys)}. `);
  if (strict && unexpectedKeys.length > 0) {
    problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `);
  }
  if (strict) problems.push(...prefixed(missingKeys, unexpectedKeys));
  for (const target of found) problems.push(...mismatch(target, state[target.path], assign));
  if (problems.length > 0) {
    const message = `Error(s) in loading state_dict for ${root.constructor.name}:\n\t${problems.join('\n\t')}`;
    throw new TorchClipError('ERR_STATE', message);
  }
  const keys = { missingKeys, unexpectedKeys };
  const given = extras.filter(({ path }) => path in state);
  const write = () =>
    noGrad(() => {
      for (const target of found) (assign ? replace : copy)(target, state[target.path]!);
    });
  // Without the caller's own code, nothing fails from here on.
  if (given.length === 0 && !hooked) {
    write();
    return keys;
  }
  const undo = found.map((target) => (assign ? replaced(target) : copied(target)));
  const set: Extra[] = [];
  try {
    write();
    for (const extra of given) {
      set.push(extra);
      refuseLater('setExtraState', extra.module.setExtraState(state[extra.path]));
    }
    eachModule(
      of,
      root,
      () => {},
      (module) => {
        for (const hook of of.hooks(module)?.load ?? []) refuseLater('hook', hook(module, keys));
      },
    );
  } catch (error) {
    for (const { module, before } of set.reverse()) restoreExtra(module, before);
    noGrad(() => {
      for (const restore of undo) restore();
    });
    throw error;
  }
  return keys;
}

/** What a module saves beside its tensors, as it was before. */
interface Extra {
  module: Stateful;
  path: string;
  before: unknown;
}

/** Gives a module its extra state back; one that throws again keeps what it has, and the first error is the one to tell. */
function restoreExtra(module: Stateful, before: unknown): void {
  try {
    module.setExtraState(before);
  } catch {}
}

/** Takes back a {@link copy}. */
function copied({ tensor }: Target): () => void {
  if (isLazy(tensor)) return shapelessAgain(tensor);
  const before = tensor.detach().clone();
  return () => {
    tensor.copy_(before);
  };
}

/** Takes back a {@link replace}. */
const replaced =
  ({ module, name, tensor }: Target) =>
  () =>
    Reflect.set(module, name, tensor);

function mismatch({ path, tensor }: Target, value: unknown, assign: boolean): string[] {
  if (!(value instanceof Tensor)) {
    return [`While copying the parameter named "${path}", expected a Tensor, got ${describe(value)}`];
  }
  if (isLazy(tensor)) return [];
  if (sameShape(value.shape, tensor.shape)) {
    const problem = assign ? undefined : copyProblem(tensor, value);
    return problem === undefined ? [] : [`While copying the parameter named "${path}": ${problem}`];
  }
  return [
    `size mismatch for ${path}: copying a param with shape ${size(value)} from checkpoint, ` +
      `the shape in current model is ${size(tensor)}.`,
  ];
}

function copy({ tensor }: Target, value: Tensor): void {
  if (isLazy(tensor)) {
    if (isLazy(value)) return;
    tensor.materialize(value.shape);
  }
  tensor.copy_(value);
}

function replace({ module, name, tensor }: Target, value: Tensor): void {
  const member = tensor instanceof Parameter ? new Parameter(value, tensor.requiresGrad) : keep(value.detach());
  Reflect.set(module, name, member);
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
const size = (tensor: Tensor): string => `torch.Size([${tensor.shape.join(', ')}])`;
