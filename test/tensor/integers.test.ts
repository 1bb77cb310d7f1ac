// Numbers that are put into tensors of integer dtypes: those that PyTorch refuses are refused, and the others become what they become there.
import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { dtypeNamed, golden } from '../support.js';

type Value = number | bigint;

const table = golden<Record<string, (string | null)[]>>('integers');
const integers = table.integers!.map((text) => BigInt(text!));
const floats = table.floats!.map(
  (text) => ({ inf: Infinity, '-inf': -Infinity, nan: Number.NaN })[text!] ?? Number(text),
);

const functions: Record<string, (x: Tensor, v: Value) => Tensor> = {
  full: (x, v) => torch.full([1], v, { dtype: x.dtype }),
  'full, out': (x, v) => torch.full([1], v, { out: x }),
  fullLike: (x, v) => torch.fullLike(x, v),
  newFull: (x, v) => x.newFull([1], v),
  scalarTensor: (x, v) => torch.scalarTensor(v, { dtype: x.dtype }).reshape([1]),
  fill_: (x, v) => x.fill_(v),
  fill: (x, v) => torch.fill(x, v),
  maskedFill: (x, v) => x.maskedFill(torch.tensor([true]), v),
  maskedFill_: (x, v) => x.maskedFill_(torch.tensor([true]), v),
  indexFill: (x, v) => x.indexFill(0, torch.tensor([0n]), v),
  indexFill_: (x, v) => x.indexFill_(0, torch.tensor([0n]), v),
  fillDiagonal_: (x, v) => x.view([1, 1]).fillDiagonal_(v).view([1]),
  constantPadNd: (x, v) => torch.constantPadNd(x, [1, -1], v),
  scatter: (x, v) => x.scatter(0, torch.tensor([0n]), v),
  scatter_: (x, v) => x.scatter_(0, torch.tensor([0n]), v),
  threshold: (x, v) => torch.threshold(x, 0, v),
  assignment(x, v) {
    x.indexPut_([0], v);
    return x;
  },
  tensor: (x, v) => torch.tensor([v], { dtype: x.dtype }),
};

/** The element that comes out, or null where the number is refused. */
function outcome(call: (x: Tensor, v: Value) => Tensor, dtype: string, value: Value): string | null {
  const x = torch.zeros([1], { dtype: dtypeNamed(dtype) });
  try {
    return String(call(x, value).item());
  } catch (error) {
    expect(error).instanceOf(torch.TorchClipError);
    expect(Number(x.item())).equal(0);
    return null;
  }
}

describe('a number for an integer dtype', () => {
  for (const [name, call] of Object.entries(functions)) {
    const title = `${name}: is taken or refused as in PyTorch`;
    if (name.startsWith('scatter') && Number(torch.version.libtorch.split('.')[1]) > 13) {
      it.skip(`${title} (skipped: torch 2.14 wraps what 2.13, of which the table is, refuses)`);
      continue;
    }
    it(title, () => {
      for (const dtype of ['uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64']) {
        // Python's floats are no integers of 64 bits without a sign, and its assignments end at 63 bits; here each is as elsewhere.
        const unlike = dtype === 'uint64' && (name === 'assignment' || name === 'tensor');
        const want = table[`${unlike && name === 'assignment' ? 'full' : name} ${dtype}`]!;
        integers.forEach((value, i) => {
          const where = `${value} as ${dtype}`;
          expect(outcome(call, dtype, value), `the bigint ${where}`).equal(want[i]);
          // A number that is a whole one is the same value.
          // Below what is safe it is no longer taken for an integer, and does not wrap.
          if (BigInt(Number(value)) !== value) return;
          const wraps = dtype === 'uint64' && value < -(2n ** 53n);
          expect(outcome(call, dtype, Number(value)), where).equal(wraps ? null : want[i]);
        });
        floats.forEach((value, i) => {
          const floats = unlike ? table[`full ${dtype}`]! : want;
          expect(outcome(call, dtype, value), `${value} as ${dtype}`).equal(floats[integers.length + i]);
        });
      }
    });
  }
});
