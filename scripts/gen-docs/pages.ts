// The tables of options, from what the code itself says: names, types and meanings from the interfaces, defaults from what is made without
// options, and what is accepted from the errors that refuse something else.
import { anything } from '../../lib/check.js';
import torch, { clip, nn, optim } from '../../lib/index.js';
import { readers } from '../../lib/options.js';
import { argumentsOf, type Member, membersOf, optionMembersOf, optionsOf } from './interfaces.js';
import { layerRows } from './layers.js';

interface Row extends Member {
  fallback: string;
  accepted: string;
}

/** A value of a type that a required argument or option of a clipper has. */
const examples: Record<string, unknown> = { number: 0.5, Clipper: clip.norm(1), CustomFunction: () => 1 };

/** Values that no option accepts: the errors that refuse them say what it does accept, the last one most exactly. */
const refused = [{}, [5, 5], [-1, 5], -1.5, Number.NaN];

function acceptedBy(make: (value: unknown) => unknown, name: string): string {
  let sentence = '';
  for (const value of refused) {
    try {
      make(value);
    } catch (error) {
      const said = (error as Error).message.match(new RegExp(`"${name}(?:\\[0\\])?" must be (.*?)(?:, got .*|\\))$`));
      if (said?.[1] !== undefined) sentence ||= said[1];
      if (said?.[1] !== undefined && Array.isArray(value)) sentence = said[1];
    }
  }
  return sentence;
}

/** A default as one writes it: 1e-3 for 0.001, but 0.9. */
export function written(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value) && value !== 0) {
    const short = value.toExponential().replace('e+', 'e');
    const extreme = Math.abs(value) < 0.01 || Math.abs(value) >= 1e5;
    return extreme && short.length < String(value).length ? short : String(value);
  }
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value === 'string') return `'${value}'`;
  return String(value);
}

const fallbackText = /(?:^|[;,.]\s*)default:? ((?:[^;.]|\.(?=\d))*)\.?/i;

/** What options mean that all clippers have. */
const common: Record<string, string> = {
  scope: '[what one coefficient is for](clippers.md#scope-and-placement)',
  placement: '[what is clipped](clippers.md#scope-and-placement)',
};

/** The default that the documentation of an option names, and what else it says. */
function split(doc: string): { fallback: string | undefined; meaning: string } {
  const fallback = doc.match(fallbackText)?.[1]?.replaceAll('`', '');
  const meaning = doc
    .replace(fallbackText, '.')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/^[.;,\s]+|[.;\s]+$/g, '')
    .replace(/\s+\./g, '.');
  return { fallback, meaning };
}

/** A row, once the default that the documentation names is known to be the one that counts. */
function row(owner: string, member: Member, value: unknown, accepted: string): Row {
  const { fallback } = split(member.doc);
  if (value !== undefined && fallback !== undefined && /^[-\d.e]+$/.test(fallback) && Number(fallback) !== value) {
    throw new Error(`${owner}: "${member.name}" is documented as ${fallback} by default, but it is ${written(value)}`);
  }
  return { ...member, fallback: value === undefined ? (fallback ?? '') : written(value), accepted };
}

type Class = new (params: unknown, options: object) => optim.Optimizer;

