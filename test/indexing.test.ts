import { expect } from 'chai';
import fc from 'fast-check';
import torch, { type Index, type Tensor } from '../lib/index.js';
import { type Bytes, expectSame, golden, refusalOf } from './support.js';

type GoldenIndex = number | boolean | null | '...' | { start?: number } | { tensor: unknown; mask?: boolean };

interface Golden {
  get: { shape: number[]; index: GoldenIndex[]; result: Bytes }[];
  put: { shape: number[]; index: GoldenIndex[]; value: unknown; accumulate: boolean; result: Bytes }[];
}

const expected = golden<Golden>('indexing');

const source = (shape: number[]) =>
  torch
    .arange(
      shape.reduce((a, b) => a * b, 1),
      { dtype: torch.float32 },
    )
    .reshape(shape);

function toIndex(index: GoldenIndex): Index {
  if (typeof index !== 'object' || index === null || !('tensor' in index)) return index as Index;
  return torch.tensor(index.tensor as number[], { dtype: index.mask ? torch.bool : torch.int64 });
}

describe('indexing', () => {
  for (const { shape, index, result } of expected.get) {
    const what = `[${shape}] at ${JSON.stringify(index)}`;
    it(`reads ${what}`, () => {
      expectSame(source(shape).index(index.map(toIndex)), result, what);
      expectSame(source(shape).at(...index.map(toIndex)), result, what);
    });
  }

  for (const { shape, index, value, accumulate, result } of expected.put) {
    const what = `[${shape}] at ${JSON.stringify(index)} ${accumulate ? '+=' : '='} ${JSON.stringify(value)}`;
    it(`writes ${what}`, () => {
      const t = source(shape);
      const given = Array.isArray(value) ? torch.tensor(value) : (value as number);
      const copy = t.indexPut(index.map(toIndex), given, { accumulate });
      expect(t.equal(source(shape))).to.equal(true);
      expect(t.indexPut_(index.map(toIndex), given, { accumulate })).to.equal(t);
      expectSame(t, result, what);
      expectSame(copy, result, what);
    });
  }

  it('takes arrays for index tensors', () => {
    const t = source([3, 4]);
    expect(t.index([[2, 0]]).tolist()).to.deep.equal(t.index([torch.tensor([2n, 0n])]).tolist());
    expect(t.at([true, false, true], 1).tolist()).to.deep.equal([1, 9]);
    expect(t.at([[0], [1]], [[1, 2]]).tolist()).to.deep.equal([
      [1, 2],
      [5, 6],
    ]);
    expect(t.at([]).shape).to.deep.equal([0, 4]);
  });

  it('indexes a dimension after a mask of several dimensions', () => {
    const t = source([2, 2, 3]);
    const mask = torch.tensor([
      [true, false],
      [false, true],
    ]);
    expect(t.index([mask, 0]).tolist()).to.deep.equal([0, 9]);
    expect(t.index([mask, { start: 1 }]).tolist()).to.deep.equal([
      [1, 2],
      [10, 11],
    ]);
  });

  it('gives views for numbers and slices, and copies for tensors', () => {
    const t = source([3, 4]);
    t.at(1).fill_(0);
    t.index([{ start: 2 }, { step: 2 }]).fill_(-1);
    t.index([torch.tensor([0n])]).fill_(100);
    expect(t.tolist()).to.deep.equal([
      [0, 1, 2, 3],
      [0, 0, 0, 0],
      [-1, 9, -1, 11],
    ]);
    const all = t.index([]);
    expect(all).to.not.equal(t);
    expect(all.dataPtr()).to.equal(t.dataPtr());
  });

  it('slices by dimension, start, end and step', () => {
    const t = source([3, 4]);
    expect(t.slice(1, 1, 3).tolist()).to.deep.equal([
      [1, 2],
      [5, 6],
      [9, 10],
    ]);
    expect(t.slice(0, null, null, 2).tolist()).to.deep.equal(t.index([{ step: 2 }]).tolist());
    expect(t.slice(1, -1).tolist()).to.deep.equal([[3], [7], [11]]);
    expect(t.slice({ dim: 1, end: 1 }).tolist()).to.deep.equal([[0], [4], [8]]);
  });

  it('passes gradients', () => {
    const x = source([3, 4]).requiresGrad_();
    x.at(1)
      .sum()
      .add(x.index([torch.tensor([0n, 0n]), 2]).sum())
      .backward();
    expect(x.grad!.tolist()).to.deep.equal([
      [0, 0, 2, 0],
      [1, 1, 1, 1],
      [0, 0, 0, 0],
    ]);
  });

  it('refuses what is not an index, and writes nothing then', () => {
    const t = source([3, 4]);
    const bad: [unknown[], RegExp][] = [
      [[3], /from -3 to 2, got 3/],
      [[-4], /from -3 to 2, got -4/],
      [[0, 0, 0], /at most 2 indices/],
      [['...', '...'], /at most one/],
      [[1.5], /an index/],
      [['x'], /an index/],
      [[undefined], /an index/],
      [new Array(2), /an index/],
      [[{ begin: 1 }], /an index/],
      [[{ step: 0 }], /step of a slice/],
      [[{ step: -1 }], /step of a slice/],
      [[{ start: 'a' }], /start of a slice/],
      [[[1.5]], /an index/],
      [[torch.tensor([0.5])], /tensors used as indices/],
    ];
    for (const [index, message] of bad) {
      expect(refusalOf(() => t.index(index as Index[])).message, String(message)).to.match(message);
      expect(refusalOf(() => t.indexPut_(index as Index[], 0)).message, String(message)).to.match(message);
    }
    expect(refusalOf(() => torch.zeros([0]).at(0)).message).to.match(/empty/);
    for (const value of ['x', undefined, null, () => 1, Symbol('s')]) {
      expect(refusalOf(() => t.indexPut_([0], value as never)).code).to.equal('ERR_ARGUMENT');
    }
    expect(t.equal(source([3, 4]))).to.equal(true);
  });

  it('slices as arrays do', () => {
    const end = fc.option(fc.integer({ min: -8, max: 8 }), { nil: null });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }),
        end,
        end,
        fc.integer({ min: 1, max: 3 }),
        (size, start, stop, step) => {
          const t: Tensor = torch.arange(size);
          const want = Array.from({ length: size }, (_, i) => i).slice(start ?? 0, stop ?? size);
          expect(t.index([{ start, stop, step }]).tolist()).to.deep.equal(want.filter((_, i) => i % step === 0));
        },
      ),
    );
  });
});
