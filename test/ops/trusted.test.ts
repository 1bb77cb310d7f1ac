// What libtorch reads from memory without a look: indices of sparse tensors, offsets of segments, numbers of modes.
import { expect } from 'chai';
import torch, { type Dtype, optim, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const int64 = (values: number[] | number[][]) => torch.tensor(values, { dtype: torch.int64 });
const far = 1e9;

describe('the indices of a sparse tensor', () => {
  const dense = torch.eye(3);
  const layouts: Record<string, { make: () => Tensor; indices: (t: Tensor) => Tensor[] }> = {
    'rows and columns': { make: () => dense.toSparse(), indices: (t) => [t.indices()] },
    'compressed rows': { make: () => dense.toSparseCsr(), indices: (t) => [t.crowIndices(), t.colIndices()] },
    'compressed columns': { make: () => dense.toSparseCsc(), indices: (t) => [t.ccolIndices(), t.rowIndices()] },
    'blocks by rows': { make: () => dense.toSparseBsr([1, 1]), indices: (t) => [t.crowIndices(), t.colIndices()] },
    'blocks by columns': { make: () => dense.toSparseBsc([1, 1]), indices: (t) => [t.ccolIndices(), t.rowIndices()] },
  };
  for (const [layout, { make, indices }] of Object.entries(layouts)) {
    it(`are read as copies: ${layout}`, () => {
      const sparse = make();
      for (const read of indices(sparse)) read.fill_(far);
      expect(sparse.toDense().tolist()).deep.equal(dense.tolist());
      expect(sparse.toSparse().sum(0).toDense().tolist()).deep.equal([1, 1, 1]);
    });
  }

  const ones = torch.ones([2]);
  const made: Record<string, { given: Tensor[]; make: (...given: Tensor[]) => Tensor }> = {
    sparseCooTensor: {
      given: [int64([[0, 1]])],
      make: (indices) => torch.sparseCooTensor(indices!, ones, [2]),
    },
    sparseCsrTensor: {
      given: [int64([0, 1, 2]), int64([0, 1])],
      make: (rows, columns) => torch.sparseCsrTensor(rows!, columns!, ones, [2, 2]),
    },
    sparseCscTensor: {
      given: [int64([0, 1, 2]), int64([0, 1])],
      make: (columns, rows) => torch.sparseCscTensor(columns!, rows!, ones, [2, 2]),
    },
    sparseCompressedTensor: {
      given: [int64([0, 1, 2]), int64([0, 1])],
      make: (rows, columns) => torch.sparseCompressedTensor(rows!, columns!, ones, [2, 2], { layout: torch.sparseCsr }),
    },
  };
  for (const [name, { given, make }] of Object.entries(made)) {
    it(`are copied by ${name}()`, () => {
      const sparse = make(...given);
      const before = sparse.toDense().tolist();
      for (const indices of given) indices.fill_(far);
      expect(sparse.toDense().tolist()).deep.equal(before);
    });
  }

  it('of a gradient stay what they are until the step', () => {
    const p = torch.ones([3, 2], { requiresGrad: true });
    const gradient = torch.sparseCooTensor(int64([[1]]), torch.ones([1, 2]), [3, 2]).coalesce();
    gradient.indices().fill_(far);
    p.grad = gradient;
    new optim.SGD([p], { lr: 1 }).step();
    expect(p.tolist()).deep.equal([
      [1, 1],
      [0, 0],
      [1, 1],
    ]);
  });
});

describe('segmentReduce', () => {
  const data = torch.tensor([1, 2, 3]);
  it('refuses offsets outside of the data, and lengths that do not add up', () => {
    for (const offsets of [
      [0, far],
      [-100_000, 3],
      [0, 5],
      [0, 3, 2],
    ]) {
      expect(refusalOf(() => torch.segmentReduce(data, 'sum', { offsets: int64(offsets) })).code).equal('ERR_INDEX');
    }
    for (const lengths of [
      [1, far],
      [-1, 4],
      [1, 1],
    ]) {
      const call = () => torch.segmentReduce(data, 'sum', { lengths: int64(lengths), unsafe: true });
      expect(refusalOf(call).code).equal('ERR_SHAPE');
    }
  });

  it('takes the others', () => {
    expect(torch.segmentReduce(data, 'sum', { offsets: int64([0, 1, 1, 3]) }).tolist()).deep.equal([1, 0, 5]);
    expect(torch.segmentReduce(data, 'sum', { lengths: int64([2, 1]), unsafe: true }).tolist()).deep.equal([3, 3]);
  });
});

describe('modes by number', () => {
  it('of gridSampler are those that there are', () => {
    const flat = [torch.ones([1, 1, 3, 3]), torch.zeros([1, 2, 2, 2])] as const;
    const solid = [torch.ones([1, 1, 3, 3, 3]), torch.zeros([1, 2, 2, 2, 3])] as const;
    for (const [mode, padding] of [
      [99, 0],
      [-1, 0],
      [0, 99],
      [0, -1],
    ] as const) {
      for (const call of [
        () => torch.gridSampler2d(...flat, mode, padding, false),
        () => torch.gridSampler(...flat, mode, padding, false),
        () => torch.gridSampler3d(...solid, mode, padding, false),
      ]) {
        expect(refusalOf(call).code).equal('ERR_ARGUMENT');
      }
    }
    expect(refusalOf(() => torch.gridSampler3d(...solid, 2, 0, false)).code).equal('ERR_ARGUMENT');
    expect(torch.gridSampler2d(...flat, 2, 2, false).shape).deep.equal([1, 1, 2, 2]);
    expect(torch.gridSampler3d(...solid, 1, 2, false).shape).deep.equal([1, 1, 2, 2, 2]);
  });
});

describe('observers of quantization', () => {
  const on = int64([1]);
  const rows = torch.arange(12, { dtype: torch.float32 }).view([4, 3]);
  const observe = (
    counts: readonly number[],
    perRow: boolean,
    like: (count: number) => Tensor = (n) => torch.ones([n]),
  ) => {
    const [min, max, scale, zero] = counts.map(like) as [Tensor, Tensor, Tensor, Tensor];
    const whole = zero.to({ dtype: torch.int32 });
    const result = torch.fusedMovingAvgObsFakeQuant(rows, on, on, min, max, scale, whole, 0.5, 0, 255, 0, perRow);
    return [result, min, max, scale, whole] as const;
  };

  it('have as many elements as there are rows, or one', () => {
    for (const [perRow, count] of [
      [true, 4],
      [false, 1],
    ] as const) {
      for (let short = 0; short < 4; short++) {
        for (const wrong of [0, count - 1, count + 1, 3]) {
          if (perRow && short === 0 && wrong === 0) continue;
          const counts = [0, 1, 2, 3].map((i) => (i === short ? wrong : count));
          expect(refusalOf(() => observe(counts, perRow)).code, `${counts}`).equal('ERR_SHAPE');
        }
      }
      const [, min] = observe([count, count, count, count], perRow);
      expect(min.shape).deep.equal([count]);
    }
  });

  it('have elements of their own', () => {
    const expanded = (count: number) => torch.ones([1]).expand([count]);
    expect(refusalOf(() => observe([4, 4, 4, 4], true, expanded)).code).equal('ERR_SHAPE');
  });

  it('grow where they are empty at first', () => {
    const [result, ...observers] = observe([0, 0, 0, 0], true);
    expect(result.shape).deep.equal([4, 3]);
    for (const t of observers) expect(t.shape).deep.equal([4]);
    expect(observers[1].tolist()).deep.equal([2, 5, 8, 11]);
  });
});

describe('quantizePerChannel', () => {
  it('takes zero points with fractions for 8 bits alone', () => {
    const quantize = (dtype: Dtype) =>
      torch.quantizePerChannel(torch.ones([2, 3]), torch.ones([2]), torch.ones([2]), 0, dtype);
    expect(quantize(torch.quint8).dequantize().sum().item()).equal(6);
    expect(refusalOf(() => quantize(torch.qint32)).code).equal('ERR_DTYPE');
  });
});