function takes(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

function optimizerRows(name: string): Row[] {
  const Optimizer = (optim as unknown as Record<string, Class>)[name];
  if (Optimizer === undefined) throw new Error(`there is no optimizer ${name}`);
  const make = (options: object) => new Optimizer([new nn.Parameter(torch.ones([2, 2]))], options);
  const group = make({}).paramGroups[0] as unknown as Record<string, unknown>;
  const members = optionsOf(name)
    // `Options` widens the type of `lr`.
    .filter((type) => type !== 'CommonOptions' && type !== 'Options')
    .flatMap(membersOf);
  const widened = takes(() => make({ lr: torch.tensor(0.1) }));
  return members.map((member) =>
    row(
      name,
      member.name === 'lr' && widened ? { ...member, type: `${member.type} | Tensor` } : member,
      group[member.name],
      // Some options are looked at by the clipping types that use them alone.
      acceptedBy((value) => make({ [member.name]: value }), member.name) ||
        acceptedBy(
          (value) => make({ clippingType: 'linearRandAutoclip', beta: 0.5, [member.name]: value }),
          member.name,
        ),
    ),
  );
}

function clipperRows(name: string): Row[] {
  const call = (clip as unknown as Record<string, (...args: unknown[]) => clip.Clipper>)[name]!;
  const required = argumentsOf(name);
  const members = optionsOf(name).flatMap(membersOf);
  const needed = members.filter((member) => member.required).map((member) => [member.name, examples[member.type]]);
  const defaults = Object.fromEntries(needed) as Record<string, unknown>;
  const make = (options: object, given: Record<string, unknown> = {}) =>
    call(...required.map((argument) => given[argument.name] ?? examples[argument.type]), { ...defaults, ...options });
  const [stage] = make({}).stages as unknown as [Record<string, unknown> & { options: Record<string, unknown> }];
  const known = { ...stage, ...stage.options, ...(stage.coin as object | undefined) } as Record<string, unknown>;
  const positional = required.map((argument): Row => {
    const accepted = acceptedBy((value) => make({}, { [argument.name]: value }), argument.name);
    return { ...argument, required: true, fallback: '', accepted };
  });
  const options = members.map((member) =>
    row(
      `clip.${name}`,
      member,
      member.required || member.name === 'window' ? undefined : known[member.name],
      acceptedBy((value) => make({ [member.name]: value }), member.name),
    ),
  );
  // One option of a function that needs no interface of its own.
  if (options.length === 0 && known.placement !== undefined) {
    const accepted = acceptedBy((value) => make({ placement: value }), 'placement');
    options.push(
      row(name, { name: 'placement', required: false, type: 'Placement', doc: '' }, known.placement, accepted),
    );
  }
  return [...positional, ...options];
}

/** The functions and classes beside the optimizers and clippers, by the names that their readers of options have. */
const tools: Readonly<Record<string, (value: unknown) => unknown>> = {
  'clip.layerwise': (value) => clip.layerwise(value as number),
  'clip.chain': (value) => clip.chain(value as clip.Clipper),
  'clip.tap': (value) => clip.tap(value as clip.Clipper),
  'clip.tailIndex': (value) => clip.tailIndex(value as number[]),
  qkClip: (value) => optim.qkClip(value as torch.Tensor, undefined as never),
};

/** Classes whose table of options depends on their other arguments, made with options. */
const made: Readonly<Record<string, (options: object) => unknown>> = {
  SWALR: (options) =>
    new optim.swaUtils.SWALR(new optim.SGD([new nn.Parameter(torch.ones([2]))]), { swaLr: 0.05, ...options }),
};

/** The rows of a function or class whose options are a table of lib/options.ts. */
function toolRows(name: string): Row[] {
  const own = name.replace(/^\w+\./, '');
  const probe = tools[name];
  const positional = probe === undefined ? [] : argumentsOf(own);
  const table = readers.find(({ owner }) => owner === name || owner === `${name}()`)?.table ?? {};
  return [
    ...positional.map((argument): Row => {
      const accepted = acceptedBy(probe!, argument.name.replace('...', ''));
      return { ...argument, required: true, fallback: '', accepted };
    }),
    ...optionMembersOf(own).map((member) => {
      const make = made[name];
      if (make !== undefined) {
        const accepted = acceptedBy((value) => make({ [member.name]: value }), member.name);
        return row(name, member, undefined, accepted);
      }
      const [kind, value] = table[member.name]!;
      return row(name, member, value ?? undefined, kind === anything ? '' : kind.expected);
    }),
  ];
}

function commonRows(): Row[] {
  const make = (options: object) => new optim.SGD([new nn.Parameter(torch.ones([2]))], options);
  return membersOf('CommonOptions').map((member) =>
    row(
      'CommonOptions',
      member,
      undefined,
      acceptedBy((value) => make({ [member.name]: value }), member.name),
    ),
  );
}

function rowsOf(name: string): Row[] {
  if (name === 'CommonOptions') return commonRows();
  const isTool = readers.some(({ owner }) => owner === name || owner === `${name}()`) && !name.startsWith('clip.');
  if (isTool || name in tools || name in made) return toolRows(name);
  return name.startsWith('clip.') ? clipperRows(name.replace('clip.', '')) : optimizerRows(name);
}

const cell = (text: string) => text.replaceAll('|', '\\|');
const code = (text: string) => (text === '' ? '' : `\`${cell(text)}\``);
/** A default that is a value, or words about it. */
const isWords = (text: string) => (/^[a-z]+ |, /.test(text) && !/^['{[]/.test(text)) || text.includes(' else ');
const fallbackCell = (text: string) => (text === '' ? 'none' : isWords(text) ? cell(text) : code(text));

/** One table for all the names: an option that several have is one row, with their defaults where these differ. */
export function table(names: readonly string[]): string {
  const merged = new Map<string, { row: Row; fallbacks: Map<string, string> }>();
  for (const name of names) {
    for (const found of rowsOf(name)) {
      const entry = merged.get(found.name) ?? { row: found, fallbacks: new Map() };
      entry.fallbacks.set(name, found.fallback);
      merged.set(found.name, entry);
    }
  }
  const lines = [...merged.values()].map(({ row: { name, type, required, doc, accepted }, fallbacks }) => {
    const owners = fallbacks.size < names.length ? ` (${[...fallbacks.keys()].join(', ')})` : '';
    const different = new Set(fallbacks.values()).size > 1;
    const [first = ''] = fallbacks.values();
    const fallback = different
      ? [...fallbacks].map(([owner, value]) => `${fallbackCell(value)} (${owner})`).join(', ')
      : required && first === ''
        ? 'required'
        : fallbackCell(first);
    const { meaning } = split(doc);
    return `| \`${name}\`${owners} | ${code(type.replaceAll('readonly ', ''))} | ${fallback} | ${cell(accepted)} | ${cell(meaning || (common[name] ?? ''))} |`;
  });
  return ['| option | type | default | accepted | |', '|---|---|---|---|---|', ...lines].join('\n');
}

const between = (name: string) => new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name.split(' ')[0]} -->)`, 'g');

/** The page with every table as the code has it now. */
export function filled(page: string): string {
  return page
    .replace(between('options (.*)'), (_, open: string, names: string, close: string) => {
      return `${open}${table(names.split(', '))}\n${close}`;
    })
    .replace(between('layers'), (_, open: string, close: string) => {
      return `${open}| kind | classes |\n|---|---|\n${layerRows}\n${close}`;
    });
}

/** The pages that hold generated tables. */
export const tablePages = ['docs/optimizers.md', 'docs/clippers.md', 'docs/nn.md'];
