// TypeScript call signatures of an op: required arguments positional, the rest in a trailing options object.
import { camel } from './model.mjs';
import { describeArgument } from './parameters.mjs';

const reserved = new Set(['var', 'in', 'function', 'default', 'new', 'with', 'delete', 'this', 'class', 'enum']);

const base = {
  Tensor: 'Tensor',
  int: 'number',
  SymInt: 'number',
  float: 'number',
  bool: 'boolean',
  str: 'string',
  Scalar: 'Scalar',
  ScalarType: 'Dtype',
  Layout: 'Layout',
  Device: 'DeviceLike',
  MemoryFormat: 'MemoryFormat',
  Generator: 'Generator',
};

function typeOf(arg) {
  const m = /^(\w+)(\?)?(\[\])?(\?)?$/.exec(arg.type);
  if (!m || !base[m[1]]) throw new Error(`no TypeScript type for ${arg.type}`);
  let type = base[m[1]];
  if (m[3]) {
    const element = m[2] ? `(${type} | null)` : type;
    type = arg.n === undefined ? `readonly ${element}[]` : `${type} | readonly ${element}[]`;
    return m[4] ? `${type} | null` : type;
  }
  return m[2] ? `${type} | null` : type;
}

function returnOf(op, method) {
  const one = (r) => {
    const m = /^(\w+)(\[\])?$/.exec(r.type);
    if (r.write && method && op.args.some((a) => a.name === 'self' && a.alias === r.alias)) return 'this';
    return base[m[1]] + (m[2] ?? '');
  };
  if (op.returns.length === 0) return 'void';
  if (op.returns.length === 1) return one(op.returns[0]);
  const types = op.returns.map(one);
  if (!op.returns.every((r) => r.name)) return `[${types.join(', ')}]`;
  const fields = op.returns.map((r, i) => `${camel(r.name)}: ${types[i]}`);
  const named = fields.flatMap((field, i) => (types[i] === 'this' ? [] : [`readonly ${field}`]));
  const tuple = `[${fields.join(', ')}]`;
  return named.length === 0 ? tuple : `${tuple} & { ${named.join('; ')} }`;
}

const paramName = (a, op) => {
  const isInput = a.name === 'self' && !op.args.some((other) => other.name === 'input');
  const name = camel(isInput ? 'input' : a.name);
  return reserved.has(name) ? `${name}_` : name;
};
const param = (a, optional, op) => ({ name: paramName(a, op), type: typeOf(a), optional, doc: describeArgument(a) });
const option = (a, optional) => ({ name: camel(a.name), type: typeOf(a), optional, doc: describeArgument(a) });

const factoryKeys = ['dtype', 'layout', 'device', 'pin_memory'];
/** PyTorch's factories: their Python forms take `requires_grad` too. */
export const isFactory = (op) =>
  op.name !== 'to' && factoryKeys.every((k) => op.args.some((a) => a.name === k && a.kwargOnly));

const outsOf = (op) => op.args.filter((a) => a.out);

function outOption(outOp, optional) {
  const n = outsOf(outOp);
  const doc = describeArgument({ name: 'out', type: '' });
  if (n.length === 1) return { name: 'out', type: typeOf(n[0]), optional, doc };
  return {
    name: 'out',
    doc: 'tensors to write the results to',
    type: `[${n.map((a) => `${camel(a.name)}: ${typeOf(a)}`).join(', ')}]`,
    optional,
  };
}

/** Pairs each functional overload with the one that writes its results into `out`. */
function pairOuts(overloads) {
  const key = (op) =>
    op.args
      .filter((a) => !a.out && !(isFactory(op) && factoryKeys.includes(a.name)))
      .map((a) => `${a.type} ${a.name}`)
      .join();
  const pairs = new Map();
  const rest = [];
  for (const out of overloads.filter((op) => outsOf(op).length > 0)) {
    const match = overloads.find((op) => outsOf(op).length === 0 && key(op) === key(out) && !pairs.has(op));
    if (match) pairs.set(match, out);
    else rest.push(out);
  }
  return { pairs, rest };
}

