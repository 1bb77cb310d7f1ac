// The option interfaces in the sources: names, types and documentation, parsed from the project's own format.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Member {
  name: string;
  required: boolean;
  type: string;
  doc: string;
}

const lib = fileURLToPath(new URL('../../lib', import.meta.url));
const all = ['optim', 'clip']
  .flatMap((folder) =>
    readdirSync(join(lib, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(lib, folder, path)),
  )
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

const docOf = (comment: string | undefined) =>
  (comment ?? '')
    .replace(/^\s*\/\*\*|\*\/\s*$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim();

/** The members between the braces of a declaration. */
const membersIn = (body: string): Member[] =>
  [...body.matchAll(/^( {2}\/\*\*[\s\S]*?\*\/\n)? {2}(?:readonly )?(\w+)(\??): ([\s\S]*?);$/gm)].map(
    ([, comment, name, optional, type]) => ({
      name: name!,
      required: optional !== '?',
      type: type!.replace(/\s+/g, ' '),
      doc: docOf(comment),
    }),
  );

/** The members of an interface, or of a type that leaves out and adds some, those that it inherits first. */
export function membersOf(name: string): Member[] {
  const declared =
    all.match(
      new RegExp(`^(?:export )?interface ${name}(?:<.*?>)?(?: extends ([^{]*))? \\{\\n([\\s\\S]*?)^\\}`, 'm'),
    ) ?? all.match(new RegExp(`^(?:export )?type ${name} = ([^{;]*)\\{\\n([\\s\\S]*?)^\\};`, 'm'));
  if (declared === null) throw new Error(`there is no interface ${name}`);
  const [, parents = '', body] = declared;
  const own = membersIn(body!);
  const omitted = (parents.match(/'(\w+)'/g) ?? []).map((quoted) => quoted.slice(1, -1));
  const inherited = [...parents.matchAll(/\b[A-Z]\w+/g)]
    .map(([parent]) => parent)
    .filter((parent) => parent !== 'Omit' && parent !== 'CommonOptions')
    .flatMap(membersOf)
    .filter((member) => !omitted.includes(member.name) && !own.some((redeclared) => redeclared.name === member.name));
  return [...inherited, ...own];
}

/** The type of the `options` of a function or of a class's constructor, as it is written. */
function optionsText(name: string): string {
  const inList = /\boptions\??: (\{[^}]*\}|[^=]*)/;
  const declared = declarationOf(name);
  if (declared !== null) return inList.exec(declared[2]!)?.[1] ?? '';
  return (
    all.match(new RegExp(`^export (?:abstract )?class ${name}\\b[\\s\\S]*?\\boptions\\??: ([^=){]*)`, 'm'))?.[1] ?? ''
  );
}

/** The interfaces that a function or the constructor of a class names as the type of its `options`. */
export function optionsOf(name: string): string[] {
  const text = optionsText(name);
  return text.startsWith('{') ? [] : [...text.matchAll(/\b[A-Z]\w+/g)].map(([type]) => type);
}

/** The options that a function or a class declares: in an interface, in one without some of its members, or on the spot. */
export function optionMembersOf(name: string): Member[] {
  const text = optionsText(name);
  if (text.startsWith('{')) {
    return membersIn(
      `${text
        .replace(/^\{\s*/, '  ')
        .replace(/\s*\}$/, ';\n')
        .replaceAll('; ', ';\n  ')}`,
    ).map((member) => ({
      ...member,
      doc: paramOf(commentOf(name), `options.${member.name}`),
    }));
  }
  const omitted = [...text.matchAll(/'(\w+)'/g)].map(([, quoted]) => quoted!);
  return optionsOf(name)
    .filter((type) => type !== 'Omit' && new RegExp(`^(?:export )?(?:interface|type) ${type}\\b`, 'm').test(all))
    .flatMap(membersOf)
    .filter((member) => !omitted.includes(member.name));
}

/** What the documentation says of a parameter. */
const paramOf = (comment: string, name: string): string =>
  docOf(comment.match(new RegExp(`@param ${name.replace('.', '\\.')} ([\\s\\S]*?)(?=\\n \\* ?(?:@|$)|$)`))?.[1]);

const declarationOf = (name: string) =>
  all.match(
    new RegExp(`(?:/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n)?export function ${name}(?:<[^(]*>)?\\(([\\s\\S]*?)\\): `),
  );

const commentOf = (name: string): string => declarationOf(name)?.[1] ?? '';

/** The arguments of an exported function before its options. */
export function argumentsOf(name: string): Omit<Member, 'required'>[] {
  const [, comment = '', list = ''] = declarationOf(name) ?? [];
  return [...list.matchAll(/(\.\.\.)?(\w+)\??: ([^,]+)/g)]
    .filter(([, , argument]) => argument !== 'options')
    .filter(([text]) => !/\{[^}]*$/.test(list.slice(0, list.indexOf(text))))
    .map(([, rest = '', argument, type]) => ({
      name: rest + argument!,
      type: type!.trim(),
      doc: paramOf(comment, argument!),
    }));
}
