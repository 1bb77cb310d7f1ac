// The classes of nn by kind, from the files that define them.
import { readFileSync } from 'node:fs';
import { nn } from '../../lib/index.js';

/** The kinds by what the names of their files begin or end with; the rest are plain layers. */
const kinds: readonly [kind: string, files: RegExp][] = [
  ['layers', /^/],
  ['attention and transformers', /attention|transformer/],
  ['recurrent', /recurrent|cell/],
  ['activations', /^activation/],
  ['normalisation', /norm/],
  ['pooling', /pool/],
  ['padding', /^padding/],
  ['dropout', /^dropout/],
  ['losses', /loss/],
  ['lazy', /^lazy/],
];

const layers = new URL('../../lib/nn/layers/', import.meta.url);
const exported = new Set(Object.keys(nn));
const files = readFileSync(new URL('index.ts', layers), 'utf8').matchAll(/from '\.\/([\w-]+)\.js'/g);
const byKind = new Map(kinds.map(([kind]) => [kind, [] as string[]]));
for (const [, file] of files) {
  const [kind] = kinds.findLast(([, names]) => names.test(file!))!;
  const source = readFileSync(new URL(`${file}.ts`, layers), 'utf8');
  const defined = [...source.matchAll(/^export (?:abstract )?(?:class|const) (\w+)/gm)].map(([, name]) => name!);
  byKind.get(kind)!.push(...defined.filter((name) => exported.has(name)));
}

/** The rows of docs/nn.md's table. */
export const layerRows = [...byKind]
  .filter(([, names]) => names.length > 0)
  .map(([kind, names]) => `| ${kind} | ${names.sort().join(', ')} |`)
  .join('\n');
