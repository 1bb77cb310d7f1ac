// The one sentence for a call that fits no overload: what the overloads that came furthest wanted next.

import { camelCase } from '../camel-case.js';
import { describe, TorchClipError } from '../errors.js';
import { unknownOption } from '../options.js';
import { expectedOf, no } from './convert.js';
import type { Options, Overload } from './overload.js';

interface Misfit {
  /** How many arguments fit before this one. */
  fitted: number;
  /** The argument that is wrong; undefined where there is one too many. */
  key?: string;
  /** The name of an option that does not exist. */
  unknown?: string;
  expected: string[];
  got?: unknown;
}

function misfitOf(overload: Overload, given: readonly unknown[], options: Options = {}): Misfit {
  const { params, positional, outs } = overload;
  const args = overload.spreads ? overload.gather(given) : given;
  if (args.length > positional.length) return { fitted: positional.length, expected: [] };
  for (const [i, param] of params.entries()) {
    const twice = args[i] !== undefined && options[param.key] !== undefined;
    if (twice) return { fitted: i, key: param.key, expected: ['given once'], got: options[param.key] };
    const value = args[i] === undefined ? options[param.key] : args[i];
    if (value === undefined ? !param.hasDefault : param.convert(value) === no) {
      return { fitted: i, key: param.key, expected: expectedOf(param), got: value };
    }
  }
  const known = optionsOf(overload);
  const unknown = Object.keys(options).find((key) => options[key] !== undefined && !known.includes(key));
  const fitted = params.length;
  if (unknown !== undefined) return { fitted, unknown, expected: known };
  if (outs.length === 0) return { fitted, key: 'requiresGrad', expected: ['true or false'], got: options.requiresGrad };
  const expected = outs.length === 1 ? ['a Tensor'] : [`an array of ${outs.length} Tensors`];
  return { fitted, key: 'out', expected, got: options.out };
}

/** The names that the options of an overload may have. */
function optionsOf({ params, factory, outs }: Overload): string[] {
  const names = params.map((p) => p.key).filter((key) => key !== 'self');
  if (factory) names.push('requiresGrad');
  if (outs.length > 0) names.push('out');
  return names;
}

const either = (words: string[]) =>
  words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : words.join();

/** @param overloads those that the call could have meant */
export function refusal(
  op: string,
  overloads: readonly Overload[],
  given: readonly unknown[],
  options: Options | undefined,
): TorchClipError {
  const name = camelCase(op);
  const error = (sentence: string) => new TorchClipError('ERR_ARGUMENT', sentence);
  if (overloads.length === 0) {
    return error(`${name}() ${options?.out === undefined ? 'needs' : 'does not take'} "out"`);
  }
  const misfits = overloads.map((overload) => misfitOf(overload, given, options));
  const furthest = Math.max(...misfits.map((m) => m.fitted));
  const best = misfits.filter((m) => m.fitted === furthest);
  const first = best.find((m) => m.key !== undefined);
  if (first !== undefined) {
    const expected = new Set(best.filter((m) => m.key === first.key).flatMap((m) => m.expected));
    const shown = first.key === 'self' ? 'input' : first.key;
    return error(`"${shown}" of ${name}() must be ${either([...expected])}, got ${describe(first.got)}`);
  }
  const stray = best.find((m) => m.unknown !== undefined);
  if (stray !== undefined) {
    // Those of other overloads, too: without a word for its dimension, a sum is that of all elements.
    const known = new Set([...stray.expected, ...overloads.flatMap(optionsOf)]);
    return unknownOption(`${name}()`, stray.unknown!, [...known]);
  }
  const most = `${furthest} positional argument${furthest === 1 ? '' : 's'}`;
  return error(`${name}() must get at most ${most}, got ${given.length} with ${describe(given.at(-1))} as the last`);
}
