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

/** A layer of each family, with its input. */
const printed: Record<string, () => nn.Module> = {
  Linear: () => new nn.Linear(2, 2),
  Conv2d: () => new nn.Conv2d(2, 2, 1),
  BatchNorm1d: () => new nn.BatchNorm1d(2),
  Dropout: () => new nn.Dropout(0.5),
  Embedding: () => new nn.Embedding(3, 2),
  LSTM: () => new nn.LSTM(2, 2),
  MaxPool2d: () => new nn.MaxPool2d(2),
  Upsample: () => new nn.Upsample({ scaleFactor: 2 }),
  GELU: () => new nn.GELU(),
};

describe('nn: fields of layers that were assigned anything', () => {
  it('are printed, or refused in one sentence', () => {
    for (const [name, make] of Object.entries(printed)) {
      for (const field of Object.keys(make())) {
        for (const value of [Symbol('x'), 5n, undefined, null, 'x', {}, Object.create(null)]) {
          const layer = make();
          try {
            Reflect.set(layer, field, value);
            expect(String(new nn.Sequential(layer))).a('string');
          } catch (error) {
            expect(error, `${name}.${field}`).instanceOf(TorchClipError);
          }
        }
      }
    }
  });
});

describe('nn.utils.prune.globalUnstructured', () => {
  it('prunes none of the parameters where it is refused for one', () => {
    const { prune } = nn.utils;
    const method = new prune.L1Unstructured(0.5);
    const taken = new nn.Linear(2, 2);
    taken.registerBuffer('weight_mask', torch.ones([1]));
    const faults: unknown[] = [
      undefined,
      null,
      5,
      [],
      [new nn.Linear(1, 1)],
      [new nn.Linear(1, 1), 'scale'],
      [new nn.Linear(1, 1), Symbol('x')],
      [nn.utils.parametrizations.weightNorm(new nn.Linear(2, 2)), 'weight'],
      [taken, 'weight'],
    ];
    for (const fault of faults) {
      const good = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
      const [before] = [good.map((layer) => Object.keys(layer.stateDict()))];
      const list = [[good[0], 'weight'], fault, [good[1], 'weight']] as never;
      expect(() => prune.globalUnstructured(list, method)).throw(TorchClipError);
      expect(good.map((layer) => Object.keys(layer.stateDict()))).deep.equal(before);
    }
    expect(Object.keys(taken.stateDict())).deep.equal(['weight', 'bias', 'weight_mask']);
    const layer = new nn.Linear(2, 2);
    for (const options of [null, { importanceScores: [torch.ones([3])] }, { importanceScores: [5] }]) {
      expect(() => prune.globalUnstructured([[layer, 'weight']], method, options as never)).throw(TorchClipError);
    }
    expect(Object.keys(layer.stateDict())).deep.equal(['weight', 'bias']);
  });
});

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
