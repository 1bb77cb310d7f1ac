import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import torch, { data } from '../../lib/index.js';
import { Fixture, failure } from '../setup/fixture.js';
import { golden, refusalOf } from '../support.js';

type Row = Record<string, unknown>;
const reference = golden<{
  rows: Row[];
  parquet: Record<string, string>;
  arrow: Record<string, string>;
  tokens: { tokenizer: object; encodings: { text: string; ids: number[]; bare: number[] }[] };
}>('tables');

/** A value as scripts/golden/tables.py writes it. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value >= 2n ** 53n ? { bigint: String(value) } : Number(value);
  }
  if (value instanceof Date) return { date: value.toISOString().replace('.000Z', '+00:00') };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (ArrayBuffer.isView(value)) return [...(value as Float64Array)];
  if (Array.isArray(value)) return value.map(plain);
  return value ?? null;
}
const plainRow = (row: object) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)]));

async function all<T>(source: { [Symbol.asyncIterator]?(): AsyncIterator<T> }): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source as AsyncIterable<T>) items.push(item);
  return items;
}

describe('data: readers of files', () => {
  let f: Fixture;
  const put = (name: string, content: string | Buffer) => f.write(name, content);
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  describe('ParquetDataset', () => {
    for (const [compression, file] of Object.entries(reference.parquet)) {
      it(`reads rows of any group: ${compression}`, async () => {
        await using rows = await data.ParquetDataset.open(put('rows.parquet', Buffer.from(file, 'base64')), {
          cachedGroups: 1,
        });
        expect(rows.length).to.equal(10);
        const read = await Promise.all(
          [9, 0, 5, 4, 3, 8, 1, 2, 6, 7].map(async (i) => [i, plainRow(await rows.get(i))] as const),
        );
        for (const [i, row] of read) expect(row, `row ${i}`).to.deep.equal(reference.rows[i]);
      });
    }

    it('reads the columns that are asked for, as batches', async () => {
      const path = put('rows.parquet', Buffer.from(reference.parquet.SNAPPY!, 'base64'));
      const rows = await data.ParquetDataset.open<{ id: bigint; weight: number }>(path, { columns: ['id', 'weight'] });
      const batches = await all(new data.DataLoader(rows, { batchSize: 4 }));
      expect(batches.flatMap(({ weight }) => weight.tolist())).to.deep.equal(reference.rows.map((row) => row.weight));
      expect(batches[0]!.id.dtype.name).to.equal('int64');
      rows.close();
      const error = await failure(() => data.ParquetDataset.open(path, { columns: ['id', 'nothing'] }));
      expect(error.message).to.match(/has no column "nothing"; it has "id", "label"/);
    });

    it('refuses what is not a Parquet file', async () => {
      const whole = Buffer.from(reference.parquet.SNAPPY!, 'base64');
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from('PAR1'),
        whole.subarray(0, 100),
        whole.subarray(0, whole.length - 1),
      ]) {
        const error = await failure(() => data.ParquetDataset.open(put('bad.parquet', bytes)));
        expect(error.code).to.equal('ERR_FILE');
        expect(error.message).to.match(/bad\.parquet is not a proper Parquet file: [^\n]+$/);
      }
    });
  });

  describe('ArrowDataset', () => {
    for (const [form, file] of Object.entries(reference.arrow)) {
      it(`reads the ${form} format`, async () => {
        const rows = await data.ArrowDataset.open(put('rows.arrow', Buffer.from(file, 'base64')));
        expect(rows.length).to.equal(10);
        for (let i = 0; i < 10; i++) expect(plainRow(rows.get(i)), `row ${i}`).to.deep.equal(reference.rows[i]);
        const some = await data.ArrowDataset.open<{ weight: number }>(f.path('rows.arrow'), { columns: ['weight'] });
        const [batch] = [...new data.DataLoader(some, { batchSize: 10 })];
        expect(batch!.weight.tolist()).to.deep.equal(reference.rows.map((row) => row.weight));
      });
    }

    it('refuses what is not an Arrow file', async () => {
      const error = await failure(() => data.ArrowDataset.open(put('bad.arrow', 'hello, this is text')));
      expect([error.code, error.message]).to.satisfy(
        ([code, text]: string[]) => code === 'ERR_FILE' && /bad\.arrow is not a proper Arrow file: [^\n]+$/.test(text!),
      );
    });
  });

  describe('CsvDataset', () => {
    it('reads columns as they are declared', async () => {
      const text = '\uFEFFname,n,big,ok,rest\r\n"a, ""b""",1.5e2,9007199254740993,true,x\r\nc,-inf,-1,0,\r\n';
      for (const path of [put('a.csv', text), put('a.csv.gz', gzipSync(text))]) {
        const rows = await all(
          new data.CsvDataset(path, { columns: { name: 'string', n: 'number', big: 'bigint', ok: 'boolean' } }),
        );
        expect(rows).to.deep.equal([
          { name: 'a, "b"', n: 150, big: 9007199254740993n, ok: true },
          { name: 'c', n: -Infinity, big: -1n, ok: false },
        ]);
      }
      expect(await all(new data.CsvDataset(f.path('a.csv')))).to.deep.include({
        name: 'c',
        n: '-inf',
        big: '-1',
        ok: '0',
        rest: '',
      });
      const bare = new data.CsvDataset(put('b.csv', '1;2\n3;4\n'), { header: ['x', 'y'], delimiter: ';' });
      expect(await all(bare)).to.deep.equal([
        { x: '1', y: '2' },
        { x: '3', y: '4' },
      ]);
    });

    it('reads several files one after the other', async () => {
      const paths = [put('1.csv', 'x\n1\n2\n'), put('2.csv', 'x\n3\n')];
      expect(await all(new data.CsvDataset(paths, { columns: { x: 'number' } }))).to.deep.equal([
        { x: 1 },
        { x: 2 },
        { x: 3 },
      ]);
    });

    it('names the line and the column of what it refuses', async () => {
      const cases: [text: string, columns: Record<string, data.CsvType>, RegExp][] = [
        ['x\n1\ntwo\n', { x: 'number' }, /line 3 has "two" in the column "x", which is not a number/],
        ['x\n1.5\n', { x: 'bigint' }, /line 2 has "1.5" in the column "x", which is not a bigint/],
        ['x\nmaybe\n', { x: 'boolean' }, /which is not a boolean/],
        ['x\n1\n', { y: 'number' }, /it has no column "y"/],
        ['x,y\n1\n', { x: 'number' }, /Invalid Record Length|line 2 has 1 values, not 2/],
        ['x,x\n1,2\n', { x: 'number' }, /has the column "x" twice/],
        ['x\n"1\n', { x: 'number' }, /[Qq]uot/],
      ];
      for (const [text, columns, says] of cases) {
        const error = await failure(() => all(new data.CsvDataset(put('bad.csv', text), { columns })));
        expect(error.code, error.message).to.equal('ERR_FILE');
        expect(error.message)
          .to.match(/^\S+bad\.csv is not a proper CSV file: [^\n]+$/)
          .and.match(says);
      }
      expect((await failure(() => all(new data.CsvDataset(f.path('none.csv'))))).message).to.include(
        'there is no such file',
      );
      expect((await failure(() => all(new data.CsvDataset(put('bad.csv.gz', 'text'))))).code).to.equal('ERR_FILE');
    });
  });

  describe('JsonlDataset', () => {
    it('reads lines', async () => {
      const text = '{"a":1}\n\n[2]\r\n"☃"';
      for (const path of [put('a.jsonl', text), put('a.jsonl.gz', gzipSync(text))]) {
        expect(await all(new data.JsonlDataset(path))).to.deep.equal([{ a: 1 }, [2], '☃']);
      }
    });

    it('names the line that is not JSON', async () => {
      const error = await failure(() => all(new data.JsonlDataset(put('bad.jsonl', '1\n{\n'))));
      expect(error.message).to.match(/bad\.jsonl is not a proper JSONL file: line 2 is not JSON$/);
      expect((await failure(() => all(new data.JsonlDataset(f.path('none'))))).message).to.include(
        'there is no such file',
      );
    });

    it('closes the file where the loop ends early', async () => {
      const path = put('long.jsonl', '1\n'.repeat(100_000));
      for await (const _ of new data.JsonlDataset(path)) break;
      const isOpen = () =>
        readdirSync('/proc/self/fd').some((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`) === path;
          } catch {
            return false;
          }
        });
      // A stream closes its file in a thread.
      for (let turns = 0; turns < 10_000 && isOpen(); turns++) await setImmediate();
      expect(isOpen()).to.equal(false);
    });
  });

  describe('WebDataset', () => {
    const archive = async (files: Record<string, string>): Promise<Buffer> => {
      const tar = pack();
      for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
      tar.finalize();
      const parts: Buffer[] = [];
      for await (const part of tar) parts.push(part as Buffer);
      return Buffer.concat(parts);
    };

    it('groups files by their keys', async () => {
      const bytes = await archive({
        'a/1.cls': '3',
        'a/1.seg.txt': 'x',
        'a/2.cls': '4',
        README: 'no sample',
        '.hidden': '',
        'b/1.cls': '5',
      });
      for (const path of [put('a.tar', bytes), put('a.tar.gz', gzipSync(bytes))]) {
        const samples = await all(
          new data.WebDataset(path, { decode: (extension, content) => `${extension}=${Buffer.from(content)}` }),
        );
        expect(samples).to.deep.equal([
          { __key__: 'a/1', cls: 'cls=3', 'seg.txt': 'seg.txt=x' },
          { __key__: 'a/2', cls: 'cls=4' },
          { __key__: 'b/1', cls: 'cls=5' },
        ]);
      }
      const [first] = await all(new data.WebDataset([f.path('a.tar')]));
      expect(Buffer.from(first!.cls as Uint8Array).toString()).to.equal('3');
    });

    it('hands on what a decoder throws, and refuses what is not an archive', async () => {
      const path = put('b.tar', await archive({ '1.cls': '3' }));
      const decode = () => {
        throw new RangeError('mine');
      };
      expect((await failure(() => all(new data.WebDataset(path, { decode })))).message).to.equal('mine');
      const error = await failure(() => all(new data.WebDataset(put('bad.tar', 'x'.repeat(2000)))));
      expect([error.code, error.message]).to.satisfy(
        ([code, text]: string[]) => code === 'ERR_FILE' && /bad\.tar is not a proper tar file: [^\n]+$/.test(text!),
      );
      const keyed = put('keyed.tar', await archive({ '1.cls': '3', '1.__key__': 'other' }));
      const { code, message } = await failure(() => all(new data.WebDataset(keyed)));
      expect([code, message]).to.deep.equal([
        'ERR_FILE',
        `${keyed} cannot be read: its file "1.__key__" would stand for the key of its sample`,
      ]);
      const cut = await archive({ '1.cls': '3'.repeat(5000) });
      expect((await failure(() => all(new data.WebDataset(put('cut.tar', cut.subarray(0, 3000)))))).code).to.equal(
        'ERR_FILE',
      );
    });
  });

  describe('images', () => {
    const pixels = Buffer.from(Array.from({ length: 3 * 4 * 3 }, (_, i) => i * 7));
    const made = () =>
      sharp(pixels, { raw: { width: 4, height: 3, channels: 3 } })
        .png()
        .toBuffer();

    it('decode to channels, rows, columns', async () => {
      const path = put('a.png', await made());
      const expected = torch.tensor(new Uint8Array(pixels)).view([3, 4, 3]).permute([2, 0, 1]);
      for (const source of [path, readFileSync(path)]) {
        const image = await data.decodeImage(source);
        expect(image.dtype.name).to.equal('uint8');
        expect(image.equal(expected)).to.equal(true);
      }
      const opacity = (await data.decodeImage(path, { mode: 'rgba' })).select(0, 3).contiguous();
      expect(new Set<unknown>(opacity.toTypedArray())).to.deep.equal(new Set([255]));
      expect((await data.decodeImage(path, { mode: 'gray', width: 2, height: 2 })).shape).to.deep.equal([1, 2, 2]);
      expect((await data.decodeImage(path, { width: 8 })).shape).to.deep.equal([3, 6, 8]);
    });

    it('stand in a folder for each class', async () => {
      for (const name of ['cat/2.png', 'cat/1.PNG', 'dog/x/3.png']) put(`root/${name}`, await made());
      put('root/cat/notes.txt', 'no image');
      const images = new data.ImageFolder(f.path('root'), { width: 2, height: 2 });
      expect(images.classes).to.deep.equal(['cat', 'dog']);
      expect(images.files.map(([path, label]) => [path.slice(f.path('root').length), label])).to.deep.equal([
        ['/cat/1.PNG', 0],
        ['/cat/2.png', 0],
        ['/dog/x/3.png', 1],
      ]);
      const [batch] = await all(new data.DataLoader(images, { batchSize: 3 }));
      expect(batch![0].shape).to.deep.equal([3, 3, 2, 2]);
      expect(batch![1].tolist()).to.deep.equal([0, 0, 1]);
    });

    it('are refused where they are none', async () => {
      const cases: [() => unknown, RegExp][] = [
        [() => data.decodeImage(put('bad.png', 'text')), /bad\.png is not a proper image file: [^\n]+$/],
        [() => data.decodeImage(Buffer.from('text')), /^the image cannot be decoded: [^\n]+$/],
        [() => data.decodeImage(f.path('none.png')), /there is no such file/],
        [() => data.decodeImage(f.path('root')), /it is a folder/],
        [() => new data.ImageFolder(f.path('none')), /there is no such file or folder/],
        [() => new data.ImageFolder(f.path('root/cat')), /holds no folders with images/],
      ];
      for (const [action, says] of cases) {
        const error = await failure(action);
        expect(error.code, error.message).to.equal('ERR_FILE');
        expect(error.message).to.match(says);
      }
    });
  });

  describe('Tokenizer', () => {
    let tokenizer: data.Tokenizer;
    before(async () => {
      mkdirSync(f.path('tokenizer'));
      writeFileSync(f.path('tokenizer/tokenizer.json'), JSON.stringify(reference.tokens.tokenizer));
      writeFileSync(f.path('tokenizer/tokenizer_config.json'), JSON.stringify({ pad_token: '[PAD]' }));
      tokenizer = await data.Tokenizer.open(f.path('tokenizer'));
    });

    it("encodes as Python's does, and back", () => {
      for (const { text, ids, bare } of reference.tokens.encodings) {
        expect(tokenizer.encode(text), text).to.deep.equal(ids);
        expect(tokenizer.encode(text, { addSpecialTokens: false }), text).to.deep.equal(bare);
        expect(tokenizer.decode(ids)).to.equal(text);
        if (ids.length > 0) expect(tokenizer.decode(torch.tensor(ids.map(BigInt)))).to.equal(text);
      }
      expect(tokenizer.idOf('[CLS]')).to.equal(2);
      expect(tokenizer.idOf('nothing')).to.equal(undefined);
      expect(tokenizer.vocabSize).to.be.above(256);
    });

    it('fills batches', () => {
      const [long, short] = ['the quick brown fox', 'a'];
      const { inputIds, attentionMask } = tokenizer.batch([long, short]);
      const n = tokenizer.encode(short).length;
      const width = tokenizer.encode(long).length;
      expect(inputIds.shape).to.deep.equal([2, width]);
      expect(inputIds.dtype.name).to.equal('int64');
      expect((inputIds.select(0, 1).tolist() as number[]).slice(n)).to.deep.equal(Array(width - n).fill(0));
      expect(attentionMask.sum(1).tolist()).to.deep.equal([width, n]);
      expect(tokenizer.batch([short], { maxLength: 8, padToMaxLength: true }).inputIds.shape).to.deep.equal([1, 8]);
      expect(tokenizer.batch([long], { maxLength: 2 }).inputIds.shape).to.deep.equal([1, 2]);
      expect(tokenizer.batch([]).inputIds.shape).to.deep.equal([0, 0]);
      expect(refusalOf(() => tokenizer.batch([short], { padToMaxLength: true })).code).to.equal('ERR_ARGUMENT');
      expect(refusalOf(() => tokenizer.encode(1 as never)).code).to.equal('ERR_ARGUMENT');
    });

    it('refuses what is none', async () => {
      for (const text of ['no json', '[1]', '{}']) {
        const error = await failure(() => data.Tokenizer.open(put('bad.json', text)));
        expect(error.code, text).to.equal('ERR_FILE');
        expect(error.message).to.match(/bad\.json is not a proper tokenizer: [^\n]+$/);
      }
    });

    it('gives blocks of tokens with their successors', () => {
      const blocks = new data.TokenBlocks([0, 1, 2, 3, 4, 5, 6, 7], { blockSize: 3 });
      const lists = (b: data.TokenBlocks) =>
        Array.from({ length: b.length }, (_, i) => b.get(i).map((t) => (t.tolist() as bigint[]).map(Number)));
      expect(lists(blocks)).to.deep.equal([
        [
          [0, 1, 2],
          [1, 2, 3],
        ],
        [
          [3, 4, 5],
          [4, 5, 6],
        ],
      ]);
      const dense = new data.TokenBlocks(torch.arange(6), { blockSize: 3, stride: 1 });
      expect(lists(dense).map(([inputs]) => inputs)).to.deep.equal([
        [0, 1, 2],
        [1, 2, 3],
        [2, 3, 4],
      ]);
      expect(refusalOf(() => new data.TokenBlocks([1, 2, 3], { blockSize: 3 })).code).to.equal('ERR_SHAPE');
      expect(refusalOf(() => new data.TokenBlocks([1.5, 2, 3], { blockSize: 2 })).code).to.equal('ERR_INDEX');
    });
  });
});