function signaturesOf(op, { method, outOp, keywordOnly }) {
  const args = op.args.filter((a) => !a.out && !(method && a.name === 'self'));
  const required = args.filter((a) => !a.kwargOnly && !a.hasDefault);
  const optional = args.filter((a) => !a.kwargOnly && a.hasDefault);
  const keywords = args.filter((a) => a.kwargOnly);
  const tail = keywords.map((a) => option(a, a.hasDefault));
  if (isFactory(op)) {
    const doc = describeArgument({ name: 'requires_grad', type: 'bool', hasDefault: true, default: 'False' });
    tail.push({ name: 'requiresGrad', type: 'boolean', optional: true, doc });
  }
  if (outOp) tail.push(outOption(outOp, outOp !== op));
  const named = optional.map((a) => option(a, true));
  const ret = returnOf(op, method);
  const positional = required.map((a) => param(a, false, op));
  const make = (params, options, rest) => ({ params, options, ret, rest, texts: [op.text] });
  const result = [make(positional, [...named, ...tail])];
  const leading = optional.filter((a) => !keywordOnly.has(a.name));
  if (leading.length > 0 && leading.length === optional.length) {
    result.push(
      make([...positional, ...leading.map((a, i) => param(a, i > 0 && tail.every((o) => o.optional), op))], tail),
    );
  }
  const last = required.at(-1);
  if (last?.name === 'dim' && (method || required.length > 1)) {
    result.push(make(positional.slice(0, -1), [option(last, false), ...named, ...tail]));
  }
  const sizes = last && /^(int|SymInt)\[\]$/.test(last.type) && last.n === undefined && optional.length === 0;
  if (
    sizes &&
    tail.every((o) => o.optional) &&
    required.length === 1 + (op.args[0].name === 'self' && !method ? 1 : 0)
  ) {
    result.push(make(positional.slice(0, -1), [], paramName(last, op)));
  }
  return result;
}

const optionsKey = (s) => s.options.map((o) => `${o.name}${o.optional}${o.type}`).join();

/** Joins signatures that differ in the type of one positional argument. */
function merge(signatures) {
  const result = [];
  for (const s of signatures) {
    const same = result.find((r) => {
      if (r.ret !== s.ret || r.rest !== s.rest || r.params.length !== s.params.length) return false;
      if (optionsKey(r) !== optionsKey(s)) return false;
      if (r.params.some((p, i) => p.name !== s.params[i].name || p.optional !== s.params[i].optional)) return false;
      return r.params.filter((p, i) => p.type !== s.params[i].type).length <= 1;
    });
    if (!same) {
      result.push(s);
      continue;
    }
    same.texts = [...new Set([...same.texts, ...s.texts])];
    same.params = same.params.map((p, i) => {
      const types = new Set([...p.type.split(' | '), ...s.params[i].type.split(' | ')]);
      const nullable = types.delete('null');
      return { ...p, type: [...types, ...(nullable ? ['null'] : [])].join(' | ') };
    });
  }
  return result;
}

/** The call signatures of a name, as a method or as a function. */
export function callSignatures(entry, method) {
  const overloads = entry.exposed.filter(
    (op) => !method || op.args.some((a) => a.name === 'self' && a.type === 'Tensor'),
  );
  const keywordOnly = new Set(overloads.flatMap((op) => op.args.filter((a) => a.kwargOnly).map((a) => a.name)));
  const { pairs, rest } = pairOuts(overloads);
  const signatures = [];
  for (const op of overloads) {
    if (outsOf(op).length > 0) {
      if (!method && rest.includes(op)) signatures.push(...signaturesOf(op, { method, outOp: op, keywordOnly }));
      continue;
    }
    signatures.push(...signaturesOf(op, { method, outOp: method ? undefined : pairs.get(op), keywordOnly }));
  }
  return blamed(merge(signatures));
}

