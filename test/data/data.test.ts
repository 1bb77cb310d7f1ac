import vm from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { data, type Tensor } from '../../lib/index.js';
import { refused } from '../nn/support.js';
import { refusalOf } from '../support.js';

const numbers: data.Dataset<number> = { length: 5, get: (i) => i * i };
const later: data.Dataset<number> = { length: 5, get: async (i) => i * i };

describe('TensorDataset', () => {
  const x = torch.arange(12).reshape([6, 2]);
  const y = torch.arange(6);

  it('has the rows of its tensors', () => {
    const rows = new data.TensorDataset(x, y);
    expect(rows.length).to.equal(6);
    expect(rows.get(4).map((t) => t.tolist())).to.deep.equal([[8, 9], 4]);
  });

  it('gathers a batch from each tensor, in the order asked for', () => {
    const [a, b] = new data.TensorDataset(x, y).getBatch([5, 0, 5]);
    expect(a.tolist()).to.deep.equal([
      [10, 11],
      [0, 1],
      [10, 11],
    ]);
    expect(b.tolist()).to.deep.equal([5, 0, 5]);
  });

  it('refuses tensors of different lengths, no tensors, and indices outside', () => {
    refused(() => new data.TensorDataset(x, torch.zeros([5])), 'ERR_SHAPE', 'tensors');
    refused(() => new data.TensorDataset(torch.zeros([])), 'ERR_SHAPE', 'tensors');
    refused(() => new data.TensorDataset(), 'ERR_ARGUMENT', 'tensors');
    refused(() => new data.TensorDataset([1] as unknown as Tensor), 'ERR_ARGUMENT', 'tensors');
    const rows = new data.TensorDataset(y);
    for (const index of [-1, 6, 0.5, Number.NaN]) {
      refused(() => rows.get(index), 'ERR_INDEX', 'index');
      const isWhole = Number.isInteger(index);
      refused(() => rows.getBatch([0, index]), 'ERR_INDEX', isWhole ? 'index' : 'indices[1]');
    }
  });
});

describe('Subset', () => {
  it('renames indices, in batches too', () => {
    const rows = new data.Subset(new data.TensorDataset(torch.arange(10)), [7, 3, 5]);
    expect(rows.length).to.equal(3);
    const [batch] = new data.DataLoader(rows, { batchSize: 3 });
    expect(batch![0]!.tolist()).to.deep.equal([7, 3, 5]);
    expect(new data.Subset(rows, [2]).get(0)).to.have.length(1);
    refused(() => rows.get(3), 'ERR_INDEX');
    refused(() => new data.Subset(rows, [3]), 'ERR_INDEX');
  });
});

