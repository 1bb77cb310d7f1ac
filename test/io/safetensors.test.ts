import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { io, type Tensor, TorchClipError } from '../../lib/index.js';
import { Fixture } from '../setup/fixture.js';
import { type Bytes, expectSame, golden, refusalOf } from '../support.js';

const reference = golden<{
  file: string;
  tensors: Record<string, Bytes>;
  verdicts: { what: string; file: string; names: string[] | null }[];
}>('safetensors');

describe('io: safetensors', () => {
  let f: Fixture;
  const at = (name: string) => f.path(name);
  before(() => {
    f = new Fixture();
    writeFileSync(at('reference'), Buffer.from(reference.file, 'base64'));
  });
  after(() => f.remove());

  const headerOf = (path: string) => {
    const file = readFileSync(path);
    const length = Number(file.readBigUInt64LE());
    expect(length % 8).to.equal(0);
    return JSON.parse(file.subarray(8, 8 + length).toString()) as Record<string, Record<string, unknown>>;
  };

  it('reads every dtype of a file that Python wrote', () => {
    for (const path of [at('reference'), pathToFileURL(at('reference'))]) {
      const tensors = io.loadSafetensors(path);
      expect(Object.keys(tensors).sort()).to.deep.equal(Object.keys(reference.tensors).sort());
      for (const [name, bytes] of Object.entries(reference.tensors)) expectSame(tensors[name]!, bytes, name);
    }
  });

  it('writes what it reads, from views and with metadata', () => {
    const transposed = torch.randn([3, 4]).t();
    io.saveSafetensors({ ...io.loadSafetensors(at('reference')), transposed }, at('copy'), {
      metadata: { epoch: '3' },
    });
    const again = io.loadSafetensors(at('copy'));
    for (const [name, bytes] of Object.entries(reference.tensors)) expectSame(again[name]!, bytes, name);
    expect(again.transposed!.equal(transposed)).to.equal(true);
    expect(headerOf(at('copy')).__metadata__).to.deep.equal({ format: 'pt', epoch: '3' });
    expect(io.openSafetensors(at('copy')).metadata).to.deep.equal({ format: 'pt', epoch: '3' });
  });

  it('says in the metadata that the tensors are PyTorch’s, unless another format is named', () => {
    io.saveSafetensors({ x: torch.ones([1]) }, at('format'));
    expect(headerOf(at('format')).__metadata__).to.deep.equal({ format: 'pt' });
    io.saveSafetensors({ x: torch.ones([1]) }, at('format'), { metadata: { format: 'np' } });
    expect(headerOf(at('format')).__metadata__).to.deep.equal({ format: 'np' });
  });

  // By the specification a header begins with "{" and has each key once; the reference is laxer there.
  const stricter = ['padding before the header', 'a name that stands twice'];
  for (const { what, file, names } of reference.verdicts) {
    it(`makes of ${what} what the reference implementation does`, () => {
      writeFileSync(at('case'), Buffer.from(file, 'base64'));
      if (names !== null && !stricter.includes(what)) {
        expect(Object.keys(io.loadSafetensors(at('case'))).sort()).to.deep.equal(names);
        expect(io.openSafetensors(at('case')).names.sort()).to.deep.equal(names);
        return;
      }
      for (const read of [io.loadSafetensors, io.openSafetensors]) {
        const error = refusalOf(() => read(at('case')));
        expect(error.code).to.equal('ERR_FILE');
        expect(error.message).to.match(/^\S+ is not a proper safetensors file: [^\n]+$/);
      }
    });
  }

  it('does not read one range a hundred times', () => {
    const range = { dtype: 'U8', shape: [1000], data_offsets: [0, 1000] };
    const text = JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, range])));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(at('amplified'), Buffer.concat([length, Buffer.from(text), Buffer.alloc(1000)]));
    expect(refusalOf(() => io.loadSafetensors(at('amplified'))).message).to.match(/the tensor "x1" overlaps/);
  });

  it('refuses or reads, and never crashes on, a file with any byte changed', () => {
    const whole = readFileSync(at('reference'));
    fc.assert(
      fc.property(fc.nat(700), fc.nat(255), fc.nat(whole.length), (position, value, end) => {
        const mutated = Buffer.from(whole.subarray(0, Math.max(end, whole.length - 50)));
        mutated[position % mutated.length] = value;
        writeFileSync(at('mutated'), mutated);
        try {
          for (const t of Object.values(io.loadSafetensors(at('mutated')))) t.dispose();
        } catch (error) {
          expect(error).to.be.instanceOf(TorchClipError).with.property('code', 'ERR_FILE');
          expect((error as Error).message).not.to.include('\n');
        }
      }),
      { numRuns: 400 },
    );
  });

  describe('keeps names that JavaScript treats specially:', () => {
    for (const name of ['__proto__', 'constructor', 'toString', '', '10', 'with "quotes"\n', '名', '😀']) {
      it(JSON.stringify(name), () => {
        const tensors = Object.defineProperty({}, name, { value: torch.ones([2]), enumerable: true });
        for (const source of [tensors as Record<string, Tensor>, new Map([[name, torch.ones([2])]])]) {
          io.saveSafetensors(source, at('names'));
          const loaded = io.loadSafetensors(at('names'));
          expect(Object.keys(loaded)).to.deep.equal([name]);
          expect(Object.getPrototypeOf(loaded)).to.equal(null);
          expect(io.openSafetensors(at('names')).get(name).tolist()).to.deep.equal([1, 1]);
          expect(({} as Record<string, unknown>).x).to.equal(undefined);
        }
      });
    }
  });

  it('saves the values that a view shows', () => {
    const z = torch.tensor([
      { re: 1, im: 2 },
      { re: 3, im: -4 },
    ]);
    const views: Record<string, Tensor> = {
      conjugate: z.conj(),
      negative: z.conj().imag,
      one: torch.arange(10).asStrided([1], [5], 3),
      oneOfMany: torch.arange(10).asStrided([1, 1, 2], [7, 3, 4]),
      expanded: torch.ones([1]).expand([3]),
      reversed: torch.arange(6).reshape([2, 3]).t(),
      leaf: torch.ones([2], { requiresGrad: true }),
      scalar: torch.tensor(2),
    };
    expect(views.conjugate!.isConj() && views.negative!.isNeg()).to.equal(true);
    io.saveSafetensors(views, at('views'));
    const loaded = io.loadSafetensors(at('views'));
    for (const [name, view] of Object.entries(views)) expect(loaded[name]!.tolist(), name).to.deep.equal(view.tolist());
  });

  it('writes memory with several names once, as save_model of Python does', () => {
    const weight = torch.randn([4, 4]);
    io.saveSafetensors({ 'in.weight': weight, 'out.weight': weight.detach(), part: weight.select(0, 0) }, at('tied'));
    const header = headerOf(at('tied'));
    expect(Object.keys(header).sort()).to.deep.equal(['__metadata__', 'in.weight', 'part']);
    expect(header.__metadata__).to.deep.equal({ format: 'pt', 'out.weight': 'in.weight' });
    const loaded = io.loadSafetensors(at('tied'));
    loaded['in.weight']!.fill_(0);
    expect(loaded['out.weight']!.sum().item()).to.equal(0);
    expect(loaded.part!.equal(weight.select(0, 0))).to.equal(true);
    expect(io.openSafetensors(at('tied')).get('out.weight').equal(weight)).to.equal(true);
  });

  it('cuts large ones into shards with an index', () => {
    const tensors: Record<string, Tensor> = Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e'].map((name, i) => [name, torch.full([100], i)]),
    );
    tensors.tied = tensors.c!;
    io.saveSafetensors(tensors, at('model.safetensors'), { maxShardSize: 900 });
    const files = readdirSync(f.root).filter((name) => name.startsWith('model'));
    expect(files.sort()).to.deep.equal([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
      'model.safetensors.index.json',
    ]);
    const index = JSON.parse(readFileSync(at('model.safetensors.index.json'), 'utf8'));
    expect(index.metadata).to.deep.equal({ total_size: 2000 });
    expect(index.weight_map).to.include({ a: files[0], c: files[1], e: files[2] });
    const loaded = io.loadSafetensors(at('model.safetensors.index.json'));
    const opened = io.openSafetensors(at('model.safetensors.index.json'));
    expect(opened.names.sort()).to.deep.equal(Object.keys(tensors).sort());
    expect(opened.metadata.format).to.equal('pt');
    for (const [name, tensor] of Object.entries(tensors)) {
      expect(loaded[name]!.equal(tensor), name).to.equal(true);
      expect(opened.get(name).equal(tensor), name).to.equal(true);
    }
    opened.close();
    expect(refusalOf(() => opened.get('a')).code).to.equal('ERR_STATE');
    io.saveSafetensors(tensors, at('whole.safetensors'), { maxShardSize: 1e9 });
    expect(Object.keys(io.loadSafetensors(at('whole.safetensors')))).to.have.length(6);
  });

  it('refuses an index that leads elsewhere or is wrong', () => {
    const cases: [unknown, RegExp][] = [
      ['{', /not JSON/],
      [{}, /no weight_map/],
      [{ weight_map: [] }, /no weight_map/],
      [{ weight_map: { a: '../../etc/passwd' } }, /names no safetensors file beside it/],
      [{ weight_map: { a: '/tmp/x.safetensors' } }, /names no safetensors file beside it/],
      [{ weight_map: { a: 5 } }, /names no safetensors file beside it/],
      ['{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}', /the key "a" twice/],
      [{ weight_map: { a: 'none.safetensors' } }, /no such file/],
      [
        { weight_map: { nowhere: 'shard.safetensors' } },
        /names a tensor "nowhere" that shard\.safetensors does not hold/,
      ],
    ];
    io.saveSafetensors({ a: torch.ones([1]) }, at('shard.safetensors'));
    for (const [index, says] of cases) {
      f.write('bad.index.json', typeof index === 'string' ? index : JSON.stringify(index));
      for (const read of [io.loadSafetensors, io.openSafetensors]) {
        const error = refusalOf(() => read(at('bad.index.json')));
        expect([error.code, says.test(error.message)], error.message).to.deep.equal(['ERR_FILE', true]);
      }
    }
    f.write('twice.index.json', '{"weight_map":{"a":"shard.safetensors","b":"again.safetensors"}}');
    io.saveSafetensors({ a: torch.ones([1]), b: torch.ones([1]) }, at('again.safetensors'));
    for (const read of [io.loadSafetensors, io.openSafetensors]) {
      const error = refusalOf(() => read(at('twice.index.json')));
      expect(error.message).to.match(/again\.safetensors holds "a", which an earlier file of the index holds as well$/);
    }
  });

  it('opens a file and reads only what is asked for', () => {
    const file = io.openSafetensors(at('reference'));
    for (const [name, bytes] of Object.entries(reference.tensors)) {
      expect(file.shape(name)).to.deep.equal(bytes.shape);
      expect(file.dtype(name).name).to.equal(bytes.dtype);
      expectSame(file.get(name), bytes, name);
    }
    const x = file.get('F32');
    expect(file.slice('F32', 1, 2).tolist()).to.deep.equal([(x.tolist() as number[][])[1]]);
    expect(file.slice('F32', 1, 1).shape).to.deep.equal([0, 3]);
    const before = readFileSync(at('reference'));
    x.fill_(7);
    expect(readFileSync(at('reference')).equals(before)).to.equal(true);
    for (const [start, end] of [
      [-1, 1],
      [0, 3],
      [2, 1],
      [0.5, 1],
    ] as const) {
      expect(refusalOf(() => file.slice('F32', start, end)).code).to.equal('ERR_INDEX');
    }
    expect(refusalOf(() => file.slice('scalar', 0, 1)).code).to.equal('ERR_SHAPE');
    expect(refusalOf(() => file.get('none')).code).to.equal('ERR_INDEX');
    file.close();
    file.close();
    expect(x.sum().item()).to.equal(42);
    expect(refusalOf(() => file.get('F32')).code).to.equal('ERR_STATE');
  });

  it('maps a file whose data begin anywhere', () => {
    const text = '{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}} ';
    for (let pad = 0; pad < 8; pad++) {
      const header = Buffer.from(text + ' '.repeat(pad));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      writeFileSync(at('odd'), Buffer.concat([length, header, Buffer.from(new Float64Array([1.5, -2]).buffer)]));
      expect(io.openSafetensors(at('odd')).get('x').tolist()).to.deep.equal([1.5, -2]);
      expect(io.loadSafetensors(at('odd')).x!.tolist()).to.deep.equal([1.5, -2]);
    }
  });

  it('leaves the old file and no other when it cannot write, and writes through a link', () => {
    io.saveSafetensors({ x: torch.ones([2]) }, at('kept'));
    const before = readFileSync(at('kept'));
    const gone = torch.ones([2]);
    gone.dispose();
    expect(refusalOf(() => io.saveSafetensors({ x: gone }, at('kept'))).code).to.equal('ERR_DISPOSED');
    expect(readFileSync(at('kept')).equals(before)).to.equal(true);
    expect(readdirSync(f.root).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    symlinkSync('kept', at('link'));
    io.saveSafetensors({ x: torch.zeros([2]) }, at('link'));
    expect(io.loadSafetensors(at('kept')).x!.tolist()).to.deep.equal([0, 0]);
  });

  const x = torch.zeros([2]);
  const refused: [what: string, call: () => unknown, code: string, says: RegExp][] = [
    [
      'no tensor',
      () => io.saveSafetensors({ x: 5 } as never, 'x'),
      'ERR_ARGUMENT',
      /"tensors\["x"\]" must be a Tensor, got 5/,
    ],
    ['null', () => io.saveSafetensors(null as never, 'x'), 'ERR_ARGUMENT', /as stateDict\(\) gives, got null/],
    ['an array', () => io.saveSafetensors([x] as never, 'x'), 'ERR_ARGUMENT', /got \[\.\.\.\]/],
    ['a module', () => io.saveSafetensors(new torch.nn.Linear(1, 1) as never, 'x'), 'ERR_ARGUMENT', /got a Linear/],
    ['a Set', () => io.saveSafetensors(new Set([x]) as never, 'x'), 'ERR_ARGUMENT', /got a Set/],
    [
      'complex128',
      () => io.saveSafetensors({ x: x.to({ dtype: torch.complex128 }) }, 'x'),
      'ERR_DTYPE',
      /complex128 \(strided, on cpu\)/,
    ],
    ['a sparse tensor', () => io.saveSafetensors({ x: torch.eye(2).toSparse() }, 'x'), 'ERR_DTYPE', /sparse/],
    [
      'a meta tensor',
      () => io.saveSafetensors({ x: torch.empty([2], { device: 'meta' }) }, 'x'),
      'ERR_DTYPE',
      /on meta/,
    ],
    [
      'the reserved name',
      () => io.saveSafetensors({ __metadata__: x }, 'x'),
      'ERR_ARGUMENT',
      /other than "__metadata__"/,
    ],
    ['a lone surrogate', () => io.saveSafetensors({ '\ud800': x }, 'x'), 'ERR_ARGUMENT', /well-formed/],
    ['a number for a name', () => io.saveSafetensors(new Map([[1, x]]) as never, 'x'), 'ERR_ARGUMENT', /got 1/],
    [
      'metadata that is not text',
      () => io.saveSafetensors({ x }, 'x', { metadata: { a: 1n } as never }),
      'ERR_ARGUMENT',
      /"metadata\["a"\]" must be a well-formed string, got 1n/,
    ],
    [
      'a surrogate in metadata',
      () => io.saveSafetensors({ x }, 'x', { metadata: { a: '\udfff' } }),
      'ERR_ARGUMENT',
      /well-formed/,
    ],
    [
      'a Map for metadata',
      () => io.saveSafetensors({ x }, 'x', { metadata: new Map() as never }),
      'ERR_ARGUMENT',
      /"metadata" must be an object of strings, got a Map/,
    ],
    [
      'metadata that looks like a shared tensor',
      () => io.saveSafetensors({ x }, 'x', { metadata: { y: 'x' } }),
      'ERR_ARGUMENT',
      /other than the name of a tensor/,
    ],
    ['an unknown option', () => io.saveSafetensors({ x }, 'x', { meta: {} } as never), 'ERR_ARGUMENT', /"meta"/],
    ['a shard of nothing', () => io.saveSafetensors({ x }, 'x', { maxShardSize: 0 }), 'ERR_ARGUMENT', /maxShardSize/],
    ['a path that is none', () => io.saveSafetensors({ x }, 5 as never), 'ERR_ARGUMENT', /"path"/],
    ['a device that is none', () => io.loadSafetensors('x', { device: 'gpu' as never }), 'ERR_DEVICE', /"device"/],
    ['an unknown option of loading', () => io.loadSafetensors('x', { map: 1 } as never), 'ERR_ARGUMENT', /"map"/],
    [
      'a file that is not there',
      () => io.loadSafetensors('/nowhere/x'),
      'ERR_FILE',
      /^\/nowhere\/x cannot be read: there is no such file or folder$/,
    ],
  ];
  for (const [what, call, code, says] of refused) {
    it(`refuses ${what}`, () => {
      const error = refusalOf(call);
      expect(error.code).to.equal(code);
      expect(error.message).to.match(says);
    });
  }
});
