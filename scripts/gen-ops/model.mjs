// The dispatcher's schemas as the generator sees them: what is public, what is exposed, in which order overloads are tried.
import { tsImport } from 'tsx/esm/api';
import { excludedNames, excludedOverloads, excludedTypes, firstOverload, handWritten } from './config.mjs';

export const { camelCase: camel } = await tsImport('../../lib/camel-case.ts', import.meta.url);

/** The type with its alias set; that of a list's elements comes without a name, which is always `a`. */
function typeText(t) {
  const marks = t.alias !== undefined ? `(${t.alias || 'a'}${t.write ? '!' : ''})` : '';
  const type = t.type.replace(/^[A-Za-z]+/, (base) => base + marks);
  return t.n === undefined ? type : type.replace('[]', `[${t.n}]`);
}

/** One argument as the schema language writes it: `int[2] stride=1`. */
function argText(a) {
  if (!a.hasDefault) return `${typeText(a)} ${a.name}`;
  const value = a.type.startsWith('str') && a.default !== 'None' ? `"${a.default}"` : a.default;
  return `${typeText(a)} ${a.name}=${value}`;
}

const returnText = (r) => typeText(r) + (r.name ? ` ${r.name}` : '');

/** The schema in PyTorch's notation, without the namespace. */
export function schemaText(op) {
  const args = [];
  let star = false;
  for (const a of op.args) {
    if (a.kwargOnly && !star) {
      args.push('*');
      star = true;
    }
    args.push(argText(a));
  }
  const returns = op.returns.map(returnText);
  const ret = returns.length === 1 ? returns[0] : `(${returns.join(', ')})`;
  return `${op.name}${op.overload ? `.${op.overload}` : ''}(${args.join(', ')}) -> ${ret}`;
}

function reasonOf(op) {
  const excluded = excludedNames.find(([pattern]) => pattern.test(op.name));
  if (excluded) return excluded[1];
  const overload = excludedOverloads[`${op.name}.${op.overload}`];
  if (overload) return overload;
  for (const t of [...op.args, ...op.returns]) {
    const type = excludedTypes.find(([pattern]) => pattern.test(t.type));
    if (type) return type[1];
  }
  return undefined;
}

const shape = (a) => `${a.type}${a.n ?? ''}`;

/** Whether `a` must be tried after `b`, because `b` accepts a more specific form of the same arguments. */
function argAfter(a, b) {
  const plain = (t) => t.replace('SymInt', 'int').replace('?', '');
  const [x, y] = [plain(a.type), plain(b.type)];
  if (x === 'Scalar') return ['Tensor', 'int', 'float', 'bool'].includes(y);
  if (x === 'float') return y === 'int' || y === 'Tensor';
  if (x === 'int[]') return y === 'int';
  if (x === 'int') return y === 'Tensor';
  if (x === 'Tensor[]') return y.endsWith('[]') && y !== 'Tensor[]';
  return false;
}

function overloadAfter(a, b) {
  if (a.args.length !== b.args.length) return false;
  let later = false;
  for (let i = 0; i < a.args.length; i++) {
    if (shape(a.args[i]) === shape(b.args[i])) continue;
    if (!argAfter(a.args[i], b.args[i])) return false;
    later = true;
  }
  return later;
}

/** Base overloads come before those that need keywords or outputs; then PyTorch's order, specific types before general ones. */
function orderOverloads(overloads) {
  const needs = (op) => op.args.filter((a) => a.kwargOnly && !a.hasDefault).length;
  const rank = (op) => [op.args.some((a) => a.out) ? 1 : 0, needs(op), op.args.filter((a) => !a.hasDefault).length];
  const sorted = overloads
    .map((op) => ({ op, rank: rank(op) }))
    .sort((a, b) => {
      for (let i = 0; i < 3; i++) if (a.rank[i] !== b.rank[i]) return a.rank[i] - b.rank[i];
      return a.op.overload < b.op.overload ? -1 : 1;
    })
    .map(({ op }) => op);
  const result = [];
  while (sorted.length > 0) {
    const i = sorted.findIndex((op) => !sorted.some((other) => other !== op && overloadAfter(op, other)));
    result.push(...sorted.splice(i < 0 ? 0 : i, 1));
  }
  const first = result.findIndex((op) => op.overload === firstOverload[op.name]);
  if (first > 0) result.unshift(...result.splice(first, 1));
  return result;
}

/** Where a name lives: `linalg_norm` is `norm` of `linalg`. */
export function placeOf(name) {
  const m = /^(linalg|fft|special)_(\w+)$/.exec(name);
  return m ? { namespace: m[1], local: m[2] } : { namespace: 'torch', local: name };
}

/**
 * @param schemas what `native.opSchemas()` parses to
 * @param headers `{ methods, functions }`: the names that libtorch's C++ API has in either form
 */
export function buildModel(schemas, headers) {
  const byName = new Map();
  let internal = 0;
  for (const schema of schemas) {
    const op = { ...schema, name: schema.name.replace(/^aten::/, '') };
    const place = placeOf(op.name);
    if (place.local.startsWith('_')) {
      internal++;
      continue;
    }
    op.text = schemaText(op);
    op.reason = reasonOf(op);
    const entry = byName.get(op.name) ?? { name: op.name, ...place, js: camel(place.local), overloads: [] };
    entry.overloads.push(op);
    byName.set(op.name, entry);
  }
  const names = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of names) {
    entry.overloads = orderOverloads(entry.overloads);
    entry.exposed = entry.overloads.filter((op) => op.reason === undefined);
    entry.handWritten = handWritten[entry.name];
    const some = entry.exposed.length > 0;
    const isMethod = headers.methods.has(entry.name) && entry.handWritten?.method === undefined;
    entry.method = some && isMethod;
    const isFunction = headers.functions.has(entry.name) || !isMethod;
    entry.function = some && isFunction && entry.handWritten?.function === undefined;
  }
  return { names, internal };
}
