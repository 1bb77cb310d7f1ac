// What lib/torch.ts exports, found in the text: every public name with the declaration behind it.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './pages.js';

/** A public name and what its declaration says of it. */
export interface Declared {
  /** As a user writes it, such as `nn.functional.relu`. */
  path: string;
  /** Where it is declared, from the root. */
  file: string;
  kind: 'function' | 'class' | 'const' | 'interface' | 'type';
  /** The text of the documentation above it, without stars. */
  doc: string;
  /** What follows the name, up to the next declaration. */
  body: string;
}

type Found = { file: string; name: string } | { space: string };

const texts = new Map<string, string>();
function textOf(file: string): string {
  const known = texts.get(file) ?? readFileSync(file, 'utf8');
  texts.set(file, known);
  return known;
}

const target = (from: string, specifier: string): string => join(dirname(from), specifier.replace(/\.js$/, '.ts'));

/** The names that a module exports. */
function exportsOf(file: string, seen: ReadonlySet<string> = new Set()): Map<string, Found> {
  const all = new Map<string, Found>();
  if (seen.has(file)) return all;
  const text = textOf(file);
  const inside = new Set([...seen, file]);
  for (const [, name, from] of text.matchAll(/^export \* as (\w+) from '([^']+)'/gm)) {
    all.set(name!, { space: target(file, from!) });
  }
  for (const [, from] of text.matchAll(/^export \* from '([^']+)'/gm)) {
    for (const [name, found] of exportsOf(target(file, from!), inside)) all.set(name, found);
  }
  for (const [, list, from] of text.matchAll(/^export (?:type )?\{([^}]*)\}(?: from '([^']+)')?/gm)) {
    for (const entry of list!.split(',').map((part) => part.trim().replace(/^type /, ''))) {
      if (entry === '') continue;
      const [own, given = own] = entry.split(' as ') as [string, string?];
      const found = from === undefined ? imported(file, own) : exportsOf(target(file, from), inside).get(own);
      if (found !== undefined) all.set(given, found);
    }
  }
  for (const [, name] of text.matchAll(declaration)) all.set(name!, { file, name: name! });
  return all;
}

const declaration = /^export (?:declare |abstract |async )*(?:function\*?|class|const|interface|type) (\w+)/gm;

/** What a module exports under a name that it has imported. */
function imported(file: string, name: string): Found | undefined {
  for (const [, list, from] of textOf(file).matchAll(/^import (?:type )?\{([^}]*)\} from '([^']+)'/gm)) {
    if (!from!.startsWith('.')) continue;
    for (const entry of list!.split(',').map((part) => part.trim().replace(/^type /, ''))) {
      const [own, given = own] = entry.split(' as ') as [string, string?];
      if (given === name) return exportsOf(target(file, from!)).get(own);
    }
  }
  const space = new RegExp(`^import \\* as ${name} from '([^']+)'`, 'm').exec(textOf(file))?.[1];
  return space === undefined ? undefined : { space: target(file, space) };
}

const pattern = (name: string) =>
  new RegExp(
    `(?:/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*(?://[^\\n]*\\n)?)?^export (?:declare |abstract |async )*(function\\*?|class|const|interface|type) ${name}\\b`,
    'm',
  );

function declared(path: string, file: string, name: string): Declared | undefined {
  const text = textOf(file);
  const found = pattern(name).exec(text);
  if (found === null) return undefined;
  const [all, doc = '', kind] = found;
  const rest = text.slice(found.index + all.length);
  const end = rest.search(/^(?:\/\*\*|export )/m);
  return {
    path,
    file: relative(root, file),
    kind: kind!.replace('*', '') as Declared['kind'],
    doc: doc.replace(/^\s*\* ?/gm, '').trim(),
    body: end < 0 ? rest : rest.slice(0, end),
  };
}

/** Every public name that is written by hand; operators are generated with their documentation. */
export function publicNames(): Declared[] {
  const all = new Map<string, Declared>();
  const visit = (file: string, prefix: string) => {
    for (const [name, found] of exportsOf(file)) {
      if ('space' in found) {
        if (existsSync(found.space)) visit(found.space, `${prefix}${name}.`);
        continue;
      }
      if (found.file.includes('/generated/')) continue;
      const one = declared(prefix + name, found.file, found.name);
      // A class and what merges with it, or a name in two namespaces: once is enough.
      const key = `${found.file} ${found.name}`;
      if (one !== undefined && !one.doc.includes('@internal') && !all.has(key)) all.set(key, one);
    }
  };
  visit(join(root, 'lib/torch.ts'), '');
  return [...all.values()];
}
