// PyTorch's schema notation, parsed at the first use of an op.
import { camelCase } from '../camel-case.js';
import type { Arg, Return, Schema } from './types.js';

/** Splits at the commas that are in no bracket and no string. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') quoted = !quoted;
    if (quoted) continue;
    if (c === '(' || c === '[') depth++;
    else if (c === ')' || c === ']') depth--;
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  if (last !== '') parts.push(last);
  return parts;
}

const typePattern = /^(\w+)(?:\(([^)]*)\))?(\?)?(?:(\[)(\d*)\])?(\?)?(?: (\w+)(=.*)?)?$/;

function typed(text: string) {
  const m = typePattern.exec(text);
  if (m === null) throw new Error(`not a schema argument: ${text}`);
  const [, base, alias, before, bracket, size, after, name, fallback] = m;
  const list = bracket !== undefined;
  return {
    base: base!,
    list,
    size: size ? Number(size) : undefined,
    nullable: (list ? after : before) !== undefined,
    nullableElements: list && before !== undefined,
    written: alias?.endsWith('!') ? alias.slice(0, -1) : undefined,
    name: name ?? '',
    hasDefault: fallback !== undefined,
  };
}

/** Parses `.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` of the op `name`. */
export function parseSchema(name: string, text: string): Schema {
  const arrow = text.lastIndexOf(' -> ');
  const open = text.indexOf('(');
  const overload = text.slice(1, Math.max(open, 1));
  const args: Arg[] = [];
  let keywordOnly = false;
  for (const part of splitTop(text.slice(open + 1, arrow - 1))) {
    if (part === '*') {
      keywordOnly = true;
      continue;
    }
    const arg = typed(part);
    args.push({ ...arg, key: camelCase(arg.name), keywordOnly, out: keywordOnly && arg.written !== undefined });
  }
  const result = text.slice(arrow + 4);
  const returns: Return[] = splitTop(result.startsWith('(') ? result.slice(1, -1) : result).map((part) => {
    const { name, ...ret } = typed(part);
    return { ...ret, name: camelCase(name) };
  });
  return { name, overload, args, returns };
}