describe('DataLoader', () => {
  it('puts numbers, strings, arrays, objects and tensors together', () => {
    const samples = [0, 1].map((i) => ({ n: i, s: `s${i}`, pair: [torch.full([2], i), i > 0] as [Tensor, boolean] }));
    const [batch] = new data.DataLoader({ length: 2, get: (i: number) => samples[i]! }, { batchSize: 2 });
    expect(batch!.n.tolist()).to.deep.equal([0, 1]);
    expect(batch!.s).to.deep.equal(['s0', 's1']);
    expect(batch!.pair[0].tolist()).to.deep.equal([
      [0, 0],
      [1, 1],
    ]);
    expect(batch!.pair[1].dtype).to.equal(torch.bool);
  });

  it('takes a collate of the user, whose result it gives', () => {
    const loader = new data.DataLoader(numbers, { batchSize: 2, collate: (samples) => samples.join('+') });
    expect([...loader]).to.deep.equal(['0+1', '4+9', '16']);
  });

  it('takes a sampler of the user', () => {
    const sampler = { length: 3, [Symbol.iterator]: () => [4, 4, 0][Symbol.iterator]() };
    const loader = new data.DataLoader(numbers, { batchSize: 2, sampler });
    expect(loader.length).to.equal(2);
    expect([...loader].map((t) => t.tolist())).to.deep.equal([[16, 16], [0]]);
  });

  it('waits for promises in "for await", and says so in "for"', async () => {
    const got: unknown[] = [];
    for await (const t of new data.DataLoader(later, { batchSize: 2 })) got.push(t.tolist());
    expect(got).to.deep.equal([[0, 1], [4, 9], [16]]);
    const [subset] = data.randomSplit(later, [5]);
    for await (const t of new data.DataLoader(subset!, { batchSize: 5 })) expect(t.numel()).to.equal(5);
    refused(() => [...new data.DataLoader(later)], 'ERR_STATE', 'for await');
  });

  it('passes on what a dataset throws', async () => {
    const broken: data.Dataset<number> = { length: 1, get: () => Promise.reject(new Error('no such row')) };
    const error = await new data.DataLoader(broken)
      [Symbol.asyncIterator]()
      .next()
      .catch((e: Error) => e);
    expect((error as Error).message).to.equal('no such row');
  });

  it('goes over every row once per epoch, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 45 }),
        fc.boolean(),
        (n, batchSize, dropLast) => {
          const rows = new data.TensorDataset(torch.arange(n));
          const loader = new data.DataLoader(rows, { batchSize, dropLast, shuffle: true });
          const batches = [...loader].map(([x]) => x!.tolist() as number[]);
          const all = batches.flat().sort((a, b) => a - b);
          expect(batches.length).to.equal(loader.length);
          expect(all.length).to.equal(dropLast ? n - (n % batchSize) : n);
          expect(new Set(all).size).to.equal(all.length);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is empty where the dataset is', () => {
    expect([...new data.DataLoader(new data.TensorDataset(torch.zeros([0, 2])), { batchSize: 4 })]).to.deep.equal([]);
  });

  it('refuses what it cannot use', () => {
    const rows = new data.TensorDataset(torch.arange(3));
    for (const batchSize of [0, -1, 1.5, Number.NaN, '2' as unknown as number]) {
      refused(() => new data.DataLoader(rows, { batchSize }), 'ERR_ARGUMENT', 'batchSize');
    }
    refused(() => new data.DataLoader(null as unknown as data.Dataset<number>), 'ERR_ARGUMENT', 'dataset');
    refused(() => new data.DataLoader(rows, { batch_size: 2 } as object), 'ERR_ARGUMENT', 'batch_size');
    const sampler = new data.SequentialSampler(rows);
    refused(() => new data.DataLoader(rows, { shuffle: true, sampler }), 'ERR_ARGUMENT', 'shuffle');
    refused(() => new data.DataLoader(rows, { sampler: 1 as unknown as data.Sampler }), 'ERR_ARGUMENT', 'sampler');
    refused(() => new data.RandomSampler({ length: 0 }), 'ERR_ARGUMENT', 'numSamples');
    const ragged = [[1, 2], [3]];
    refused(() => data.collate(ragged), 'ERR_SHAPE', 'samples');
    refused(() => data.collate([torch.zeros([1]), 2] as Tensor[]), 'ERR_ARGUMENT', 'samples');
    refused(() => data.collate([1, 'a'] as number[]), 'ERR_ARGUMENT');
  });
});

