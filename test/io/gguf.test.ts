import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { io } from '../../lib/index.js';
import { Fixture, failure } from '../setup/fixture.js';
import { type Bytes, expectSame, golden, refusalOf } from '../support.js';

type Tensors = Record<string, { type: string } & Partial<Bytes>>;
const reference = golden<{ file: string; tensors: Tensors; unaligned: { file: string; tensors: Tensors } }>('gguf');
const whole = Buffer.from(reference.file, 'base64');

describe('io.openGguf', () => {
  let f: Fixture;
  const put = (bytes: Buffer) => {
    writeFileSync(f.path('model.gguf'), bytes);
    return f.path('model.gguf');
  };
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  it('reads the metadata', async () => {
    const { metadata } = await io.openGguf(put(whole));
    expect(metadata['general.architecture']).to.equal('llama');
    expect(metadata['general.description']).to.equal('A ☃ file');
    expect(metadata['tokenizer.ggml.tokens']).to.deep.equal(['a', 'b', '名']);
    expect(metadata.numbers).to.deep.equal([1, 2, 3]);
    expect(metadata['llama.rope.freq_base']).to.equal(0.5);
    expect(metadata.large).to.equal(2n ** 60n);
    expect(metadata.yes).to.equal(true);
  });

  for (const [name, { type, dtype, shape, data }] of Object.entries(reference.tensors)) {
    it(`reads ${name} as llama.cpp's package does`, async () => {
      using file = await io.openGguf(put(whole));
      expect(file.type(name)).to.equal(type);
      expect(file.names).to.include(name);
      if (data === undefined) {
        const error = refusalOf(() => file.get(name));
        expect(error.message).to.equal(
          `the tensor "${name}" is of the type ${type}, which is not for files; blocks() gives its bytes`,
        );
        expect(file.blocks(name).shape[0]).to.equal(type === 'Q8_1' ? 16 : 2);
        return;
      }
      const tensor = file.get(name);
      expect(file.shape(name)).to.deep.equal(shape);
      // NumPy has no bfloat16.
      expectSame(type === 'BF16' ? tensor.float() : tensor, { dtype: dtype!, shape: shape!, data }, name);
    });
  }

  it('reads single blocks that begin at any byte', async () => {
    const { file: bytes, tensors } = reference.unaligned;
    using file = await io.openGguf(put(Buffer.from(bytes, 'base64')));
    expect(file.names).to.deep.equal(Object.keys(tensors));
    for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
      expectSame(file.get(name), { dtype: dtype!, shape: shape!, data: data! }, name);
    }
  });

  it('lets go of the file, but not of its tensors', async () => {
    const file = await io.openGguf(put(whole));
    const tensor = file.get('F32');
    file.close();
    expect(tensor.shape).to.deep.equal([2, 3]);
    expect(refusalOf(() => file.get('F32')).code).to.equal('ERR_STATE');
    expect(refusalOf(() => file.get('none')).code).to.equal('ERR_INDEX');
  });

  it('refuses damaged files in one sentence', async () => {
    const with_ = (at: number, ...bytes: number[]) => {
      const changed = Buffer.from(whole);
      changed.set(bytes, at);
      return changed;
    };
    const cases: [Buffer, RegExp][] = [
      [Buffer.alloc(0), /not starting with GGUF magic/],
      [Buffer.from('GGUF'), /is not a proper GGUF file|ends within its header/],
      [with_(4, 9), /version/],
      [with_(8, 255, 255, 255, 255, 255, 255, 255, 255), /Tensor count/],
      [with_(16, 255, 255, 255, 255, 255, 255, 255, 255), /metadata count/],
      [whole.subarray(0, 300), /ends within its header|is not a proper GGUF file/],
      [whole.subarray(0, whole.length - 100), /lies outside of the file/],
    ];
    for (const [bytes, says] of cases) {
      const error = await failure(() => io.openGguf(put(bytes)));
      expect(error.code).to.equal('ERR_FILE');
      expect(error.message)
        .to.match(/^\S+ cannot be loaded: [^\n]+$/)
        .and.match(says);
    }
    expect((await failure(() => io.openGguf(f.path('none')))).message).to.include('there is no such file');
  });
});
