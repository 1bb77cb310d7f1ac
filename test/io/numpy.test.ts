import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { io, type Tensor, TorchClipError } from '../../lib/index.js';
import { Fixture } from '../setup/fixture.js';
import { type Bytes, expectSame, golden, refusalOf } from '../support.js';

interface Case {
  what: string;
  file: string;
}

const reference = golden<{
  read: (Case & { value: Bytes })[];
  refused: (Case & { says: string })[];
  npz: Case[];
  values: Record<string, Bytes>;
  refusedNpz: (Case & { says: string })[];
}>('numpy');

const dtypes = [
  ...['bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'],
  ...['float16', 'float32', 'float64', 'complex64', 'complex128'],
] as const;

describe("io: NumPy's files", () => {
  let f: Fixture;
  const at = (name: string) => f.path(name);
  const put = (file: string, name = 'file') => f.write(name, Buffer.from(file, 'base64'));
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  for (const { what, file, value } of reference.read) {
    it(`reads ${what}`, () => {
      for (const mmap of [false, true]) {
        const tensor = io.loadNpy(put(file), { mmap });
        expectSame(tensor, value, what);
      }
    });
  }

  it("keeps Fortran's order as strides", () => {
    const { file } = reference.read.find(({ what }) => what === 'Fortran order')!;
    expect(io.loadNpy(put(file)).stride()).to.deep.equal([1, 3]);
  });

  for (const { what, file, says } of reference.refused) {
    it(`refuses ${what}`, () => {
      const error = refusalOf(() => io.loadNpy(put(file, 'bad.npy')));
      expect(error.code).to.equal('ERR_FILE');
      expect(error.message)
        .to.match(/^\S+bad\.npy cannot be loaded: [^\n]+$/)
        .and.include(says);
    });
  }

  for (const { what, file } of reference.npz) {
    it(`reads the archive of ${what}`, () => {
      const arrays = io.loadNpz(put(file));
      expect(Object.keys(arrays).sort()).to.deep.equal([...Object.keys(reference.values), '__proto__'].sort());
      for (const [name, value] of Object.entries(reference.values)) expectSame(arrays[name]!, value, name);
      expect(Object.getOwnPropertyDescriptor(arrays, '__proto__')!.value.tolist()).to.deep.equal([0, 1, 2]);
    });
  }

  for (const { what, file, says } of reference.refusedNpz) {
    it(`refuses an archive with ${what}`, () => {
      const error = refusalOf(() => io.loadNpz(put(file, 'bad.npz')));
      expect(error.code).to.equal('ERR_FILE');
      expect(error.message)
        .to.match(/^\S+bad\.npz cannot be loaded: [^\n]+$/)
        .and.include(says);
    });
  }

  const anyTensor = fc
    .tuple(fc.array(fc.nat(4), { maxLength: 4 }), fc.constantFrom(...dtypes), fc.boolean())
    .map(([shape, name, turned]) => {
      const tensor = torch.randint(0, 100, shape).to({ dtype: torch[name] });
      return turned && shape.length > 1 ? tensor.transpose(0, -1) : tensor;
    });
  const same = (a: Tensor, b: Tensor) => {
    expect([a.shape, a.dtype.name]).to.deep.equal([b.shape, b.dtype.name]);
    expect(a.equal(b)).to.equal(true);
  };

  it('reads what it writes', () => {
    fc.assert(
      fc.property(anyTensor, fc.boolean(), (tensor, mmap) => {
        io.saveNpy(tensor, at('own.npy'));
        expect(readFileSync(at('own.npy')).indexOf('\n') % 64).to.equal(63);
        same(io.loadNpy(at('own.npy'), { mmap }), tensor);
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), anyTensor, { maxKeys: 4 }),
        fc.boolean(),
        (tensors, compressed) => {
          io.saveNpz(tensors, at('own.npz'), { compressed });
          const again = io.loadNpz(at('own.npz'));
          expect(Object.keys(again).sort()).to.deep.equal(Object.keys(tensors).sort());
          for (const [name, tensor] of Object.entries(tensors)) same(again[name]!, tensor);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes conjugate views and devices’ values as they are seen', () => {
    const z = torch.complex(torch.ones([2]), torch.ones([2])).conj();
    io.saveNpy(z, at('z.npy'));
    same(io.loadNpy(at('z.npy')), z.resolveConj());
  });

  it('compresses an array of many pieces to less', () => {
    const x = torch.arange(5e6, { dtype: torch.int32 }).div(1000, { roundingMode: 'floor' });
    io.saveNpz({ x, none: torch.empty([0, 3]) }, at('many.npz'), { compressed: true });
    expect(statSync(at('many.npz')).size).to.be.lessThan(x.nbytes / 20);
    const again = io.loadNpz(at('many.npz'));
    same(again.x!, x);
    same(again.none!, torch.empty([0, 3]));
  });

  it('refuses a damaged byte of an archive by its checksum', () => {
    io.saveNpz({ x: torch.arange(100) }, at('whole.npz'));
    const bytes = readFileSync(at('whole.npz'));
    const start = bytes.indexOf('\x93NUMPY', 0, 'latin1');
    for (const offset of [20, 130, 500]) {
      const damaged = Buffer.from(bytes);
      damaged[start + offset]! ^= 1;
      writeFileSync(at('damaged.npz'), damaged);
      expect(refusalOf(() => io.loadNpz(at('damaged.npz'))).code).to.equal('ERR_FILE');
    }
  });

  it('refuses what NumPy does not have, and leaves the old file', () => {
    io.saveNpy(torch.ones([1]), at('kept.npy'));
    for (const bad of [torch.ones([2]).bfloat16(), torch.eye(2).toSparse(), torch.empty([2], { device: 'meta' })]) {
      expect(refusalOf(() => io.saveNpy(bad, at('kept.npy'))).message).to.match(
        /^"tensor" must be a dense tensor of a dtype that NumPy has, got /,
      );
      expect(refusalOf(() => io.saveNpz({ a: torch.ones([1]), b: bad }, at('kept.npy'))).code).to.equal('ERR_DTYPE');
    }
    expect(refusalOf(() => io.saveNpz({}, at('kept.npy'), { compressed: 1 as never })).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => io.saveNpz([] as never, at('kept.npy'))).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => io.saveNpz({ a: 1 as never }, at('kept.npy'))).message).to.equal(
      '"tensors["a"]" must be a Tensor, got 1',
    );
    expect(io.loadNpy(at('kept.npy')).tolist()).to.deep.equal([1]);
  });

  it('refuses or reads, and never crashes on, a file with any byte changed', () => {
    const { file } = reference.npz[1]!;
    const wholes = [Buffer.from(reference.read[5]!.file, 'base64'), Buffer.from(file, 'base64')];
    fc.assert(
      fc.property(fc.nat(1), fc.nat(4000), fc.nat(255), (which, position, value) => {
        const mutated = Buffer.from(wholes[which]!);
        mutated[position % mutated.length] = value;
        writeFileSync(at('mutated'), mutated);
        try {
          if (which === 0) io.loadNpy(at('mutated'));
          else io.loadNpz(at('mutated'));
        } catch (error) {
          if (!(error instanceof TorchClipError) || error.code !== 'ERR_FILE') throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  for (const compressed of [false, true]) {
    it(`is read by NumPy and reads NumPy's, ${compressed ? 'compressed' : 'stored'}`, function () {
      const code = `import sys, numpy
arrays = numpy.load(sys.argv[1])
save = numpy.savez_compressed if sys.argv[3] == 'true' else numpy.savez
save(sys.argv[2], **arrays)`;
      const tensors: Record<string, Tensor> = {
        long: torch.arange(3e6, { dtype: torch.int32 }),
        scalar: torch.tensor(2.5),
        none: torch.empty([0, 3]),
        'a ☃/b': torch.eye(3).t(),
      };
      for (const name of dtypes) tensors[name] = torch.randint(0, 2, [3, 2]).to({ dtype: torch[name] });
      io.saveNpz(tensors, at('ours.npz'), { compressed });
      const args = ['-c', code, at('ours.npz'), at('theirs.npz'), String(compressed)];
      const { status, stderr } = spawnSync('python3', args, { encoding: 'utf8' });
      if (/No module named 'numpy'/.test(stderr) || status === null) return this.skip();
      expect(stderr).to.equal('');
      const theirs = io.loadNpz(at('theirs.npz'));
      expect(Object.keys(theirs).sort()).to.deep.equal(Object.keys(tensors).sort());
      for (const [name, tensor] of Object.entries(tensors)) same(theirs[name]!, tensor);
    });
  }
});

describe('io.loadIdx', () => {
  let f: Fixture;
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  const idx = (code: number, shape: number[], data: number[]) => {
    const sizes = shape.flatMap((n) => [n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
    return Buffer.from([0, 0, code, shape.length, ...sizes, ...data]);
  };

  it('reads each type of element, of the big end first', async () => {
    const { gzipSync } = await import('node:zlib');
    const cases: [number, number[], string, unknown][] = [
      [0x08, [1, 255], 'uint8', [1, 255]],
      [0x09, [1, 255], 'int8', [1, -1]],
      [0x0b, [1, 0, 255, 254], 'int16', [256, -2]],
      [0x0c, [0, 0, 1, 0, 255, 255, 255, 254], 'int32', [256, -2]],
      [0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], 'float32', [1, -2]],
      [0x0e, [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0], 'float64', [1, -2]],
    ];
    for (const [code, data, name, values] of cases) {
      for (const bytes of [idx(code, [2], data), gzipSync(idx(code, [2], data))]) {
        const tensor = io.loadIdx(f.write('x', bytes));
        expect([tensor.dtype.name, tensor.tolist()]).to.deep.equal([name, values]);
      }
    }
    expect(io.loadIdx(f.write('x', idx(8, [2, 1, 2], [1, 2, 3, 4]))).tolist()).to.deep.equal([[[1, 2]], [[3, 4]]]);
    expect(io.loadIdx(f.write('x', idx(8, [0, 28, 28], []))).shape).to.deep.equal([0, 28, 28]);
  });

  it('refuses what is none', () => {
    const cases: [Buffer, RegExp][] = [
      [Buffer.alloc(0), /does not begin as an IDX file/],
      [idx(0x0a, [2], [1, 2]), /does not begin as an IDX file/],
      [idx(8, [2], [1, 2]).subarray(0, 6), /ends within its header/],
      [idx(8, [3], [1, 2]), /its elements have 3 bytes, and has 2/],
      [idx(8, [1], [1, 2]), /its elements have 1 bytes, and has 2/],
      [idx(8, [2 ** 31, 2 ** 31, 2 ** 31], []), /its elements have/],
      [Buffer.from([0x1f, 0x8b, 1, 2]), /compressed bytes are damaged/],
    ];
    for (const [bytes, says] of cases) {
      const error = refusalOf(() => io.loadIdx(f.write('x', bytes)));
      expect([error.code, error.message]).to.satisfy(
        ([code, text]: string[]) => code === 'ERR_FILE' && says.test(text!),
        String(says),
      );
    }
    expect(refusalOf(() => io.loadIdx(f.path('none'))).message).to.include('there is no such file');
  });
});