describe('collate', () => {
  const buffer = (...bytes: number[]) => Uint8Array.from(bytes).buffer;
  const numeric: [what: string, samples: unknown[], dtype: string, values: unknown][] = [
    [
      'Float32Arrays',
      [new Float32Array([1.5, 2]), new Float32Array([3, 4])],
      'float32',
      [
        [1.5, 2],
        [3, 4],
      ],
    ],
    ['Float64Arrays', [new Float64Array([1e300])], 'float64', [[1e300]]],
    ['BigInt64Arrays', [new BigInt64Array([1n]), new BigInt64Array([-2n])], 'int64', [[1], [-2]]],
    [
      'Buffers',
      [Buffer.from([1, 255]), Buffer.from([3, 4])],
      'uint8',
      [
        [1, 255],
        [3, 4],
      ],
    ],
    ['Uint8ClampedArrays', [new Uint8ClampedArray([300])], 'uint8', [[255]]],
    [
      'ArrayBuffers',
      [buffer(1, 2), buffer(3, 4)],
      'uint8',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['SharedArrayBuffers', [new SharedArrayBuffer(2)], 'uint8', [[0, 0]]],
    ['DataViews', [new DataView(buffer(1, 2, 3), 1, 2)], 'uint8', [[2, 3]]],
    ['empty typed arrays', [new Int16Array(), new Int16Array()], 'int16', [[], []]],
    ['typed arrays of another realm', [vm.runInNewContext('new Float32Array([7])')], 'float32', [[7]]],
    ['numbers', [1, 2.5], 'float32', [1, 2.5]],
    ['integers, whose dtype must not differ from batch to batch', [1, 2], 'float32', [1, 2]],
    ['bigints', [1n, 2n], 'int64', [1, 2]],
    ['booleans', [true, false], 'bool', [true, false]],
  ];
  for (const [what, samples, dtype, values] of numeric) {
    it(`makes a tensor of ${what}`, () => {
      const batch = data.collate(samples) as Tensor;
      expect(batch.dtype.name).to.equal(dtype);
      expect(batch.tolist()).to.deep.equal(values);
    });
  }

  it('goes into Maps and objects, whatever their keys are called', () => {
    const maps = [1, 2].map(
      (v) =>
        new Map<unknown, unknown>([
          ['x', v],
          [5, 'a'],
        ]),
    );
    const batch = data.collate(maps) as unknown as Map<unknown, Tensor>;
    expect(batch.get('x')!.tolist()).to.deep.equal([1, 2]);
    expect(batch.get(5)).to.deep.equal(['a', 'a']);
    const objects = [1, 2].map((v) => JSON.parse(`{"__proto__": ${v}}`) as Record<string, number>);
    const joined = data.collate(objects);
    expect(Object.keys(joined)).to.deep.equal(['__proto__']);
    expect(Object.getPrototypeOf(joined)).to.equal(Object.prototype);
  });

  class Sample {
    x = 1;
  }
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const ring: unknown[] = [];
  ring.push(ring);
  const refusals: [what: string, samples: unknown, code: string, says: RegExp][] = [
    ['no samples', [], 'ERR_ARGUMENT', /"samples" must be an array of samples/],
    ['no array', 5, 'ERR_ARGUMENT', /"samples" must be an array of samples, got 5/],
    ['holes', new Array(2 ** 32 - 1), 'ERR_ARGUMENT', /"samples\[0\]" must be made of .*, got undefined/],
    ['Dates', [new Date(0)], 'ERR_ARGUMENT', /or put together by a "collate" of your own, got a Date/],
    ['instances of a class', [new Sample()], 'ERR_ARGUMENT', /got a Sample/],
    ['functions', [() => 1], 'ERR_ARGUMENT', /got a function/],
    ['symbols', [Symbol('x')], 'ERR_ARGUMENT', /got a symbol/],
    ['null', [1, null], 'ERR_ARGUMENT', /"samples\[1\]" .* got null/],
    ['different kinds', [1, 'a'], 'ERR_ARGUMENT', /"samples\[1\]" must be alike, a number as the first, got "a"/],
    ['a tensor among arrays', [[1], torch.ones([1])], 'ERR_ARGUMENT', /must be alike, an array as the first/],
    [
      'typed arrays of two lengths',
      [new Uint8Array(2), new Uint8Array(3)],
      'ERR_SHAPE',
      /"samples\[1\]" must have 2 elements, as the first sample has, got 3/,
    ],
    [
      'typed arrays of two kinds',
      [new Uint8Array(2), new Int8Array(2)],
      'ERR_ARGUMENT',
      /must have the dtype of the first, torch.uint8/,
    ],
    ['arrays of two lengths', [[1, 2], [1]], 'ERR_SHAPE', /must have 2 elements/],
    ['objects with other keys', [{ a: 1 }, { b: 1 }], 'ERR_ARGUMENT', /an object with the keys of the first/],
    ['objects with more keys', [{ a: 1 }, { a: 1, b: 1 }], 'ERR_ARGUMENT', /an object with the keys of the first/],
    [
      'Maps with other keys',
      [new Map([[1, 1]]), new Map([[2, 1]])],
      'ERR_ARGUMENT',
      /a Map with the keys of the first/,
    ],
    ['cyclic objects', [cyclic], 'ERR_ARGUMENT', /nested at most 64 deep, got a deeper or cyclic sample/],
    ['cyclic arrays', [ring], 'ERR_ARGUMENT', /nested at most 64 deep/],
  ];
  for (const [what, samples, code, says] of refusals) {
    it(`refuses ${what}`, () => {
      const error = refusalOf(() => data.collate(samples as unknown[]));
      expect(error.code).to.equal(code);
      expect(error.message).to.match(says);
    });
  }
});

describe('defaultConvert', () => {
  it('makes tensors of what a sample holds', () => {
    const sample = data.defaultConvert({
      pixels: new Uint8Array([1, 2]),
      label: 3n,
      name: 'x',
      list: [1, true],
      map: new Map([['y', 2]]),
    });
    expect(sample.pixels.tolist()).to.deep.equal([1, 2]);
    expect([sample.label.dtype.name, sample.label.dim()]).to.deep.equal(['int64', 0]);
    expect(sample.name).to.equal('x');
    expect((sample.list as unknown as Tensor[]).map((t) => t.item())).to.deep.equal([1, true]);
    expect(sample.map.get('y')!.item()).to.equal(2);
    const tensor = torch.ones([2]);
    expect(data.defaultConvert(tensor)).to.equal(tensor);
    const when = new Date(0);
    expect(data.defaultConvert({ when }).when).to.equal(when);
  });
});

describe('WeightedRandomSampler', () => {
  it('takes arrays, typed arrays and tensors alike', () => {
    const draw = (weights: number[] | Float64Array | Tensor) => {
      const generator = new torch.Generator().manualSeed(1);
      return [...new data.WeightedRandomSampler(weights, 20, { generator })];
    };
    const weights = [0.1, 0, 3, 1e-3];
    expect(draw(new Float64Array(weights))).to.deep.equal(draw(weights));
    expect(draw(torch.tensor(weights, { dtype: torch.float64 }))).to.deep.equal(draw(weights));
    expect(draw(weights)).not.to.include(1);
  });

  it('draws in proportion from more weights than PyTorch takes', () => {
    const n = 2 ** 24 + 10;
    const weights = torch.zeros([n]);
    weights.select(0, 5).fill_(1);
    weights.select(0, n - 1).fill_(3);
    const generator = new torch.Generator().manualSeed(2);
    const drawn = [...new data.WeightedRandomSampler(weights, 4000, { generator })];
    const last = drawn.filter((index) => index === n - 1).length;
    expect(new Set(drawn)).to.deep.equal(new Set([5, n - 1]));
    // Ten standard deviations about three quarters.
    expect(last).to.be.within(3000 - 274, 3000 + 274);
    const both = [...new data.WeightedRandomSampler(weights, 2, { replacement: false, generator })];
    expect(both.sort((a, b) => a - b)).to.deep.equal([5, n - 1]);
  });

  it('refuses weights that nothing can be drawn from', () => {
    const cases: [unknown, number, object, RegExp][] = [
      [[], 1, {}, /at least one element/],
      [[0, 0], 1, {}, /must have 1 numbers > 0 or more, got 0/],
      [[1, 0], 2, { replacement: false }, /must have 2 numbers > 0 or more, got 1/],
      [[1, -1], 1, {}, /finite numbers >= 0/],
      [[1, Number.NaN], 1, {}, /finite numbers >= 0/],
      [[Number.POSITIVE_INFINITY], 1, {}, /finite numbers >= 0/],
      [torch.ones([2, 2]), 1, {}, /must have one dimension/],
      ['abc', 1, {}, /an array, a typed array or a tensor/],
      [null, 1, {}, /an array, a typed array or a tensor/],
    ];
    for (const [weights, length, options, says] of cases) {
      expect(refusalOf(() => new data.WeightedRandomSampler(weights as number[], length, options)).message).to.match(
        says,
      );
    }
  });
});

describe('promises that nobody waits for', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  before(() => process.on('unhandledRejection', note));
  after(() => process.off('unhandledRejection', note));

  const failing: data.Dataset<number> = {
    length: 4,
    get: (i) => {
      if (i === 2) throw new Error('at once');
      return Promise.reject(new Error('later'));
    },
  };
  const turns = async () => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('do not end the process when a sample throws at once, in a plain loop, or in a Subset', async () => {
    const subset = new data.Subset(failing, [0, 1, 2, 3]);
    for (const dataset of [failing, subset]) {
      const loader = new data.DataLoader(dataset, { batchSize: 4 });
      const error = await loader[Symbol.asyncIterator]()
        .next()
        .catch((e: Error) => e);
      expect((error as Error).message).to.equal('at once');
      refused(() => [...loader], 'ERR_STATE', 'for await');
    }
    const ready = { length: 2, get: (i: number) => i, getBatch: () => Promise.reject(new Error('batch')) };
    refused(() => [...new data.DataLoader(ready)], 'ERR_STATE', 'for await');
    const error = await new data.DataLoader(ready)
      [Symbol.asyncIterator]()
      .next()
      .catch((e: Error) => e);
    expect((error as Error).message).to.equal('batch');
    await turns();
    expect(unhandled).to.deep.equal([]);
  });

  it('may be those of another realm', async () => {
    const foreign = vm.runInNewContext(
      '({ length: 2, get: (i) => Promise.reject(new Error("there")) })',
    ) as data.Dataset<number>;
    refused(() => [...new data.DataLoader(foreign)], 'ERR_STATE', 'for await');
    await turns();
    expect(unhandled).to.deep.equal([]);
  });
});

