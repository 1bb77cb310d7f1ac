// node --import tsx scripts/gen-ops/examples.ts: writes the values of the examples in descriptions.mjs to examples.json, from which
// scripts/gen-ops/main.mjs takes them.
import { writeFileSync } from 'node:fs';
import torch, { isTensor } from '../../lib/index.js';
import { descriptions } from './descriptions.mjs';

/** A value as the documentation shows it, its numbers with four digits. */
export function shown(value: unknown): string {
  const plain: unknown = isTensor(value) ? value.tolist() : value;
  return JSON.stringify(plain, (_, x: unknown) => (typeof x === 'number' ? Number(x.toFixed(4)) : x))
    .replaceAll('"', '')
    .replaceAll(',', ', ')
    .replace(/^\{(.*)\}$/, '{ $1 }')
    .replaceAll(/(\w+):/g, '$1: ');
}

/** The value of an expression over `torch`. */
export const evaluate = (example: string): unknown => new Function('torch', `return ${example}`)(torch);

export const examples = [...(descriptions as Map<string, { example?: string }>)].flatMap(([name, { example }]) =>
  example === undefined ? [] : [{ name, example }],
);

if (process.argv[1]?.endsWith('gen-ops/examples.ts')) {
  const values = Object.fromEntries(examples.map(({ name, example }) => [name, shown(evaluate(example))]));
  writeFileSync(new URL('examples.json', import.meta.url), `${JSON.stringify(values, null, 1)}\n`);
}
