import { readFileSync } from 'node:fs';
import torch, { nn, optim } from '../../lib/index.js';
import { goldenCases } from './golden.js';

/** Where a name of PyTorch is here, or why it is not. */
export interface Row {
  name: string;
  /** The name here, where it is present. */
  here?: string;
  /** Why it is left out on purpose. */
  reason?: string;
}

/** One namespace of PyTorch and its names. */
export interface Space {
  name: string;
  rows: Row[];
}

interface Exclusion {
  reason: string;
  names: Record<string, string[]>;
}

const read = <T>(file: string): T => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as T;

const { torch: version, names } = read<{ torch: string; names: Record<string, string[]> }>('names.json');
const exclusions = read<Exclusion[]>('excluded.json');
const renamed = read<Record<string, Record<string, string>>>('renamed.json');

/** PyTorch's name as TypeScript writes it; a trailing underscore stays. */
export const camel = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const classes: Record<string, { prototype: object }> = {
  Tensor: torch.Tensor,
  'nn.Module': nn.Module,
  'optim.Optimizer': optim.Optimizer,
};

function walk(path: readonly string[]): unknown {
  let at: unknown = torch;
  for (const step of path) at = (at as Record<string, unknown> | undefined)?.[step];
  return at;
}

/** The path of a name here, or undefined where there is nothing under it. */
function locate(space: string, name: string): string | undefined {
  const other = renamed[space]?.[name];
  if (other !== undefined && (other.includes('.') || walk([other]) !== undefined)) {
    return walk(other.split('.')) === undefined ? undefined : other;
  }
  const here = other ?? camel(name);
  const owner = Object.hasOwn(classes, space) ? classes[space] : undefined;
  if (owner) {
    // A field of each instance, such as `training`, is on no prototype: it stands in renamed.json with its full path.
    return here in owner.prototype || here in owner ? here : undefined;
  }
  const path = [...(space === 'torch' ? [] : (renamed['']?.[space] ?? space).split('.').map(camel)), here];
  return walk(path) === undefined ? undefined : path.join('.');
}

function rowOf(space: string, name: string): Row {
  const here = locate(space, name);
  if (here !== undefined) return { name, here };
  const found = exclusions.find((e) => e.names[space]?.some((n) => n === '*' || n === name));
  return found ? { name, reason: found.reason } : { name };
}

/** Every namespace, compared. */
export const table = (): Space[] =>
  Object.entries(names).map(([name, list]) => ({ name, rows: list.map((n) => rowOf(name, n)) }));

/** Names in excluded.json or renamed.json that PyTorch does not have. */
export function strangers(): string[] {
  const lists = [...exclusions.map((e) => e.names), renamed].map((o) =>
    Object.entries(o).map(([space, v]) => [space, Array.isArray(v) ? v : Object.keys(v)] as const),
  );
  return lists
    .flat()
    .flatMap(([space, list]) =>
      list
        .filter((n) => n !== '*' && !(space === '' ? n in names : names[space]?.includes(n)))
        .map((n) => `${space}.${n}`),
    );
}

const code = (list: readonly string[]) => list.map((n) => `\`${n}\``).join(' ');
const percent = (part: number, all: number) => (all === 0 ? '-' : `${Math.floor((100 * part) / all)}%`);

const grouped = (n: number) => n.toLocaleString('en-US');

function values(): string {
  const { nn, distributions, func } = goldenCases();
  return `What the names compute is compared with PyTorch in ${grouped(nn + distributions + func)} cases that \`scripts/golden\` makes: ${grouped(nn)} of modules
and functionals (each configuration in two dtypes, in training and evaluation: outputs, gradients, state, printed form),
${grouped(distributions)} of distributions, their divergences, constraints and transforms, and ${grouped(func)} of \`torch.func\`.`;
}

/** docs/coverage.md. */
export function page(spaces: readonly Space[]): string {
  const all = spaces.map(({ name, rows }) => {
    const excluded = rows.filter((r) => r.reason !== undefined);
    const present = rows.filter((r) => r.here !== undefined);
    return { name, rows, excluded, present, missing: rows.filter((r) => !r.here && !r.reason) };
  });
  const total = (of: 'present' | 'excluded' | 'missing' | 'rows') => all.reduce((sum, s) => sum + s[of].length, 0);
  const wanted = total('rows') - total('excluded');
  const line = (name: string, present: number, missing: number, excluded: number) =>
    `| ${name} | ${present} | ${missing} | ${excluded} | ${percent(present, present + missing)} |`;
  const missing = all.filter((s) => s.missing.length > 0);
  const others = Object.entries(renamed).flatMap(([space, pairs]) =>
    Object.entries(pairs).map(([name, here]) =>
      space === '' ? `| \`torch.${name}\` | \`torch.${here}\` |` : `| \`${qualified(space, name)}\` | \`${here}\` |`,
    ),
  );
  return `<!-- Generated by scripts/coverage. Do not edit. -->

# Coverage of PyTorch's Python API

The public names of PyTorch ${version} by namespace, taken from PyTorch itself by \`scripts/coverage/names.py\`: ${total('present')} of ${wanted}
are here (${percent(total('present'), wanted)}); ${total('excluded')} more are left out on purpose. Operators are counted overload by overload in [ops.md](ops.md).
A name is PyTorch's in camel case (\`max_pool2d\` is \`maxPool2d\`), a trailing underscore stays; classes keep their names.

${values()}

| namespace | here | missing | left out | share |
|---|---|---|---|---|
${all.map((s) => line(s.name === 'torch' ? '`torch`' : `\`${s.name}\``, s.present.length, s.missing.length, s.excluded.length)).join('\n')}

## Missing

${missing.length === 0 ? 'Nothing.' : missing.map((s) => `- \`${s.name}\`: ${code(s.missing.map((r) => r.name))}`).join('\n')}

## Under another name

| PyTorch | here |
|---|---|
${others.join('\n')}

## Left out

${exclusions
  .map((e) => {
    const rows = all.flatMap((s) => {
      const list = s.excluded.filter((r) => r.reason === e.reason).map((r) => r.name);
      return list.length === 0 ? [] : [`\`${s.name}\`: ${code(list)}`];
    });
    return `**${e.reason}.** ${rows.join('; ')}.`;
  })
  .join('\n\n')}
`;
}

const qualified = (space: string, name: string) => (space === 'torch' ? `torch.${name}` : `${space}.${name}`);
