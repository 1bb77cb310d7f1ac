// Arguments: some as the schema asks for, with values from the edges of their range, others hostile.
import torch from '../../../lib/index.js';
import type { Arg } from '../../../lib/ops/types.js';
import type { Random } from './random.js';
import { randomDtype, randomTensor, type Theme } from './tensors.js';

/** What hostile getters throw: the caller's own error, which must come through unchanged. */
export class Thrown extends Error {}

const thrower = () => {
  throw new Thrown('from a getter');
};

const smallIntegers = [0, 1, 1, 2, 2, 3, -1, -1, -2, 4, 5];
const integers = [7, 8, 64, 100, 255, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, -100];
const bigints = [0n, 1n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const numbers = [
  0.5,
  -0.5,
  1.5,
  1e-8,
  1e30,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  5e-324,
];
const strings = [
  'mean',
  'sum',
  'none',
  'linear',
  'constant',
  'fro',
  'nuc',
  'L',
  'U',
  'left',
  'right',
  'ij',
  'xy',
  'tanh',
];
const moreStrings = [
  'floor',
  'trunc',
  'reflect',
  'amax',
  'cpu',
  'reduced',
  'complete',
  'gelsd',
  'higher',
  'valid',
  'same',
  '',
];

function cyclic(): unknown[] {
  const array: unknown[] = [1];
  array.push(array);
  return array;
}

/** Something over memory that another thread has taken. */
function transferred<T>(make: (buffer: ArrayBuffer) => T): T {
  const buffer = new ArrayBuffer(8);
  const made = make(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return made;
}

const hostile: ((r: Random, theme: Theme) => unknown)[] = [
  () => null,
  () => undefined,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -0,
  () => 2 ** 53,
  () => 1e300,
  () => 2n ** 64n,
  () => -(2n ** 64n),
  () => 10n ** 30n,
  () => '',
  () => 'x'.repeat(5000),
  () => '\u0000\ud800',
  () => Symbol('s'),
  () => true,
  () => () => 1,
  () => class {},
  () => [],
  () => [[]],
  () => cyclic(),
  () => new Array(2 ** 32 - 1),
  () => new Array(3),
  () => [1, 'a', null, undefined, {}],
  () => [[1, 2], [3]],
  () => ({}),
  () => Object.create(null),
  () => ({ re: 1, im: 'x' }),
  () => ({ re: 1, im: 2 }),
  () => ({ length: 5 }),
  () => ({ length: -1, 0: 1 }),
  () => ({
    dim: thrower,
    get dtype() {
      return thrower();
    },
  }),
  () => ({ toString: thrower, valueOf: thrower, [Symbol.toPrimitive]: thrower }),
  () => ({
    get re() {
      return thrower();
    },
    im: 1,
  }),
  () => new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower }),
  () => new Proxy([1, 2], { get: thrower }),
  () => new Proxy([1, 2], {}),
  () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    return proxy;
  },
  () => new Proxy(() => 1, {}),
  () => new Date(0),
  () => /x/,
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => Promise.resolve(1),
  () => new Float32Array([1, 2, 3]),
  () => new BigInt64Array(2),
  () => new ArrayBuffer(8),
  () => transferred((buffer) => new Float32Array(buffer)),
  () => transferred((buffer) => new DataView(buffer)),
  () => transferred((buffer) => buffer),
  () => new DataView(new ArrayBuffer(8)),
  () => Buffer.from('ab'),
  () => Object.create(torch.Tensor.prototype) as unknown,
  () => new (torch.Tensor as unknown as new (handle: unknown) => unknown)({}),
  () => new Proxy(torch.zeros([2]), {}),
  () => new torch.Generator(),
  () => torch.float32,
  () => torch.strided,
  () => 'cuda:99',
  (r, theme) => {
    const t = randomTensor(r, theme);
    t.dispose();
    return t;
  },
  (r, theme) => randomTensor(r, theme),
  (r, theme) => [randomTensor(r, theme), randomTensor(r, theme)],
];

export function randomHostile(r: Random, theme: Theme): unknown {
  try {
    return r.pick(hostile)(r, theme);
  } catch {
    return undefined; // Making it was refused already.
  }
}

function randomInteger(r: Random, wild: number): number | bigint {
  if (!r.chance(wild)) return r.pick(smallIntegers);
  return r.chance(0.2) ? r.pick(bigints) : r.pick(integers);
}

/** A string of the words that ops know. */
export const randomWord = (r: Random): string => r.pick(r.chance(0.5) ? strings : moreStrings);

function single(r: Random, base: string, theme: Theme, wild: number): unknown {
  switch (base) {
    case 'Tensor':
      return randomTensor(r, theme);
    case 'int':
    case 'SymInt':
      return randomInteger(r, wild);
    case 'float':
      return r.chance(0.5) ? r.pick(smallIntegers) : r.pick(numbers);
    case 'bool':
      return r.chance(0.5);
    case 'str':
      return randomWord(r);
    case 'Scalar':
      return r.pick<() => unknown>([
        () => randomInteger(r, wild),
        () => r.pick(numbers),
        () => r.chance(0.5),
        () => ({ re: r.pick(numbers), im: r.pick(smallIntegers) }),
      ])();
    case 'ScalarType':
      return r.chance(0.2) ? r.pick([torch.qint8, torch.quint8, torch.qint32]) : randomDtype(r);
    case 'Layout':
      return r.pick([torch.strided, torch.sparseCoo, torch.sparseCsr, torch.sparseBsr, torch.mkldnn]);
    case 'MemoryFormat':
      return r.pick([torch.contiguousFormat, torch.preserveFormat, torch.channelsLast, torch.channelsLast3d]);
    case 'Device':
      return r.pick(['cpu', 'cpu', 'cpu', 'meta', 'cuda', 'cuda:1']);
    case 'Generator':
      return new torch.Generator();
    default:
      return undefined;
  }
}

/** A value for an argument of a schema. */
export function randomArgument(r: Random, arg: Arg, theme: Theme, wild: number): unknown {
  if (arg.nullable && r.chance(0.3)) return null;
  if (!arg.list) return single(r, arg.base, theme, wild);
  if (arg.size !== undefined && r.chance(0.3)) return single(r, arg.base, theme, wild);
  const length = r.chance(0.7) ? (arg.size ?? r.pick([1, 2, theme.shape.length])) : r.below(6);
  if (r.chance(0.3) && /[iI]nt$/.test(arg.base)) return [...theme.shape];
  return r.times(length, () => (arg.nullableElements && r.chance(0.3) ? null : single(r, arg.base, theme, wild)));
}

/** A value for an argument that nothing is known about. */
export function randomAnything(r: Random, theme: Theme): unknown {
  const bases = ['Tensor', 'Tensor', 'int', 'float', 'bool', 'str', 'Scalar', 'ScalarType', 'Device', 'Generator'];
  const base = r.pick(bases);
  if (r.chance(0.25)) return r.times(r.below(4), () => single(r, base, theme, 0.2));
  return single(r, base, theme, 0.2);
}
