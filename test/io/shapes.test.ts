// Shapes in files, in which a size may be 0 beside sizes whose product is more than an integer of libtorch holds.
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { io, type Tensor, TorchClipError } from '../../lib/index.js';
import { archiveOf } from '../../lib/io/zip.js';
import { Fixture, failure } from '../setup/fixture.js';

const int = (bytes: number, n: number | bigint) => {
  const buffer = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) buffer[i] = Number((BigInt(n) >> BigInt(8 * i)) & 255n);
  return buffer;
};
const joined = (...parts: (Buffer | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

function safetensors(shape: readonly number[]): Buffer {
  const text = JSON.stringify({ weight: { dtype: 'F32', shape, data_offsets: [0, 0] } });
  return joined(int(8, text.length), text);
}

function npy(shape: readonly number[], order = 'False'): Buffer {
  const text = `{'descr': '<f4', 'fortran_order': ${order}, 'shape': (${shape.map((n) => `${n},`).join(' ')}), }\n`;
  return joined('\x93NUMPY\x01\0', int(2, text.length), text);
}

const zip = (name: string, data: Buffer) => joined(...([...archiveOf([{ name, data }])] as Buffer[]));

function idx(shape: readonly number[]): Buffer {
  return joined('\0\0\x0d', int(1, shape.length), ...shape.map((n) => int(4, n).reverse()));
}

function gguf(shape: readonly number[]): Buffer {
  const sizes = [...shape].reverse().map((n) => int(8, n));
  const head = joined('GGUF', int(4, 3), int(8, 1), int(8, 0), int(8, 6), 'weight', int(4, shape.length), ...sizes);
  return Buffer.concat([head, int(4, 0), int(8, 0)], 4096);
}

/** An archive of an empty tensor as torch.save writes it, with these strides. */
function pt(shape: readonly number[], stride: readonly number[]): Buffer {
  const text = (value: string) => joined('X', int(4, value.length), value);
  const sizes = (list: readonly number[]) => joined('(', ...list.map((n) => joined('\x8a\x08', int(8, n))), 't');
  const id = joined('(', text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'K\0tQ');
  const pickle = joined(
    '\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(',
    ...[id, 'K\0', sizes(shape), sizes(stride), '\x89ccollections\nOrderedDict\n)RtR.'],
  );
  const records = { 'data.pkl': pickle, 'data/0': Buffer.alloc(0) };
  return joined(
    ...([...archiveOf(Object.entries(records).map(([name, data]) => ({ name: `a/${name}`, data })))] as Buffer[]),
  );
}

interface Format {
  make(shape: readonly number[]): Buffer;
  read(path: string): Tensor | Promise<Tensor>;
  /** What the sentence says beside the shape. */
  says?: string;
  /** The largest size that the format, or the library that reads it, knows. */
  most?: number;
}

const formats: Record<string, Format> = {
  'io.loadSafetensors': { make: safetensors, read: (path) => io.loadSafetensors(path).weight!, says: '"weight"' },
  'io.openSafetensors': { make: safetensors, read: (path) => io.openSafetensors(path).get('weight'), says: '"weight"' },
  'io.loadNpy': { make: (shape) => npy(shape), read: (path) => io.loadNpy(path) },
  "io.loadNpy, in Fortran's order": { make: (shape) => npy(shape, 'True'), read: (path) => io.loadNpy(path) },
  'io.loadNpz': {
    make: (shape) => zip('weight.npy', npy(shape)),
    read: (path) => io.loadNpz(path).weight!,
    says: '"weight.npy"',
  },
  'io.loadIdx': { make: idx, read: (path) => io.loadIdx(path), most: 2 ** 32 - 1 },
  'io.openGguf': {
    make: gguf,
    read: async (path) => (await io.openGguf(path)).get('weight'),
    says: '"weight"',
    most: 2 ** 32,
  },
  'torch.load': {
    make: (shape) =>
      pt(
        shape,
        shape.map(() => 1),
      ),
    read: (path) => torch.load<Tensor>(path),
  },
  'torch.load, mapped': {
    make: (shape) =>
      pt(
        shape,
        shape.map(() => 1),
      ),
    read: (path) => torch.load<Tensor>(path, { mmap: true }),
  },
};

const large = 2 ** 31;
const beyond: number[][] = [
  [1, large, large, large, 0],
  [0, large, large, large],
  [large, large, large, 0],
  [large, 0, large, large],
];

describe('shapes of empty tensors in files', () => {
  let f: Fixture;
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  for (const [name, { make, read, says, most = Number.MAX_SAFE_INTEGER }] of Object.entries(formats)) {
    // The format's library knows four dimensions.
    const dims = name === 'io.openGguf' ? 4 : 5;
    it(`are read by ${name}, or refused with the names of the file and the tensor`, async () => {
      for (const shape of beyond.filter(({ length }) => length <= dims)) {
        const path = f.write('bad', make(shape));
        const error = await failure(async () => read(path));
        expect(error, String(shape)).instanceOf(TorchClipError).property('code', 'ERR_FILE');
        expect(error.message).match(/^[^\n]+ larger than a tensor can be$/);
        expect(error.message)
          .include(path)
          .include(`the shape [${shape}]`)
          .include(says ?? '');
      }
      // Sizes that libtorch can multiply, and such that it cannot.
      const size = fc.oneof(fc.nat(3), fc.constantFrom(large - 1, 2 ** 32 - 1, 2 ** 52), fc.nat(most));
      const shapes = fc
        .array(
          size.map((n) => Math.min(n, most)),
          { minLength: 1, maxLength: dims },
        )
        .chain((sizes) => fc.nat(sizes.length - 1).map((at) => sizes.map((n, i) => (i === at ? 0 : n))));
      await fc.assert(
        fc.asyncProperty(shapes, async (shape) => {
          const path = f.write('any', make(shape));
          try {
            expect((await read(path)).shape).deep.equal(shape);
          } catch (error) {
            expect(error).instanceOf(TorchClipError).property('code', 'ERR_FILE');
            expect((error as Error).message)
              .include(path)
              .include('larger than a tensor can be');
            expect(shape.reduce((product, n) => product * Math.max(n, 1), 1)).greaterThan(2 ** 61);
          }
        }),
        { numRuns: 60 },
      );
    });
  }
});
