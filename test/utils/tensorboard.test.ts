import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { utils } from '../../lib/index.js';
import { unframed } from '../../lib/utils/tensorboard/record.js';
import { fieldsOf, Message } from '../../lib/utils/tensorboard/wire.js';
import { golden, refusalOf } from '../support.js';

const { SummaryWriter, readScalars } = utils.tensorboard;
const reference = golden<{
  time: number;
  events: Record<string, string[]>;
  hparams: string[];
  histogram: {
    values: number[];
    min: number;
    max: number;
    num: number;
    sum: number;
    sumOfSquares: number;
    limits: number[];
    counts: number[];
  };
}>('tensorboard');

describe('utils.tensorboard', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-events-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The events of a folder's one file, without the opening one. */
  const eventsIn = (where: string): Buffer[] => {
    const files = readdirSync(where).filter((name) => name.includes('tfevents'));
    expect(files).to.have.length(1);
    const bytes = readFileSync(join(where, files[0]!));
    const { records, length } = unframed(bytes);
    expect(length).to.equal(bytes.length);
    expect(records[0]!.toString('latin1')).to.include('brain.Event:2');
    return records.slice(1);
  };
  type Writer = utils.tensorboard.SummaryWriter;
  const written = (write: (writer: Writer) => void): Buffer[] => {
    using writer = new SummaryWriter(folder);
    write(writer);
    return eventsIn(folder);
  };
  /** A field of a message by its path of numbers. */
  const at = (bytes: Uint8Array, ...path: number[]): Buffer | bigint | undefined => {
    const [field, ...rest] = path;
    const found = fieldsOf(bytes)!.find((entry) => entry.field === field)?.value;
    return rest.length === 0 || typeof found !== 'object' ? found : at(found, ...rest);
  };

  const options = { wallTime: reference.time };
  const same: Record<string, (writer: Writer) => void> = {
    scalar: (w) => w.addScalar('train/loss', 0.125, 7, options),
    'negative step': (w) => w.addScalar('a', -1.5, -1, options),
    'not a number': (w) => w.addScalar('a', Number.NaN, 0, options),
    text: (w) => w.addText('note', 'Snow ☃ *falls*', 3, options),
  };
  for (const [what, write] of Object.entries(same)) {
    it(`writes ${what} as PyTorch's writer does`, () => {
      // Fields may come in any order.
      const sorted = (bytes: Uint8Array): unknown =>
        fieldsOf(bytes)!
          .map(({ field, wire, value }) =>
            [field, wire, typeof value === 'bigint' ? `${value}` : value.toString('hex')].join(' '),
          )
          .sort();
      const [own, theirs] = [written(write), reference.events[what]!.map((text) => Buffer.from(text, 'base64'))];
      const visible = (event: Buffer) => ({
        ...parts(event),
        fields: (sorted(event) as string[]).filter((line) => !/^[25] /.test(line)),
      });
      const parts = (event: Buffer) => ({
        step: at(event, 2) ?? 0n,
        value: sorted(at(event, 5, 1) as Buffer),
      });
      expect(own.map(visible)).to.deep.equal(theirs.map(visible));
    });
  }

  it('replaces what an interrupted process wrote of the steps from which a run goes on', () => {
    const of = (purgeStep: number | undefined, values: Record<number, number>) => {
      using writer = new SummaryWriter(folder, { ...(purgeStep !== undefined && { purgeStep }) });
      for (const [at, value] of Object.entries(values)) writer.addScalar('loss', value, Number(at));
      writer.addScalars('both', { a: Object.values(values)[0]! }, purgeStep ?? 9);
    };
    of(undefined, { 1: 10, 2: 20, 3: 30, 4: 40 });
    of(3, { 3: 31, 4: 41, 5: 51 });
    of(5, { 5: 52 });
    expect(readScalars(folder).loss).to.deep.include({ steps: [1, 2, 3, 4, 5], values: [10, 20, 31, 41, 52] });
    expect(readScalars(join(folder, 'both_a')).both).to.deep.include({ steps: [3, 5], values: [31, 52] });
    expect(refusalOf(() => new SummaryWriter(folder, { purgeStep: 0.5 })).code).to.equal('ERR_ARGUMENT');
  });

  it("counts a histogram's values in TensorBoard's buckets", () => {
    const { values, ...wanted } = reference.histogram;
    const [event] = written((w) => w.addHistogram('weights', torch.tensor(values), 2, options));
    const histogram = at(event!, 5, 1, 5) as Buffer;
    const double = (field: number) => (at(histogram, field) as Buffer).readDoubleLE();
    const doubles = (field: number) => {
      const bytes = at(histogram, field) as Buffer;
      return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(8 * i));
    };
    expect([double(1), double(2), double(3)]).to.deep.equal([wanted.min, wanted.max, wanted.num]);
    expect(double(4)).to.be.closeTo(wanted.sum, 1e-3);
    expect(double(5)).to.be.closeTo(wanted.sumOfSquares, 1e-1);
    // PyTorch keeps or leaves out empty buckets on the outside in another way; the others are the same.
    const filled = (limits: number[], counts: number[]) =>
      limits.flatMap((limit, i) => (counts[i]! > 0 ? [[limit.toPrecision(9), counts[i]]] : []));
    expect(filled(doubles(6), doubles(7))).to.deep.equal(filled(wanted.limits, wanted.counts));
  });

  it('leaves out of a histogram what is not finite', () => {
    const [event] = written((w) => w.addHistogram('x', torch.tensor([1, Number.NaN, Infinity, 2])));
    expect((at(event!, 5, 1, 5, 3) as Buffer).readDoubleLE()).to.equal(2);
  });

  it('writes no histogram of nothing', () => {
    expect(written((w) => w.addHistogram('x', torch.tensor([Number.NaN])))).to.deep.equal([]);
  });

  it('writes pictures as PNG', () => {
    const image = torch.tensor([[[0, 0.5, 1]], [[1, 0, 0]], [[0.25, 2, -1]]]);
    const [event] = written((w) => w.addImage('x', image, 4));
    const picture = at(event!, 5, 1, 4) as Buffer;
    expect([at(picture, 1), at(picture, 2), at(picture, 3)]).to.deep.equal([1n, 3n, 3n]);
    const png = at(picture, 4) as Buffer;
    const data = png.subarray(png.indexOf('IDAT') + 4, png.indexOf('IEND') - 8);
    expect([...inflateSync(data)]).to.deep.equal([0, 0, 255, 63, 127, 0, 255, 255, 0, 0]);
  });

  it('writes curves that are compared to folders of their own', () => {
    using writer = new SummaryWriter(folder);
    for (let i = 0; i < 3; i++) writer.addScalars('loss', { train: i, 'val/1': torch.tensor(2 * i) }, i);
    expect(readScalars(join(folder, 'loss_train')).loss).to.deep.include({ steps: [0, 1, 2], values: [0, 1, 2] });
    expect(readScalars(join(folder, 'loss_val_1')).loss!.values).to.deep.equal([0, 2, 4]);
  });

  it('writes settings and results to a folder of their own', () => {
    using writer = new SummaryWriter(folder);
    writer.addHparams({ lr: 0.1, clip: 'norm', nesterov: true }, { accuracy: 0.75 }, { runName: 'one' });
    expect(readScalars(join(folder, 'one')).accuracy!.values).to.deep.equal([0.75]);
    const tags = eventsIn(join(folder, 'one')).map((event) => String(at(event, 5, 1, 1)));
    expect(tags).to.deep.equal([
      '_hparams_/experiment',
      '_hparams_/session_start_info',
      '_hparams_/session_end_info',
      'accuracy',
    ]);
  });

  it("describes settings and results to the plugin as PyTorch's writer does", () => {
    const settings = { lr: 0.5, clip: 'norm', warmup: 100 };
    using writer = new SummaryWriter(folder);
    writer.addHparams(settings, { accuracy: 0, 'loss/final': 0 }, { runName: 'same' });
    const contents = eventsIn(join(folder, 'same'))
      .slice(0, 3)
      .map((event) => at(event, 5, 1, 9, 1, 2) as Buffer);
    // The entries of a map come in any order.
    const parts = (bytes: Buffer) => {
      const [{ field, value }] = fieldsOf(bytes) as unknown as [{ field: number; value: Buffer }];
      return [
        field,
        ...fieldsOf(value)!
          .map((part) =>
            [part.field, typeof part.value === 'bigint' ? `${part.value}` : part.value.toString('hex')].join(' '),
          )
          .sort(),
      ];
    };
    expect(contents.map(parts)).to.deep.equal(reference.hparams.map((text) => parts(Buffer.from(text, 'base64'))));
  });

  it('reads back every scalar that it writes', () => {
    const name = fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme' });
    const value = fc.tuple(name, fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.float({ noDefaultInfinity: false }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 20 }), (values) => {
        rmSync(folder, { recursive: true, force: true });
        using writer = new SummaryWriter(folder);
        const expected = new Map<string, [number, number][]>();
        for (const [tag, step, number] of values) {
          writer.addScalar(tag, number, step);
          expected.set(tag, [...(expected.get(tag) ?? []), [step, number]]);
        }
        const read = Object.entries(readScalars(folder)).map(
          ([tag, scalars]) => [tag, scalars.steps.map((step, i) => [step, scalars.values[i]])] as const,
        );
        expect(new Map(read as never)).to.deep.equal(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('reads as much of a damaged or growing file as is whole', () => {
    using writer = new SummaryWriter(folder);
    for (let i = 0; i < 5; i++) writer.addScalar('x', i, i);
    const path = join(folder, readdirSync(folder)[0]!);
    const whole = readFileSync(path);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (position, byte, end) => {
        const damaged = Buffer.from(whole.subarray(0, end));
        if (position < end) damaged[position] = byte;
        writeFileSync(path, damaged);
        const { x } = readScalars(path);
        const { length } = x?.values ?? [];
        expect(x?.values ?? []).to.deep.equal([0, 1, 2, 3, 4].slice(0, length));
      }),
      { numRuns: 200 },
    );
    writeFileSync(path, whole);
    appendFileSync(path, 'half a record');
    expect(readScalars(path).x!.values).to.deep.equal([0, 1, 2, 3, 4]);
    expect(refusalOf(() => readScalars(join(folder, 'none'))).code).to.equal('ERR_FILE');
  });

  it('writes whole numbers of any size, and reads them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 1, max: 1000 }), (value, field) => {
        expect(fieldsOf(new Message().integer(field, value).finish())).to.deep.equal([{ field, wire: 0, value }]);
      }),
    );
  });

  it('refuses bad arguments, and writes nothing then', () => {
    using writer = new SummaryWriter(folder);
    const cases: [() => void, RegExp][] = [
      [() => writer.addScalar('', 1), /^"tag" must be a string that is not empty/],
      [() => writer.addScalar('x', 'y' as never), /^"value" must be a number, or a tensor of one, got "y"$/],
      [() => writer.addScalar('x', torch.ones([2])), /^"value" must be a number, or a tensor of one/],
      [() => writer.addScalar('x', 1, 0.5), /^"globalStep" must be an integer/],
      [() => writer.addScalar('x', 1, 0, { wallTime: Number.NaN }), /^"wallTime" must be a finite number/],
      [() => writer.addScalars('x', { a: 1, b: 'c' as never }), /^"values.b" must be a number/],
      [() => writer.addHistogram('x', [1] as never), /^"values" must be a Tensor/],
      [() => writer.addImage('x', torch.ones([2, 2])), /^"image" must have 3 dimensions \(CHW\)/],
      [() => writer.addImage('x', torch.ones([5, 2, 2])), /^"image" must have 1 to 4 channels/],
      [() => writer.addImage('x', torch.ones([1, 2, 2]).int()), /^"image" must be uint8 or floating-point/],
      [() => writer.addText('x', 1 as never), /^"text" must be a string/],
      [() => writer.addHparams({ x: null as never }, {}), /^"settings.x" must be a number, a string or a boolean/],
      [() => new SummaryWriter(join(folder, readdirSync(folder)[0]!)), /cannot be written/],
    ];
    for (const [action, says] of cases) expect(refusalOf(action).message).to.match(says);
    expect(eventsIn(folder)).to.deep.equal([]);
    writer.close();
    expect(refusalOf(() => writer.addScalar('x', 1)).code).to.equal('ERR_STATE');
  });
});
