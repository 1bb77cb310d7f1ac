// A call that is refused changes nothing: not where the elements of what it was to write are, and not the elements.
import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

function stateOf(t: Tensor): unknown {
  const place = t.layout === torch.strided ? [t.stride(), t.storageOffset()] : [];
  const dense = t.layout === torch.strided ? t : torch.inferenceMode(() => t.detach().toDense());
  return [t.dtype.name, t.layout.toString(), t.shape, place, [...dense.detach().contiguous().toTypedArray()].join()];
}

const huge = 2 ** 45;
const singular = () => torch.zeros([2, 2]);
const asymmetric = () => torch.tensor([1, 2, 3, -4]).view([2, 2]);
const integers = () => torch.tensor([4n, 5n, 6n]);
const zeros = () => torch.tensor([1n, 2n, 0n]);

/** What is written, and the call that is refused. */
type Case = [make: () => Tensor[], call: (...written: Tensor[]) => unknown];

const one =
  (...values: number[]) =>
  () => [torch.tensor(values)];

const cases: Record<string, Case> = {
  'resize_ to more than there is memory': [one(1), (t) => t.resize_([huge])],
  'resize_ of a view': [() => [torch.arange(6).view([2, 3]).at(1)], (t) => t.resize_([huge])],
  'resize_ to a size that overflows': [one(1), (t) => t.resize_([2 ** 40, 2 ** 40])],
  resizeAs_: [one(1), (t) => t.resizeAs_(torch.empty([1]).expand([huge]))],
  'set_ from another dtype': [one(1), (t) => t.set_(torch.zeros([64], { dtype: torch.uint8 }))],
  'set_ to more than there is memory': [one(1), (t) => t.set_(torch.ones([4]), 0, [huge], [1])],
  'set_ with negative sizes': [one(1), (t) => t.set_(torch.ones([4]), 0, [-1], [1])],
  'asStrided_ beyond the storage': [one(1, 2), (t) => t.asStrided_([5], [1])],
  'asStrided_ from beyond the storage': [one(1, 2), (t) => t.asStrided_([1], [1], 7)],
  'squeeze_ of no dimension': [one(1), (t) => t.squeeze_(4)],
  'transpose_ of no dimension': [one(1), (t) => t.transpose_(0, 4)],
  'unsqueeze_ of no dimension': [one(1), (t) => t.unsqueeze_(4)],
  'sparseResize_ to less': [() => [torch.eye(3).toSparse()], (t) => t.sparseResize_([1, 1], 2, 0)],
  'resizeAsSparse_ from a dense tensor': [() => [torch.eye(3).toSparse()], (t) => t.resizeAsSparse_(torch.ones([2]))],
  'copy_ of a sparse tensor of another shape': [
    () => [torch.eye(3).toSparse()],
    (t) => t.copy_(torch.eye(4).toSparseCsr()),
  ],
  'an out of a shape that cannot be made': [() => [torch.empty([0])], (out) => torch.ones([huge], { out })],
  'an out of another dtype': [
    () => [torch.zeros([3], { dtype: torch.int64 })],
    (out) => torch.add(torch.ones([5]), 0.5 as never, { out }),
  ],
  'an out of operands that do not fit': [one(1), (out) => torch.add(torch.ones([3]), torch.ones([4]), { out })],
  'an out of a singular matrix': [() => [torch.ones([3])], (out) => torch.linalg.inv(singular(), { out })],
  'an out of a matrix that is not positive': [
    () => [torch.ones([2, 2])],
    (out) => torch.linalg.cholesky(asymmetric(), { out }),
  ],
  'an out of an index outside': [
    () => [torch.full([3], 9)],
    (out) => torch.gather(torch.ones([3]), 0, torch.tensor([0n, 1n, 7n]), { out }),
  ],
  'an out of a division by zero': [
    () => [torch.full([3], 9n)],
    (out) => torch.floorDivide(integers(), zeros(), { out }),
  ],
  'two outs of which the second does not fit': [
    () => [torch.full([2], 9), torch.zeros([2], { dtype: torch.int8 })],
    (a, b) => torch.varMean(torch.ones([2, 3]), [1], { out: [a!, b!] }),
  ],
  'a sparse out': [
    () => [torch.eye(3).toSparseCsr()],
    (out) => torch.relu(torch.ones([2, 2, 2], { dtype: torch.float16 }), { out } as never),
  ],
  'a quantized out': [
    () => [torch.quantizePerTensor(torch.ones([3]), 0.1, 0, torch.qint8).intRepr()],
    (out) => torch.linalg.inv(singular(), { out }),
  ],
  'remainder_ by zero': [() => [integers()], (t) => t.remainder_(zeros())],
  'fmod_ by zero': [() => [integers()], (t) => t.fmod_(zeros())],
  'floorDivide_ by zero': [() => [integers()], (t) => t.floorDivide_(zeros())],
  'bernoulli_ of no probability': [one(5, 5, 5), (t) => t.bernoulli_(torch.tensor([0.5, 0.5, 7]))],
  'maskedScatter_ from too few': [
    one(5, 5, 5),
    (t) => t.maskedScatter_(torch.tensor([true, true, true]), torch.ones([2])),
  ],
  'indexPut_ outside': [one(5, 5, 5), (t) => t.indexPut_([torch.tensor([0n, 9n])], 1)],
  'indexPut_ outside, after a mask': [
    () => [torch.zeros([2, 3])],
    (t) => t.indexPut_([torch.tensor([true, true]), torch.tensor([0n, 9n])], 1),
  ],
  'put_ outside': [one(5, 5, 5), (t) => t.put_(torch.tensor([0n, 9n]), torch.ones([2]))],
  'indexAdd_ outside': [one(5, 5, 5), (t) => t.indexAdd_(0, torch.tensor([0n, 9n]), torch.ones([2]))],
  'indexCopy_ outside': [one(5, 5, 5), (t) => t.indexCopy_(0, torch.tensor([0n, -1n]), torch.ones([2]))],
  'indexFill_ outside': [one(5, 5, 5), (t) => t.indexFill_(0, torch.tensor([0n, 9n]), 1)],
  'scatter_ outside': [one(5, 5, 5), (t) => t.scatter_(0, torch.tensor([0n, 9n]), torch.ones([2]))],
  'scatterAdd_ outside': [one(5, 5, 5), (t) => t.scatterAdd_(0, torch.tensor([0n, 9n]), torch.ones([2]))],
  'scatterReduce_ outside': [one(5, 5, 5), (t) => t.scatterReduce_(0, torch.tensor([0n, 9n]), torch.ones([2]), 'sum')],
  'rreluWithNoise_ between no bounds': [
    one(5, -5, 5),
    (t) => torch.rreluWithNoise_(t, torch.zeros([3]), { lower: Number.NaN, training: true }),
  ],
  'rreluWithNoise_ with itself as the noise': [
    one(5, -5, 5),
    (t) => torch.rreluWithNoise_(t, t, { lower: Number.NaN, training: true }),
  ],
  'an observer with an empty range': [
    () => [torch.tensor(3), torch.tensor(4), torch.ones([1]), torch.zeros([1], { dtype: torch.int32 })],
    (min, max, scale, zero) => {
      const on = torch.ones([1], { dtype: torch.int64 });
      torch.fusedMovingAvgObsFakeQuant(torch.tensor([-6, 9]), on, on, min!, max!, scale!, zero!, 0.5, 255, 0, 0);
    },
  ],
  'writing to a tensor of inference mode': [() => [torch.inferenceMode(() => torch.ones([3]))], (t) => t.neg_()],
  'scaling a sparse tensor of inference mode': [
    () => [torch.inferenceMode(() => torch.ones([2, 2]).toSparseBsr([1, 1]))],
    (t) => t.mul_(2),
  ],
  'mul_ by a sparse tensor of another dtype': [
    one(5, -5, 5),
    (t) => t.mul_(torch.ones([3], { dtype: torch.complex64 }).toSparse()),
  ],
  'mul_ of integers by a sparse tensor of numbers': [() => [integers()], (t) => t.mul_(torch.ones([3]).toSparse())],
  'an out of inference mode': [
    () => [torch.inferenceMode(() => torch.ones([3]))],
    (out) => torch.neg(torch.full([3], 4), { out }),
  ],
};

