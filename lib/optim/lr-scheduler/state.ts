import { check, refusal } from '../../check.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { isPlainObject } from '../../options.js';
import { type AnyKind, kindFor } from './per-group.js';

/** A scheduler's state under PyTorch's names; it can be written as JSON. */
export type LRSchedulerStateDict = Record<string, unknown>;

/** The fields of a scheduler that its state dict holds. */
export type Fields = Readonly<Record<string, AnyKind>>;

// PyTorch's: stepSize is step_size, TMax is T_max.
const pythonName = (name: string) => name.replace(/(?<=[A-Z])\d|(?<!^)[A-Z]/g, (c) => `_${c.toLowerCase()}`);

// What PyTorch stores and nothing here needs: marks of a running step, functions.
const ignored = [
  'verbose',
  '_get_lr_called_within_step',
  '_is_initial',
  'lr_lambdas',
  '_scale_fn_custom',
  'mode_worse',
];

export function save(source: object, fields: Fields): LRSchedulerStateDict {
  const values = source as Record<string, unknown>;
  return Object.fromEntries(Object.keys(fields).map((name) => [pythonName(name), copyOf(name, values[name])]));
}

function copyOf(name: string, value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    throw invalidArgument(name, 'plain data', value);
  }
}

/** Checks the fields that can be assigned; those of a step in progress are the scheduler's own. */
export function checkFields(source: object, fields: Fields, groups: number): void {
  const values = source as Record<string, unknown>;
  for (const [name, field] of Object.entries(fields)) {
    if (!name.startsWith('_')) check(name, values[name], kindFor(field, groups));
  }
}

/** Checks a state dict and returns what takes it over. */
export function parse(
  target: object,
  fields: Fields,
  saved: LRSchedulerStateDict,
  groups: number,
  more: readonly string[] = [],
): () => void {
  if (!isPlainObject(saved)) throw invalidArgument('stateDict', 'a plain object', saved, 'ERR_STATE');
  const known = [...Object.keys(fields).map(pythonName), ...ignored, ...more];
  const stranger = Object.keys(saved).find((key) => !known.includes(key));
  if (stranger !== undefined) {
    const name = target.constructor.name;
    throw new TorchClipError(
      'ERR_STATE',
      `the state dict has an entry ${describe(stranger)} that ${name} does not have`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const key = pythonName(name);
    const value = Object.hasOwn(saved, key) ? saved[key] : undefined;
    const kind = kindFor(field, groups);
    if (!kind.accepts(value)) throw refusal(key, value, kind, 'ERR_STATE');
    values[name] = structuredClone(value);
  }
  return () => Object.assign(target, values);
}
