// Memory of JavaScript that is gone: transferred, or cut off by a resizable buffer. Wherever typed arrays, views and buffers are taken, it is
// refused in one sentence and not taken for an empty one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { clip, data, io, nn, optim } from '../lib/index.js';
import { refusalOf } from './support.js';

type View = Float32Array | Uint8Array | BigInt64Array | DataView;

const detached = (make: (buffer: ArrayBuffer) => View): View => {
  const buffer = new ArrayBuffer(32);
  const view = make(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return view;
};

/** A view whose end a resizable buffer has taken away; Node.js 20 has none of TypeScript's types for it. */
const cutOff = (make: (buffer: ArrayBuffer) => View): View => {
  const buffer = new (ArrayBuffer as unknown as new (size: number, options: object) => ArrayBuffer)(32, {
    maxByteLength: 64,
  });
  const view = make(buffer);
  (buffer as unknown as { resize(size: number): void }).resize(4);
  return view;
};

const views: Record<string, (buffer: ArrayBuffer) => View> = {
  Float32Array: (buffer) => new Float32Array(buffer, 8, 6),
  Uint8Array: (buffer) => new Uint8Array(buffer, 8, 24),
  Buffer: (buffer) => Buffer.from(buffer, 8, 24),
  BigInt64Array: (buffer) => new BigInt64Array(buffer, 8, 3),
  DataView: (buffer) => new DataView(buffer, 8, 24),
};

const buffer = () => {
  const memory = new ArrayBuffer(8);
  structuredClone(memory, { transfer: [memory] });
  return memory;
};

const gone: Record<string, () => View | ArrayBuffer> = {
  ...Object.fromEntries(Object.entries(views).map(([name, make]) => [`a transferred ${name}`, () => detached(make)])),
  ...Object.fromEntries(Object.entries(views).map(([name, make]) => [`a ${name} cut off`, () => cutOff(make)])),
  'a transferred ArrayBuffer': buffer,
};

const any = (value: unknown) => value as never;

/** What takes memory, and whether it takes views without elements, and buffers. */
const takers: Record<string, [take: (memory: unknown) => unknown, everything: boolean]> = {
  'torch.tensor': [(m) => torch.tensor(any(m)), false],
  'torch.tensor of rows': [(m) => torch.tensor(any([m, m])), false],
  'torch.tensor of a dtype': [(m) => torch.tensor(any(m), { dtype: torch.float64 }), false],
  'torch.asTensor': [(m) => torch.asTensor(any(m)), false],
  'torch.asarray': [(m) => torch.asarray(any(m), { copy: true }), false],
  'torch.fromTypedArray': [(m) => torch.fromTypedArray(any(m)), false],
  'torch.fromTypedArray, sharing': [(m) => torch.fromTypedArray(any(m), { copy: false }), false],
  'torch.fromTypedArray of a shape': [(m) => torch.fromTypedArray(any(m), { shape: [0] }), false],
  newTensor: [(m) => torch.ones([1]).newTensor(any(m)), false],
  'torch.frombuffer': [(m) => torch.frombuffer(any(m), { dtype: torch.uint8 }), true],
  'data.collate': [(m) => data.collate([m, m]), true],
  'data.defaultCollate of objects': [(m) => data.defaultCollate([{ a: [m] }, { a: [m] }]), true],
  'data.defaultConvert': [(m) => data.defaultConvert({ a: m }), true],
  'data.Subset': [(m) => new data.Subset({ length: 3, get: (i: number) => i }, any(m)), false],
  'data.SubsetRandomSampler': [(m) => new data.SubsetRandomSampler(any(m)), false],
  'data.WeightedRandomSampler': [(m) => new data.WeightedRandomSampler(any(m), 2), false],
  'data.TokenBlocks': [(m) => new data.TokenBlocks(any(m), { blockSize: 1 }), false],
  'clip.tailIndex': [(m) => clip.tailIndex(any(m)), false],
};

/** What takes lists of other things, where such an array has no place either. */
const lists: Record<string, (memory: never) => unknown> = {
  'optim.SGD': (m) => new optim.SGD(m, { lr: 1 }),
  'optim.SGD, a group': (m) => new optim.SGD([{ params: m }], { lr: 1 }),
  'data.ChainDataset': (m) => new data.ChainDataset(m),
  'func.stackModuleState': (m) => torch.func.stackModuleState(m),
  'func.rearrange': (m) => torch.func.rearrange(m, 'a -> a'),
  'nn.ModuleList': (m) => new nn.ModuleList(m),
  'nn.ModuleDict': (m) => new nn.ModuleDict(m),
  'nn.ParameterList': (m) => new nn.ParameterList(m),
  'nn.ParameterDict': (m) => new nn.ParameterDict(m),
  'nn.utils.clipGradValue_': (m) => nn.utils.clipGradValue_(m, 1),
  'nn.utils.clipGradNorm_': (m) => nn.utils.clipGradNorm_(m, 1),
  'nn.utils.parametersToVector': (m) => nn.utils.parametersToVector(m),
  'nn.utils.rnn.padSequence': (m) => nn.utils.rnn.padSequence(m),
  'torch.cat': (m) => torch.cat(m),
  'torch.zeros': (m) => torch.zeros(m),
};

describe('memory of JavaScript that is gone', () => {
  for (const [name, [take, everything]] of Object.entries(takers)) {
    it(`${name} refuses it`, () => {
      for (const [kind, make] of Object.entries(gone)) {
        const { message, code } = refusalOf(() => take(make()));
        expect(code, kind).equal('ERR_ARGUMENT');
        const isRow = !/DataView|ArrayBuffer/.test(kind);
        if (name !== 'clip.tailIndex' && (everything || isRow)) {
          expect(message, kind).match(
            /must have its memory, got an? \w+ whose buffer was transferred or has become too/,
          );
        }
      }
    });
  }

  it('lists of parameters, modules and datasets are refused likewise', () => {
    for (const [name, take] of Object.entries(lists)) {
      for (const [kind, make] of Object.entries(gone)) {
        expect(() => take(any(make())), `${name}, ${kind}`).throw(torch.TorchClipError);
      }
    }
  });

  it('torch.save and saveCheckpoint refuse it and leave no file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'torch-clip-memory-'));
    try {
      for (const make of Object.values(gone)) {
        const path = join(folder, 'object.pt');
        for (const body of [
          () => torch.save({ a: { b: make() } }, path),
          () => io.saveCheckpoint(join(folder, 'checkpoint'), any({ a: make() })),
        ]) {
          expect(refusalOf(body).code).equal('ERR_ARGUMENT');
        }
        expect(() => torch.load(path)).throw(torch.TorchClipError);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('what is empty and there is taken', () => {
    expect(torch.tensor(new Float32Array(0)).shape).deep.equal([0]);
    expect(data.defaultConvert(new DataView(new ArrayBuffer(0))).shape).deep.equal([0]);
    expect(data.collate([new ArrayBuffer(0), new ArrayBuffer(0)]).shape).deep.equal([2, 0]);
  });
});
