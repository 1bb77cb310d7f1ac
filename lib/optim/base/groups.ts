import { native } from '../../binding/index.js';
import type { Kind } from '../../check.js';
import { requireWhole } from '../../distributed/sharded-parameters.js';
import { describe, TorchClipError } from '../../errors.js';
import { type Option, readAll } from '../../options.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { AssignedOptions, complete, type Definition } from '../engine/definition.js';
import { type NativeOptimizer, type Rule, ruleOf } from '../engine/native-optimizer.js';
import { isRecord } from '../engine/saved.js';
import { type GroupInput, type ParamGroup, parametersOf } from './parameters.js';

/**
 * @internal The groups that were added to an optimizer: it completes them, and checks `paramGroups` against them before each use.
 *
 * `paramGroups` is handed to each method, since a user may have replaced it by another array.
 */
export class AddedGroups<G> {
  readonly definition: Definition<G>;
  readonly #defaults: Readonly<Record<string, unknown>>;
  readonly #assigned: AssignedOptions<G> | null;
  // The lists of parameters that the engine knows, in its order.
  readonly #known: (readonly Tensor[])[] = [];

  /** @param free Whether the options of groups can be assigned anything. */
  constructor(definition: Definition<G>, options: unknown, free: boolean) {
    this.definition = definition;
    this.#defaults = complete(definition, options, {}) as Readonly<Record<string, unknown>>;
    // What the options of a user's own optimizer may be is the user's to say.
    this.#assigned = free ? null : new AssignedOptions(definition);
  }

  /** Completes and checks a group, and tells the engine of its parameters; `needsWhole` where it is not the engine that takes the steps. */
  add(optimizer: NativeOptimizer, group: GroupInput<G>, needsWhole: boolean): ParamGroup<G> {
    const owner = `a parameter group of ${this.definition.name}`;
    const { params, ...own } = readAll(owner, group) as GroupInput<G>;
    const { list, names } = parametersOf(params);
    const options = complete(this.definition, own, this.#defaults, { owner });
    if (needsWhole) requireWhole(`${this.definition.name} needs whole parameters`, list);
    for (const param of list) {
      const problem = this.definition.parameter?.(param);
      if (problem !== undefined) throw new TorchClipError('ERR_ARGUMENT', problem);
    }
    native.optimAddGroup(
      optimizer,
      list.map((param) => param.handle),
    );
    const added = Object.defineProperty(options, 'params', { value: list, enumerable: true }) as ParamGroup<G>;
    if (names !== undefined) Object.defineProperty(added, 'paramNames', { value: names, enumerable: true });
    this.#known.push(list);
    return added;
  }

  /** How many parameters the groups have. */
  get parameterCount(): number {
    return this.#known.reduce((count, list) => count + list.length, 0);
  }

  /** The engine's rule for a group, by its options as they are now. */
  rule(group: ParamGroup<G>): Rule {
    return ruleOf(this.definition.rule(group as unknown as Required<G>));
  }

  /** What an option must be; undefined where there is none of that name, or anything may be assigned to it. */
  optionKind(name: string): Kind | undefined {
    if (this.#assigned === null) return undefined;
    const options: Readonly<Record<string, Option | undefined>> = this.definition.options;
    return options[name]?.[0];
  }

  /** The groups are those that were added. */
  check(groups: readonly ParamGroup<G>[]): void {
    // Nothing keeps a user from putting anything there.
    const given: unknown = groups;
    const isKnown = (list: readonly Tensor[], i: number) =>
      (groups[i] as ParamGroup<G> | null | undefined)?.params === list;
    if (Array.isArray(given) && given.length === this.#known.length && this.#known.every(isKnown)) return;
    throw new TorchClipError(
      'ERR_STATE',
      'paramGroups must hold the groups that were added, in their order: to stop training a group, set its lr to 0 or create a new optimizer',
    );
  }

  /** As {@link check}; and what a schedule writes can be written. */
  checkWritable(groups: readonly ParamGroup<G>[]): void {
    this.check(groups);
    for (const [i, group] of groups.entries()) {
      const lr = Object.getOwnPropertyDescriptor(group, 'lr');
      const writes = lr === undefined || lr.writable === true || lr.set !== undefined;
      if (writes && Object.isExtensible(group)) continue;
      throw new TorchClipError(
        'ERR_STATE',
        `paramGroups[${i}] must not be frozen, nor its lr be read-only: a schedule writes to it`,
      );
    }
  }

  /** As {@link check}; and options that were assigned since the last step are those that the constructor accepts. */
  checkAssigned(groups: readonly ParamGroup<G>[]): void {
    this.check(groups);
    if (this.#assigned === null) return;
    for (let i = 0; i < groups.length; i++) {
      this.#assigned.check(groups[i] as unknown as Readonly<Record<string, unknown>>, i);
    }
  }
}

/** @internal The options of each group, as PyTorch prints an optimizer. */
export function groupsText<G extends object>(name: string, paramGroups: readonly ParamGroup<G>[]): string {
  const listed: unknown = paramGroups;
  const groups = (Array.isArray(listed) ? listed : []).map((group: unknown, i) => {
    if (!isRecord(group)) return `Parameter Group ${i}\n    ${describe(group)}\n`;
    const options = Object.entries(group).filter(([name]) => name !== 'params' && name !== 'paramNames');
    const lines = options
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `    ${name}: ${optionText(value)}\n`);
    return `Parameter Group ${i}\n${lines.join('')}`;
  });
  return `${name} (\n${groups.join('\n')})`;
}

function optionText(value: unknown): string {
  if (Array.isArray(value) && value.length <= 8) return `[${value.map(optionText).join(', ')}]`;
  return isTensor(value) || typeof value === 'string' ? String(value) : describe(value);
}
