// What tensors say of themselves, and to JavaScript's operators.
import { expect } from 'chai';
import torch from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { dtypeOf, expected } from './support.js';

describe('what tensors say of themselves', () => {
  const { orders, types, sparseType, unravelled, broadcast, consecutive } = expected.shapes;

  it('the order of their dimensions in memory', () => {
    for (const [name, { shape, stride, order }] of Object.entries(orders)) {
      expect(torch.emptyStrided(shape, stride).dimOrder(), name).to.deep.equal(order);
    }
    const ambiguous = torch.empty([1, 2, 3, 4]);
    expect(refusalOf(() => ambiguous.dimOrder({ ambiguityCheck: true })).code).to.equal('ERR_STATE');
    expect(ambiguous.dimOrder({ ambiguityCheck: [torch.contiguousFormat, torch.channelsLast] })).to.deep.equal([
      0, 1, 2, 3,
    ]);
    expect(refusalOf(() => torch.eye(2).toSparse().dimOrder()).message).to.contain('needs a dense tensor');
  });

  it('the name of their type, which also converts', () => {
    for (const [name, want] of Object.entries(types)) {
      const t = torch.zeros([1], { dtype: dtypeOf(name) });
      expect(t.type()).to.equal(want);
      expect(torch.zeros([1]).type(want).dtype).to.equal(t.dtype);
    }
    expect(torch.eye(2).toSparseCoo().type()).to.equal(sparseType);
    expect(torch.ones([1]).type(torch.int64).dtype).to.equal(torch.int64);
    expect(refusalOf(() => torch.ones([1]).type('float')).message).to.equal(
      `"dtype" must be a dtype, or the name of a type such as 'torch.FloatTensor', got "float"`,
    );
  });

  it('properties and second names', () => {
    const t = torch.zeros([2, 3], { dtype: torch.float64 });
    const { isCpu, isCuda, isMeta, isSparse, isSparseCsr, isQuantized } = t;
    expect([isCpu, isCuda, isMeta, isSparse, isSparseCsr, isQuantized]).to.deep.equal([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect([t.elementSize(), t.nelement(), t.ndimension()]).to.deep.equal([8, 6, 2]);
    expect(t.constDataPtr()).to.equal(t.dataPtr());
    expect([t.cfloat().dtype, t.cdouble().dtype]).to.deep.equal([torch.complex64, torch.complex128]);
    expect(torch.zeros([1], { device: 'meta' }).isMeta).to.equal(true);
    expect([t.toSparse().isSparse, t.toSparseCsr().isSparseCsr]).to.deep.equal([true, true]);
    expect(torch.quantizePerTensor(torch.zeros([1]), 1, 0, torch.quint8).isQuantized).to.equal(true);
  });

  it('unravelIndex, broadcastShapes and uniqueConsecutive', () => {
    const flat = torch.tensor([0n, 1n, 5n, 23n]);
    expect(torch.unravelIndex(flat, [2, 3, 4]).map((t) => t.tolist())).to.deep.equal(unravelled);
    expect(torch.unravelIndex(flat, 24)[0]!.tolist()).to.deep.equal([0, 1, 5, 23]);
    for (const [shapes, want] of broadcast) expect(torch.broadcastShapes(...shapes)).to.deep.equal(want);
    expect(refusalOf(() => torch.broadcastShapes([2, 3], [2])).message).to.equal(
      '"shapes" must broadcast: [2] does not fit [2, 3]',
    );
    const runs = torch.tensor([1n, 1n, 2n, 2n, 3n, 1n, 1n, 2n]);
    const all = runs.uniqueConsecutive({ returnInverse: true, returnCounts: true });
    expect(all.map((t) => t.tolist())).to.deep.equal(consecutive[0]);
    const rows = torch.tensor([
      [1n, 1n, 2n],
      [1n, 1n, 2n],
      [3n, 1n, 2n],
    ]);
    const some = torch.uniqueConsecutive(rows, { returnCounts: true, dim: 0 });
    expect(some.map((t) => t.tolist())).to.deep.equal(consecutive[1]);
  });

  it('newTensor keeps dtype and device', () => {
    const like = torch.zeros([1], { dtype: torch.float64 });
    expect(like.newTensor([1, 2]).dtype).to.equal(torch.float64);
    expect(like.newTensor([1, 2], { dtype: torch.int8 }).dtype).to.equal(torch.int8);
    expect(torch.zeros([1], { device: 'meta' }).newTensor([1]).isMeta).to.equal(true);
    for (const options of [null, 5, { dtpye: torch.int8 }]) {
      expect(refusalOf(() => like.newTensor([1], options as never)).code).to.equal('ERR_ARGUMENT');
    }
  });
});

describe('tensors among JavaScript operators', () => {
  const x = torch.tensor([1, 2]);
  const loose = x as unknown as number;

  it('are refused with the cure', () => {
    for (const body of [
      () => loose + loose,
      () => loose * 2,
      () => loose > 3,
      () => -loose,
      () => Number(x),
      // biome-ignore lint/style/useTemplate: what is tested
      () => `${loose}` + loose,
      () => Math.sqrt(loose),
      // biome-ignore lint/suspicious/noDoubleEquals: what is tested
      () => loose == 1,
    ]) {
      const { code, message } = refusalOf(body);
      expect(code).to.equal('ERR_ARGUMENT');
      expect(message).to.contain('x.add(y)').and.contain('item()');
    }
  });

  it('have their text where one is asked for', () => {
    expect(`${x}`).to.equal('tensor([1., 2.])');
    expect(String(x)).to.equal('tensor([1., 2.])');
    expect([x].join()).to.equal('tensor([1., 2.])');
  });

  it('are refused as JSON', () => {
    expect(refusalOf(() => JSON.stringify({ x })).message).to.contain('torch.save()');
  });

  it('give their rows one after the other, as views', () => {
    const m = torch.tensor([
      [1, 2],
      [3, 4],
    ]);
    expect([...m].map((row) => row.tolist())).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
    const [first] = m;
    first!.fill_(0);
    expect(m.tolist()).to.deep.equal([
      [0, 0],
      [3, 4],
    ]);
    expect([...torch.zeros([0, 3])]).to.deep.equal([]);
    expect(refusalOf(() => [...torch.tensor(1)]).message).to.contain('has no rows');
    // Of rows without number, only those that are asked for are made.
    const [many] = torch.zeros([2 ** 40, 0]);
    expect(many!.shape).to.deep.equal([0]);
    const [, second] = torch.arange(200_000);
    expect(second!.item()).to.equal(1);
  });
});
