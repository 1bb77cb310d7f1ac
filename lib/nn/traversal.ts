// How the modules, parameters and buffers in a module are listed, and found by their dotted names.
import { check, text } from '../check.js';
import { invalidArgument } from '../errors.js';
import { Tensor } from '../tensor.js';
import type { ModuleAccess } from './members.js';
import type { Parameter } from './parameter.js';

/** Whether a member is asked for. */
type Wanted<M> = (name: string, value: unknown, module: M) => boolean;

/** The own members of a module that are wanted. */
function members<M extends object>(of: ModuleAccess<M>, module: M, wanted: Wanted<M>): [string, unknown][] {
  return of.entries(module).filter(([name, value]) => wanted(name, value, module));
}

const parameterIn =
  <M extends object>(of: ModuleAccess<M>): Wanted<M> =>
  (name, value, module) =>
    of.isParameter(module, name, value);

const bufferIn =
  <M extends object>(of: ModuleAccess<M>): Wanted<M> =>
  (name, value, module) =>
    value instanceof Tensor && of.registeredAs(module, name)?.persistent !== undefined;

/** The modules right below, under each of their names. */
export function ownModules<M extends object>(of: ModuleAccess<M>, module: M): [string, M][] {
  return members(of, module, (_, value) => of.isModule(value)) as [string, M][];
}

/** A module's own buffers. */
export function ownBuffers<M extends object>(of: ModuleAccess<M>, module: M): [string, Tensor][] {
  return members(of, module, bufferIn(of)) as [string, Tensor][];
}

/** A module's own parameters and buffers, in the order of assignment. */
export function ownTensors<M extends object>(of: ModuleAccess<M>, module: M): [string, Tensor][] {
  const [isParameter, isBuffer] = [parameterIn(of), bufferIn(of)];
  return members(of, module, (n, v, m) => isParameter(n, v, m) || isBuffer(n, v, m)) as [string, Tensor][];
}

/** A module's own parameters, then its own persistent buffers: what it saves. */
export function savedTensors<M extends object>(of: ModuleAccess<M>, module: M): [string, Tensor][] {
  const persistent = ownBuffers(of, module).filter(([name]) => of.registeredAs(module, name)!.persistent === true);
  return [...(members(of, module, parameterIn(of)) as [string, Parameter][]), ...persistent];
}

/** The modules right below, each once. */
export function childrenOf<M extends object>(of: ModuleAccess<M>, module: M): [string, M][] {
  const seen = new Set<unknown>();
  return ownModules(of, module).filter(([, child]) => once(seen, child));
}

/** A module and all below it, each once, parents first, with their dotted names. */
export function namedModulesOf<M extends { namedChildren(): [string, M][] }>(root: M): [string, M][] {
  const found: [string, M][] = [];
  const seen = new Set<M>();
  const walk = (module: M, path: string) => {
    if (!once(seen, module)) return;
    found.push([path, module]);
    for (const [name, child] of module.namedChildren()) walk(child, join(path, name));
  };
  walk(root, '');
  return found;
}

/** A module and all below it, each once, parents first. */
export function modulesOf<M extends object>(of: ModuleAccess<M>, root: M): M[] {
  const found = new Set<M>();
  const walk = (module: M) => {
    if (found.has(module)) return;
    found.add(module);
    for (const [, value] of of.entries(module)) if (of.isModule(value)) walk(value);
  };
  walk(root);
  return [...found];
}

/** The parameters of modules with their dotted names, each tensor once. */
export function namedParametersOf<M extends object>(
  of: ModuleAccess<M>,
  modules: readonly [string, M][],
): [string, Parameter][] {
  return collect(of, modules, parameterIn(of)) as [string, Parameter][];
}

/** The parameters of modules, each once. */
export function parametersOf<M extends object>(of: ModuleAccess<M>, modules: readonly M[]): Parameter[] {
  const found = new Set<Parameter>();
  for (const module of modules) {
    for (const [name, value] of of.entries(module))
      if (of.isParameter(module, name, value)) found.add(value as Parameter);
  }
  return [...found];
}

/** The buffers of modules with their dotted names, each tensor once. */
export function namedBuffersOf<M extends object>(
  of: ModuleAccess<M>,
  modules: readonly [string, M][],
): [string, Tensor][] {
  return collect(of, modules, bufferIn(of)) as [string, Tensor][];
}

function collect<M extends object>(
  of: ModuleAccess<M>,
  modules: readonly [string, M][],
  wanted: Wanted<M>,
): [string, unknown][] {
  const seen = new Set<unknown>();
  return modules.flatMap(([path, module]) =>
    members(of, module, (name, value) => wanted(name, value, module) && once(seen, value)).map(
      ([name, value]): [string, unknown] => [join(path, name), value],
    ),
  );
}

/** The module of a dotted name. */
export function submoduleAt<M extends object>(of: ModuleAccess<M>, root: M, target: string): M {
  let at = root;
  for (const name of check('target', target, text) === '' ? [] : target.split('.')) {
    const next: unknown = Object.hasOwn(at, name) ? Reflect.get(at, name) : undefined;
    if (!of.isModule(next)) {
      throw invalidArgument('target', `the name of a module in ${root.constructor.name}`, target);
    }
    at = next;
  }
  return at;
}

/** The parameter of a dotted name. */
export function parameterAt<M extends { getSubmodule(target: string): M }>(
  of: ModuleAccess<M>,
  root: M,
  target: string,
): Parameter {
  const [path, name] = splitName(target);
  const module = root.getSubmodule(path);
  const value: unknown = Reflect.get(module, name);
  if (of.isParameter(module, name, value)) return value as Parameter;
  throw invalidArgument('target', `the name of a parameter in ${root.constructor.name}`, target);
}

/** The buffer of a dotted name. */
export function bufferAt<M extends { getSubmodule(target: string): M }>(
  of: ModuleAccess<M>,
  root: M,
  target: string,
): Tensor {
  const [path, name] = splitName(target);
  const module = root.getSubmodule(path);
  const value: unknown = Reflect.get(module, name);
  if (bufferIn(of)(name, value, module)) return value as Tensor;
  throw invalidArgument('target', `the name of a buffer in ${root.constructor.name}`, target);
}

/** A dotted name as the module's and the member's. */
export function splitName(target: string): [path: string, name: string] {
  const at = check('target', target, text).lastIndexOf('.');
  return [target.slice(0, Math.max(0, at)), target.slice(at + 1)];
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

function once(seen: Set<unknown>, value: unknown): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return true;
}