describe('a refused call', () => {
  for (const [name, [make, call]] of Object.entries(cases)) {
    it(`changes nothing: ${name}`, () => {
      const written = make();
      const before = written.map(stateOf);
      refusalOf(() => call(...(written as [Tensor])));
      expect(written.map(stateOf)).to.deep.equal(before);
    });
  }

  it('of a resize leaves memory that can be read and written', () => {
    const x = torch.zeros([1]);
    const pending = x.toTypedArrayAsync();
    refusalOf(() => x.resize_([huge]));
    expect(x.sum().item()).to.equal(0);
    expect(x.fill_(3).tolist()).to.deep.equal([3]);
    return pending.then((values) => expect([...values]).to.deep.equal([0]));
  });
});

describe('writing by index', () => {
  it('still takes the indices that PyTorch does', () => {
    const t = torch.zeros([3]);
    t.indexPut_([torch.tensor([-1n])], 1);
    t.put_(torch.tensor([-2n]), torch.tensor([2]));
    t.indexFill_(-1, torch.tensor([-3n]), 3);
    t.scatter_(0, torch.tensor([], { dtype: torch.int64 }), torch.ones([0]));
    expect(t.tolist()).to.deep.equal([3, 2, 1]);
    expect(
      torch
        .zeros([])
        .indexFill_(0, torch.tensor([0n]), 4)
        .item(),
    ).to.equal(4);
  });
});

describe('sparse tensors by rows and columns', () => {
  const layouts: Record<string, (t: Tensor) => Tensor> = {
    csr: (t) => t.toSparseCsr(),
    csc: (t) => t.toSparseCsc(),
    bsr: (t) => t.toSparseBsr([2, 2]),
    bsc: (t) => t.toSparseBsc([2, 2]),
  };
  for (const [name, sparse] of Object.entries(layouts)) {
    it(`are multiplied by a number: ${name}`, () => {
      const t = torch.eye(4).mul(3);
      for (const product of [sparse(t).mul(2), sparse(t).mul_(2), torch.mul(sparse(t), 2), sparse(t).multiply(2)]) {
        expect(product.layout).to.equal(sparse(t).layout);
        expect(product.toDense().tolist()).to.deep.equal(torch.eye(4).mul(6).tolist());
      }
    });
  }
});