describe('datasets and samplers that are none', () => {
  const get = (i: number) => i;
  const datasets: unknown[] = [
    null,
    5,
    'text',
    () => 1,
    { length: 2 },
    { get },
    { length: '2', get },
    { length: -1, get },
    { length: 1.5, get },
    { length: Number.NaN, get },
    { length: 2n, get },
    { length: 2, get: 5 },
    { length: 2, get, getBatch: 5 },
    { length: 2, get, getBatch: null },
    Symbol('x'),
    Object.create(null),
  ];
  it('are refused in one sentence', () => {
    for (const dataset of datasets) {
      for (const use of [
        (d: never) => new data.DataLoader(d),
        (d: never) => new data.DataLoader(d, { sampler: [] as never }),
        (d: never) => new data.Subset(d, []),
        (d: never) => data.randomSplit(d, [1]),
      ]) {
        const error = refusalOf(() => use(dataset as never));
        expect(error.code).to.equal('ERR_ARGUMENT');
        expect(error.message)
          .to.match(/^"dataset" must be /)
          .and.not.include('\n');
      }
    }
    for (const options of [null, 5, [], new Map(), 'x']) {
      const uses = [
        () => new data.RandomSampler({ length: 2 }, options as never),
        () => new data.SubsetRandomSampler([0], options as never),
        () => new data.WeightedRandomSampler([1], 1, options as never),
        () => new data.DataLoader({ length: 1, get }, options as never),
        () => data.randomSplit({ length: 1, get }, [1], options as never),
      ];
      for (const use of uses) expect(refusalOf(use).code).to.equal('ERR_ARGUMENT');
    }
    for (const index of ['a', 0.5, Number.NaN, null, 1n]) {
      refused(
        () => [...new data.DataLoader({ length: 1, get }, { sampler: [index] as never })],
        'ERR_ARGUMENT',
        'sampler',
      );
    }
    refused(
      () => new data.DataLoader({ length: 1, get }, { sampler: new Set([0]) as never }).length,
      'ERR_ARGUMENT',
      'sampler.length',
    );
    for (const indices of [null, 5, 'ab', [0.5], ['0'], [undefined], torch.ones([1])]) {
      expect(refusalOf(() => new data.Subset({ length: 3, get }, indices as number[])).code).to.be.oneOf([
        'ERR_ARGUMENT',
        'ERR_INDEX',
      ]);
    }
    expect(new data.Subset({ length: 3, get }, new Int32Array([2, 0])).get(0)).to.equal(2);
    expect(new data.Subset({ length: 3, get }, torch.tensor([1n, 2n])).get(1)).to.equal(2);
  });
});

describe('randomSplit', () => {
  it('refuses lengths that do not add up', () => {
    for (const lengths of [[1, 1], [2, 4], [-1, 6], [0.5, 0.6], [2.5, 2.5], [], ['5'] as unknown as number[]]) {
      refused(() => data.randomSplit(numbers, lengths), 'ERR_ARGUMENT', 'lengths');
    }
  });
});