/**
 * In an order in which TypeScript, which blames the last overload that the number of arguments fits, blames the option that is wrong: sizes that
 * are spread come first, and last, of those with the fewest positional arguments, what has the most options.
 */
function blamed(signatures) {
  const rank = (s) => (s.rest ? 1000 : 0) + 100 * s.params.length - s.options.length;
  const general = signatures.reduce((best, s) => (rank(s) < rank(best) ? s : best), signatures[0]);
  const others = signatures.filter((s) => s !== general);
  return [...others.filter((s) => s.rest), ...others.filter((s) => !s.rest), general];
}

/** The lines of a signature's documentation that say what its arguments mean. */
export function argumentLines(s) {
  const lines = s.params.filter((p) => p.doc).map((p) => `@param ${p.name} ${p.doc}`);
  if (s.rest) lines.push(`@param ${s.rest} the sizes`);
  return [...lines, ...s.options.filter((o) => o.doc).map((o) => `@param options.${o.name} ${o.doc}`)];
}

const indent = (n) => ' '.repeat(n);

const factoryOptions = ['dtype', 'layout', 'device', 'pinMemory', 'requiresGrad'];

/** The options as a shared type that has some of them, and the others as properties. */
function optionParts(options) {
  const named = factoryOptions.every((key) => options.some((o) => o.name === key && o.optional));
  const own = named ? options.filter((o) => !factoryOptions.includes(o.name)) : options;
  return { named, entries: own.map((o) => `${o.name}${o.optional ? '?' : ''}: ${o.type}`) };
}

/** The end of a signature, with the names of its results on lines of their own where it does not fit. */
function broken(end, depth) {
  if (depth + end.length <= 120) return end;
  return end.replace(/\{ (.*) \}/, (_, fields) => {
    const lines = fields.split('; ').map((field) => `${indent(depth + 2)}${field};\n`);
    return `{\n${lines.join('')}${indent(depth)}}`;
  });
}

/** `name(a: A, options?: {...}): R`, broken over lines where it does not fit. */
export function renderSignature(prefix, s, depth, arrow = ':') {
  const params = s.params.map((p) => `${p.name}${p.optional ? '?' : ''}: ${p.type}`);
  if (s.rest) params.push(`...${s.rest}: number[]`);
  const end = `)${arrow} ${s.ret};`;
  const { named, entries } = optionParts(s.options);
  const key = `options${s.options.every((o) => o.optional) ? '?' : ''}: ${named ? 'FactoryOptions' : ''}`;
  const lead = named && entries.length > 0 ? `${key} & ` : key;
  const whole = entries.length > 0 ? `${lead}{ ${entries.join('; ')} }` : key;
  const inline = s.options.length > 0 ? [...params, whole] : params;
  const oneLine = `${indent(depth)}${prefix}(${inline.join(', ')}${end}`;
  if (oneLine.length <= 120) return oneLine;
  const block = (at) => `${lead}{\n${entries.map((e) => `${indent(at + 2)}${e};\n`).join('')}${indent(at)}}`;
  if (params.length === 0) return `${indent(depth)}${prefix}(${block(depth)}${broken(end, depth)}`;
  const lines = params.map((p) => `${indent(depth + 2)}${p},`);
  if (s.options.length > 0) {
    const flat = `${indent(depth + 2)}${whole},`;
    lines.push(flat.length <= 120 ? flat : `${indent(depth + 2)}${block(depth + 2)},`);
  }
  return `${indent(depth)}${prefix}(\n${lines.join('\n')}\n${indent(depth)}${broken(end, depth)}`;
}

/** The names of shared types that a piece of generated code mentions. */
export const typeNames = [
  'DeviceLike',
  'Dtype',
  'FactoryOptions',
  'Generator',
  'Layout',
  'MemoryFormat',
  'Scalar',
  'Tensor',
];
