import { integer, kind, listOf } from '../check.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { tensor as tensorKind } from '../kinds.js';
import { stack } from '../ops/generated/functions.js';
import { isPlainObject } from '../options.js';
import { isTensor, type Tensor } from '../tensor.js';

const ELLIPSIS = '...';
/** The axes that make up one dimension; none for one of size 1. */
type Group = readonly string[];

/** The dimensions of one side of a pattern. */
function parse(side: string, pattern: string): Group[] {
  const wrong = (why: string) => new TorchClipError('ERR_ARGUMENT', `"pattern" ${describe(pattern)} ${why}`);
  const groups: Group[] = [];
  let open: string[] | undefined;
  const rest = side.replace(/\.\.\.|[()]|[A-Za-z_][A-Za-z0-9_]*|\d+|\s+/g, (token) => {
    if (/^\s/.test(token)) return '';
    if (token === '(') {
      if (open !== undefined) throw wrong('must not nest parentheses');
      open = [];
    } else if (token === ')') {
      if (open === undefined) throw wrong('has a parenthesis that was not opened');
      groups.push(open);
      open = undefined;
    } else if (/^\d/.test(token)) {
      if (token !== '1') throw wrong(`cannot have the number ${token}: only 1 is an axis without a name`);
      if (open === undefined) groups.push([]);
    } else if (open === undefined) groups.push([token]);
    else open.push(token);
    return '';
  });
  if (rest !== '') throw wrong(`cannot have ${describe(rest[0])}`);
  if (open !== undefined) throw wrong('has a parenthesis that is not closed');
  const names = groups.flat();
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw wrong(`must have each axis once per side, got ${twice} twice`);
  return groups;
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
const size = integer(1);

/**
 * Reorders, splits and merges the dimensions of a tensor as a pattern says: `torch.func.rearrange`, in the language of einops.
 *
 * @param tensor a Tensor, or an array of Tensors of one shape, which are stacked first.
 * @param pattern the names of the dimensions before and after `->`; parentheses hold the axes of one dimension, `1` or `()` is one of
 * size 1, and `...` any number of dimensions.
 * @param axesLengths sizes of axes that parentheses on the left leave open, by name.
 * @throws {TorchClipError} `ERR_ARGUMENT` for a pattern that is none, `ERR_SHAPE` where the tensor does not fit it.
 *
 * @example
 * torch.func.rearrange(images, 'b c h w -> b (h w) c');
 * torch.func.rearrange(images, 'b (h p) w -> b h (p w)', { p: 2 });
 * @see Rogozhnikov, "Einops: clear and reliable tensor manipulations with Einstein-like notation", 2022.
 * @see https://einops.rocks/api/rearrange/
 */
export function rearrange(
  tensor: Tensor | readonly Tensor[],
  pattern: string,
  axesLengths: Readonly<Record<string, number>> = {},
): Tensor {
  const input = isTensor(tensor)
    ? tensor
    : stack(listOf('tensor', tensor, tensorKind, 'a Tensor or an array of Tensors'));
  if (typeof pattern !== 'string') throw invalidArgument('pattern', 'a string', pattern);
  const sides = pattern.split('->');
  if (sides.length !== 2) throw invalidArgument('pattern', 'two lists of axes with -> between them', pattern);
  const [left, right] = sides.map((side) => parse(side, pattern)) as [Group[], Group[]];
  const lengths = lengthsOf(axesLengths, left.flat());
  const { shape } = input;
  const refused = (code: 'ERR_ARGUMENT' | 'ERR_SHAPE', why: string) =>
    new TorchClipError(code, `"pattern" ${describe(pattern)} ${why}`);
  const lost = left.flat().find((name) => !right.flat().includes(name));
  const added = right.flat().find((name) => !left.flat().includes(name));
  if (lost ?? added)
    throw refused('ERR_ARGUMENT', `must have the same axes on both sides, but ${lost ?? added} is on one`);
  if (left.some((group) => group.length > 1 && group.includes(ELLIPSIS))) {
    throw refused('ERR_ARGUMENT', 'cannot have ... in parentheses on the left');
  }
  const some = left.some(([name]) => name === ELLIPSIS);
  const others = some ? left.length - 1 : left.length;
  if (some ? shape.length < others : shape.length !== others) {
    const expected = some ? `at least ${others}` : others;
    throw refused('ERR_SHAPE', `is for a Tensor with ${expected} dimensions, got [${shape.join(', ')}]`);
  }

  // The size of each axis, in the order of the left side.
  const sizes = new Map<string, number[]>();
  let dim = 0;
  for (const group of left) {
    if (group[0] === ELLIPSIS) {
      sizes.set(ELLIPSIS, shape.slice(dim, dim + shape.length - others));
      dim += shape.length - others;
      continue;
    }
    const whole = shape[dim++]!;
    const open = group.filter((name) => !lengths.has(name));
    const known = product(group.map((name) => lengths.get(name) ?? 1));
    if (open.length > 1) throw refused('ERR_ARGUMENT', `leaves the sizes of ${open.join(' and ')} open`);
    const fits = open.length === 1 ? whole % known === 0 : whole === known;
    if (!fits) throw refused('ERR_SHAPE', `does not fit a dimension of size ${whole} in [${shape.join(', ')}]`);
    for (const name of group) sizes.set(name, [lengths.get(name) ?? whole / known]);
  }

  let next = 0;
  const positions = new Map([...sizes].map(([name, list]) => [name, list.map(() => next++)]));
  const order = right.flat().flatMap((name) => positions.get(name)!);
  const result = right.flatMap((group) =>
    group[0] === ELLIPSIS && group.length === 1
      ? sizes.get(ELLIPSIS)!
      : [product(group.flatMap((name) => sizes.get(name)!))],
  );
  return input
    .reshape([...sizes.values()].flat())
    .permute(order)
    .reshape(result);
}

function lengthsOf(given: unknown, names: readonly string[]): Map<string, number> {
  const sizes = kind<Record<string, number>>(
    'an object of sizes by the names of axes on the left',
    (value) =>
      isPlainObject(value) &&
      Object.entries(value).every(([name, n]) => name !== ELLIPSIS && names.includes(name) && size.accepts(n)),
  );
  if (!sizes.accepts(given)) throw invalidArgument('axesLengths', sizes.expected, given);
  return new Map(Object.entries(given));
}
