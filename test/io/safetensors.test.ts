import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { io, TorchClipError } from '../../lib/index.js';
import { type Bytes, expectSame, golden } from '../support.js';

const reference = golden<{ file: string; tensors: Record<string, Bytes> }>('safetensors');

describe('io: safetensors', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('reads every dtype of a file made by the specification', () => {
    writeFileSync(at('reference'), Buffer.from(reference.file, 'base64'));
    const tensors = io.loadSafetensors(at('reference'));
    expect(Object.keys(tensors).sort()).to.deep.equal(Object.keys(reference.tensors).sort());
    for (const [name, bytes] of Object.entries(reference.tensors)) expectSame(tensors[name]!, bytes, name);
  });

  it('writes what it reads, from views and with metadata', () => {
    writeFileSync(at('reference'), Buffer.from(reference.file, 'base64'));
    const tensors = io.loadSafetensors(at('reference'));
    const transposed = torch.randn([3, 4]).t();
    io.saveSafetensors({ ...tensors, transposed }, at('copy'), { metadata: { epoch: '3' } });
    const again = io.loadSafetensors(at('copy'));
    for (const [name, bytes] of Object.entries(reference.tensors)) expectSame(again[name]!, bytes, name);
    expect(again.transposed!.equal(transposed)).to.equal(true);
    const file = readFileSync(at('copy'));
    const length = Number(file.readBigUInt64LE());
    expect(length % 8).to.equal(0);
    const header = JSON.parse(file.subarray(8, 8 + length).toString()) as { __metadata__: unknown };
    expect(header.__metadata__).to.deep.equal({ epoch: '3' });
  });

  it('leaves the old file and no other when it cannot write', () => {
    io.saveSafetensors({ x: torch.ones([2]) }, at('kept'));
    const before = readFileSync(at('kept'));
    const gone = torch.ones([2]);
    gone.dispose();
    expect(() => io.saveSafetensors({ x: gone }, at('kept')))
      .to.throw(TorchClipError)
      .with.property('code', 'ERR_DISPOSED');
    expect(readFileSync(at('kept')).equals(before)).to.equal(true);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
  });

  const file = (header: unknown, data = Buffer.alloc(0)) => {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([length, text, data]);
  };
  const entry = (over: object) => ({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...over } });
  const damaged: [what: string, content: Buffer, message: RegExp][] = [
    ['an empty file', Buffer.alloc(0), /has 0 bytes/],
    ['a header longer than the file', Buffer.from('ffffffffffffff7f', 'hex'), /says its header has/],
    ['a header that is not JSON', file('{"x"'), /not JSON/],
    ['a header that is an array', file([]), /no object/],
    ['an unknown dtype', file(entry({ dtype: 'F7' }), Buffer.alloc(8)), /"x" of dtype "F7"/],
    ['a negative size', file(entry({ shape: [-2] }), Buffer.alloc(8)), /proper shape/],
    ['offsets past the end', file(entry({}), Buffer.alloc(4)), /offsets do not fit/],
    ['offsets that do not fit the shape', file(entry({ shape: [3] }), Buffer.alloc(8)), /offsets do not fit/],
    ['a null entry', file({ x: null }), /"x" of dtype undefined/],
  ];
  for (const [what, content, message] of damaged) {
    it(`refuses ${what}`, () => {
      writeFileSync(at('damaged'), content);
      expect(() => io.loadSafetensors(at('damaged')))
        .to.throw(TorchClipError, message)
        .with.property('code', 'ERR_FILE');
    });
  }

  it('names a file that is not there', () => {
    expect(() => io.loadSafetensors(at('nowhere')))
      .to.throw(TorchClipError, /nowhere/)
      .with.property('code', 'ERR_FILE');
  });

  it('refuses what the format cannot hold', () => {
    const cases: [unknown, string][] = [
      [{ x: 5 }, 'ERR_ARGUMENT'],
      [null, 'ERR_ARGUMENT'],
      [{ x: torch.zeros([2], { dtype: torch.complex128 }) }, 'ERR_DTYPE'],
      [{ x: torch.eye(2).toSparse() }, 'ERR_DTYPE'],
    ];
    for (const [tensors, code] of cases) {
      expect(() => io.saveSafetensors(tensors as never, at('refused')))
        .to.throw(TorchClipError)
        .with.property('code', code);
    }
  });
});
