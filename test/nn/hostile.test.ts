import { expect } from 'chai';
import torch, { nn, TorchClipError } from '../../lib/index.js';

type AnyClass = new (...args: unknown[]) => nn.Module;
const classes = Object.entries(nn).filter(
  ([, value]) => typeof value === 'function' && (value as AnyClass).prototype instanceof nn.Module,
) as unknown as [string, AnyClass][];

const values: unknown[] = [
  undefined,
  null,
  -1,
  0,
  2.5,
  Number.NaN,
  2 ** 53,
  '3',
  'same',
  true,
  10n,
  Symbol('s'),
  () => 1,
  [],
  [1],
  [2, 2],
  [null, undefined],
  {},
  { unknown: 1 },
  { dtype: 'float32' },
  { device: 'gpu' },
  { bias: 'yes' },
  Object.create(null),
  new Map(),
  torch.ones([2]),
  new nn.ReLU(),
];

/** What a call ends with that ought to end well or with a sentence. */
function problem(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (!(error instanceof TorchClipError)) return `${(error as Error).name}: ${(error as Error).message}`;
    if (error.code === 'ERR_INTERNAL') return error.message;
  }
  return undefined;
}

const shown = (args: readonly unknown[]) =>
  args.map((v) => (typeof v === 'object' && v !== null ? v.constructor?.name : String(v))).join(', ');

describe('nn refuses hostile arguments in a sentence', () => {
  for (const [name, Class] of classes) {
    it(`new ${name}`, () => {
      const found: string[] = [];
      const tuples = [[], ...values.map((v) => [v]), ...values.map((v) => [2, v]), ...values.map((v) => [2, 2, v])];
      tuples.push(...values.map((v) => [2, 2, 2, v]));
      for (const args of tuples) {
        const what = problem(() => Reflect.construct(Class, args));
        if (what) found.push(`(${shown(args)}): ${what}`);
      }
      expect(found.slice(0, 8)).to.deep.equal([]);
    });
  }

  for (const [name, Class] of classes) {
    it(`${name}.forward`, () => {
      const found: string[] = [];
      const instances = [
        [],
        [2],
        [2, 2],
        [2, 2, 2],
        [8, 8, [4]],
        [{ outputSize: 2 }],
        [2, { outputSize: 2 }],
        [{ scaleFactor: 2 }],
      ];
      const layers = instances.flatMap((args) => {
        try {
          return [Reflect.construct(Class, args) as nn.Module];
        } catch {
          return [];
        }
      });
      const inputs = [...values, torch.ones([2, 2], { dtype: torch.int64 }), torch.ones([]), torch.ones([2, 2, 2, 2])];
      for (const layer of layers.slice(0, 1)) {
        for (const input of inputs) {
          for (const args of [[input], [torch.ones([2, 2]), input], [torch.ones([2, 2]), torch.ones([2, 2]), input]]) {
            const what = problem(() => Reflect.apply(layer.forward, layer, args));
            if (what) found.push(`(${shown(args)}): ${what}`);
          }
        }
      }
      expect(found.slice(0, 8)).to.deep.equal([]);
    });
  }
});
