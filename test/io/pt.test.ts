import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { type io, type Tensor, TorchClipError } from '../../lib/index.js';
import { archiveOf } from '../../lib/io/zip.js';
import { programPath } from '../../lib/setup/programs.js';
import { Fixture, localBuild } from '../setup/fixture.js';
import { golden, refusalOf } from '../support.js';
import { plain, sorted } from './plain.js';

const reference = golden<{
  read: { what: string; file: string; value: unknown }[];
  refused: { what: string; file: string; says: string }[];
  tails: [text: string, times: number, loads: boolean][];
}>('pt');

/** Random cases of each kind; test/long/files asks for many more. */
const runs = Number(process.env.TORCH_CLIP_TEST_RUNS ?? 250);

describe('torch.save and torch.load', function () {
  this.timeout(30_000 + 50 * runs);
  let f: Fixture;
  let path: string;
  beforeEach(() => {
    f = new Fixture();
    path = f.path('file.pt');
  });
  afterEach(() => f.remove());

  const put = (file: string) => writeFileSync(path, Buffer.from(file, 'base64'));
  const archive = (records: Record<string, Uint8Array>) =>
    writeFileSync(
      path,
      Buffer.concat([
        ...archiveOf(Object.entries(records).map(([name, data]) => ({ name: `archive/${name}`, data }))),
      ] as Uint8Array[]),
    );
  const roundTrip = (value: unknown) => {
    torch.save(value, path);
    return torch.load(path);
  };

  describe('files of Python', () => {
    for (const { what, file, value } of reference.read) {
      it(`reads ${what}, and saves it again`, () => {
        put(file);
        for (const mmap of [false, true])
          expect(sorted(plain(torch.load(path, { mmap })))).to.deep.equal(sorted(value));
        expect(sorted(plain(roundTrip(torch.load(path))))).to.deep.equal(sorted(value));
      });
    }

    it('gives tensors that share memory', () => {
      put(reference.read.find(({ what }) => what === 'views of one storage')!.file);
      for (const mmap of [false, true]) {
        const tensors = torch.load<Tensor[]>(path, { mmap });
        tensors[0]!.fill_(7);
        for (const t of tensors) if (t.numel() > 0) expect(t.min().item()).to.equal(7);
      }
    });

    it('goes on training from a checkpoint of Python', () => {
      put(reference.read.find(({ what }) => what === 'training')!.file);
      const { model: weights, optimizer: state } = torch.load<{
        model: Record<string, Tensor>;
        optimizer: torch.optim.OptimizerStateDict;
      }>(path);
      const model = new torch.nn.Sequential(
        new torch.nn.Linear(3, 4),
        new torch.nn.BatchNorm1d(4),
        new torch.nn.Linear(4, 1),
      );
      const optimizer = new torch.optim.AdamW(model.parameters());
      model.loadStateDict(weights);
      optimizer.loadStateDict(state);
      expect(optimizer.paramGroups[0]!.lr).to.equal(0.001);
      model
        .forward(torch.ones([5, 3]))
        .pow(2)
        .mean()
        .backward();
      optimizer.step();
      expect((optimizer.stateDict().state[0] as { step: Tensor }).step.item()).to.equal(4);
    });

    for (const { what, file, says } of reference.refused) {
      it(`refuses ${what}`, () => {
        put(file);
        const error = refusalOf(() => torch.load(path));
        expect(error.code).to.equal('ERR_FILE');
        expect(error.message).to.include(says).and.not.include('\n');
        expect(error.message.startsWith(`${path} cannot be loaded: `)).to.equal(true);
      });
    }
  });

  it('reads past what comes after the archive, where PyTorch does', () => {
    const x = torch.arange(20_000, { dtype: torch.float32 });
    torch.save({ x }, path);
    const whole = readFileSync(path);
    for (const [text, times, loads] of reference.tails) {
      const tail = text === 'the end again' ? whole.subarray(-22) : Buffer.from(text.repeat(times));
      writeFileSync(path, Buffer.concat([whole, tail]));
      const what = `${JSON.stringify(text)} ${times} times`;
      const load = (mmap: boolean) => torch.load(path, { mmap }) as { x: Tensor };
      for (const mmap of [false, true]) {
        if (loads) expect(load(mmap).x.equal(x), what).equal(true);
        else expect(() => load(mmap), what).throw(TorchClipError, 'its end is missing');
      }
    }
    // Of a file that was cut off, nothing is the end.
    for (const length of [whole.length - 6, whole.length - 22, whole.length - 30]) {
      writeFileSync(path, Buffer.concat([whole.subarray(0, length), Buffer.alloc(100)]));
      expect(() => torch.load(path), `${length}`).throw(TorchClipError, 'cannot be loaded');
    }
  });

  it('refuses whatever could run code, by its name', () => {
    const gadgets = [
      'os system',
      'posix system',
      'nt system',
      'os popen',
      'os execv',
      'subprocess Popen',
      'subprocess call',
      'subprocess check_output',
      'builtins eval',
      '__builtin__ eval',
      'builtins exec',
      'builtins compile',
      'builtins getattr',
      'builtins setattr',
      'builtins open',
      'builtins __import__',
      'importlib import_module',
      'runpy run_path',
      'pty spawn',
      'socket socket',
      'shutil rmtree',
      'pickle loads',
      'marshal loads',
      'types FunctionType',
      'types CodeType',
      'operator attrgetter',
      'functools partial',
      'code InteractiveInterpreter',
      'timeit timeit',
      'webbrowser open',
      'ctypes CDLL',
      'torch load',
      'torch.hub load',
      'torch.utils.cpp_extension load',
      'torch._utils _rebuild_x',
      'numpy.core.multiarray _reconstruct',
      'copyreg _reconstructor',
      'collections namedtuple',
      'torch.storage _load_from_bytes',
      'torch __proto__',
      'toString constructor',
      'builtins constructor',
    ];
    for (const gadget of gadgets) {
      const [module, name] = gadget.split(' ') as [string, string];
      const asked = `${module === '__builtin__' ? 'builtins' : module}.${name}`;
      const pickles = {
        GLOBAL: Buffer.from(`\x80\x02c${module}\n${name}\n(X\x01\0\0\0atR.`, 'latin1'),
        STACK_GLOBAL: Buffer.concat([
          Buffer.from('\x80\x04\x8c', 'latin1'),
          Buffer.from([module.length]),
          Buffer.from(module),
          Buffer.from('\x8c', 'latin1'),
          Buffer.from([name.length]),
          Buffer.from(`${name}\x93.`, 'latin1'),
        ]),
      };
      for (const pickle of Object.values(pickles)) {
        archive({ 'data.pkl': pickle });
        const { code, message } = refusalOf(() => torch.load(path));
        expect(code).to.equal('ERR_FILE');
        expect(message).to.include(
          `it asks for ${JSON.stringify(asked.length > 40 ? `${asked.slice(0, 40)}...` : asked)}`,
        );
        expect(message).to.match(/nothing in a file is ever run$/);
      }
    }
    // Ways around names: instances, extension codes, persistent ids, objects of classes.
    for (const code of ['(i os\nsystem\n', '\x82\x01', '\x83\x01\0', '(cos\nsystem\no', 'Pabc\n', ')\x81', '}\x92']) {
      archive({ 'data.pkl': Buffer.from(`\x80\x02${code}.`, 'latin1') });
      expect(refusalOf(() => torch.load(path)).code).to.equal('ERR_FILE');
    }
  });

  it('reads or refuses, and never crashes on, a file with bytes changed, gone or doubled', () => {
    const files = reference.read.map(({ file }) => Buffer.from(file, 'base64'));
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.nat(files.length - 1),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(255),
        fc.nat(3),
        (which, share, value, kind) => {
          const file = files[which]!;
          const at = Math.min(file.length - 1, Math.floor(share * file.length));
          let mutated = Buffer.from(file);
          if (kind === 0) mutated[at] = value;
          else if (kind === 1) mutated = mutated.subarray(0, at);
          else if (kind === 2)
            mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + (value % 16))]);
          else
            mutated = Buffer.concat([
              mutated.subarray(0, at),
              mutated.subarray(at - Math.min(at, value)),
              mutated.subarray(at),
            ]);
          writeFileSync(path, mutated);
          try {
            torch.load(path);
            seen.read++;
          } catch (error) {
            seen.refused++;
            expect(error).to.be.instanceOf(TorchClipError);
            expect((error as TorchClipError).code).to.be.oneOf(['ERR_FILE', 'ERR_DEVICE']);
            expect((error as Error).message).not.to.include('\n');
          }
        },
      ),
      { numRuns: runs },
    );
    expect(seen.refused).to.be.greaterThan(runs / 3);
  });

  it('reads or refuses pickles that are whole but wrong', () => {
    const pickles = reference.read.map(({ file }) => {
      put(file);
      const bytes = readFileSync(path);
      const at = bytes.indexOf('data.pkl') + 8;
      return bytes.subarray(bytes.indexOf('\x80', at, 'latin1'), bytes.indexOf('PK\x07\x08', at, 'latin1'));
    });
    fc.assert(
      fc.property(
        fc.nat(pickles.length - 1),
        fc.array(fc.tuple(fc.nat(100_000), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (which, changes) => {
          const pickle = Buffer.from(pickles[which]!);
          for (const [at, value] of changes) pickle[at % pickle.length] = value;
          archive({ 'data.pkl': pickle, 'data/0': new Uint8Array(192) });
          try {
            torch.load(path);
          } catch (error) {
            expect(error).to.be.instanceOf(TorchClipError);
            expect((error as TorchClipError).code).to.be.oneOf(['ERR_FILE', 'ERR_DEVICE']);
          }
        },
      ),
      { numRuns: runs },
    );
  });

  it('gives back what it was given', () => {
    const leaf = fc.oneof(
      fc.constantFrom(null, true, false, -0, Number.NaN, 2 ** 53, -(2 ** 31), 2n ** 64n, -(2n ** 63n)),
      fc.integer(),
      fc.double(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\ud800', 'a', '😀', '\udfff') }),
      fc.uint8Array(),
      fc.array(fc.float({ noNaN: true })).map((values) => torch.tensor(values)),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 300n }),
      fc.constantFrom(torch.float32, torch.int8, torch.ones([1]).device),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value')),
        fc
          .array(fc.tuple(fc.oneof(fc.integer(), fc.string(), fc.boolean()), tie('value')))
          .map((entries) => new Map([...entries, [0.5, 1]])),
        fc.array(fc.integer()).map((items) => new Set(items)),
      ),
    }));
    fc.assert(
      fc.property(value, (object) => {
        expect(sorted(plain(roundTrip(object)))).to.deep.equal(sorted(plain(object)));
      }),
      { numRuns: Math.min(runs, 150) },
    );
  });

  it('keeps what a run is made of', () => {
    const model = new torch.nn.Sequential(new torch.nn.Linear(3, 4), new torch.nn.Linear(4, 1));
    const optimizer = new torch.optim.AdamW(model.parameters(), { clip: torch.clip.auto() });
    const scheduler = new torch.optim.lrScheduler.StepLR(optimizer, { stepSize: 2 });
    const scaler = new torch.GradScaler({ device: 'cpu' });
    const generator = new torch.Generator().manualSeed(5);
    const step = () => {
      optimizer.zeroGrad();
      model
        .forward(torch.ones([2, 3]))
        .pow(2)
        .mean()
        .backward();
      optimizer.step();
      scheduler.step();
    };
    const state = () => ({
      model: model.stateDict(),
      optimizer: optimizer.stateDict(),
      scheduler: scheduler.stateDict(),
      scaler: scaler.stateDict(),
      generator: generator.getState(),
      epoch: 3,
    });
    for (let i = 0; i < 3; i++) step();
    torch.save(state(), path);
    const words = sorted(plain(state()));
    const [first] = [torch.randn([3], { generator }).tolist(), step()];
    const after = sorted(plain(model.stateDict()));
    const back = torch.load<ReturnType<typeof state>>(path);
    expect(sorted(plain(back))).to.deep.equal(words);
    model.loadStateDict(back.model);
    optimizer.loadStateDict(back.optimizer);
    scheduler.loadStateDict(back.scheduler);
    scaler.loadStateDict(back.scaler);
    generator.setState(back.generator);
    step();
    expect(sorted(plain(model.stateDict()))).to.deep.equal(after);
    expect(torch.randn([3], { generator }).tolist()).to.deep.equal(first);
  });

  it('keeps shared memory and shared objects, and writes only what is shown', () => {
    const base = torch.arange(1_000_000).float();
    const [a, b] = [base.narrow(0, 10, 4), base.narrow(0, 12, 4)];
    const list = [1];
    const { x, y, z, p, q } = roundTrip({ x: a, y: b, z: a.view(torch.int32), p: list, q: list }) as Record<
      string,
      Tensor
    >;
    expect(statSync(path).size).to.be.lessThan(2000);
    expect([x!.tolist(), y!.tolist()]).to.deep.equal([a.tolist(), b.tolist()]);
    x!.fill_(0);
    expect(y!.tolist()).to.deep.equal([0, 0, 14, 15]);
    expect(z!.sum().item()).to.equal(0);
    expect(p).to.equal(q);
  });

  it('writes the same bytes for the same object', () => {
    torch.save({ a: torch.ones([3]), b: 'x' }, path);
    torch.save({ a: torch.ones([3]), b: 'x' }, f.path('again.pt'));
    expect(readFileSync(path).equals(readFileSync(f.path('again.pt')))).to.equal(true);
  });

  it('never takes a name for its own', () => {
    const object = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as Record<string, unknown>;
    const back = roundTrip(object) as Record<string, unknown>;
    expect(Object.keys(back)).to.deep.equal(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(back)).to.equal(null);
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it('takes data of another realm', () => {
    const object = vm.runInNewContext(
      '({ list: [1, { a: 2 }], map: new Map([[1, 2]]), set: new Set([3]), bytes: new Uint8Array([4]), floats: new Float32Array([5]) })',
    );
    expect(plain(roundTrip(object))).to.deep.equal(
      plain({
        list: [1, { a: 2 }],
        map: new Map([[1, 2]]),
        set: new Set([3]),
        bytes: new Uint8Array([4]),
        floats: torch.tensor([5]),
      }),
    );
  });

  it('writes a snapshot in the background', async () => {
    const weight = torch.ones([1000]);
    const saving = torch.saveAsync({ weight }, path);
    weight.fill_(2);
    const again = torch.saveAsync({ weight }, path);
    weight.fill_(3);
    expect(existsSync(path)).to.equal(false);
    await saving;
    await again;
    expect(torch.load<{ weight: Tensor }>(path).weight.mean().item()).to.equal(2);
    torch.save({ weight }, f.path('sync.pt'));
    await torch.saveAsync({ weight }, path);
    expect(readFileSync(path).equals(readFileSync(f.path('sync.pt')))).to.equal(true);
    const failed = await torch.saveAsync({ weight }, f.path('no/where.pt')).catch((error) => error);
    expect(failed).to.be.instanceOf(TorchClipError).with.property('code', 'ERR_FILE');
    const refused = await torch.saveAsync({ weight: () => 1 }, path).catch((error) => error);
    expect(refused).to.be.instanceOf(TorchClipError).with.property('code', 'ERR_ARGUMENT');
    expect(readdirSync(f.root).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
  });

  it('puts tensors where they are asked for', () => {
    torch.save({ x: torch.ones([2]) }, path);
    const at = (mapLocation: io.MapLocation) => torch.load<{ x: Tensor }>(path, { mapLocation }).x.device.type;
    expect(at('cpu')).to.equal('cpu');
    expect(at('meta')).to.equal('meta');
    expect(at({ cpu: 'meta' })).to.equal('meta');
    expect(at({ 'cuda:0': 'meta' })).to.equal('cpu');
    expect(at(() => 'meta')).to.equal('meta');
    expect(refusalOf(() => at((() => 'gpu') as never)).code).to.equal('ERR_DEVICE');
    expect(refusalOf(() => at('gpu' as never)).code).to.equal('ERR_DEVICE');
  });

  const cyclic: unknown[] = [];
  cyclic.push({ again: cyclic });
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  const unsavable: [what: string, value: unknown, says: RegExp][] = [
    ['a function', { a: [() => 1] }, /^"object\.a\[0\]" must be data, got a function$/],
    ['a symbol', { 'a b': Symbol('x') }, /^"object\["a b"\]" must be data, got a symbol$/],
    [
      'a module',
      { model: new torch.nn.Linear(1, 1) },
      /^"object\.model" must be data: give its stateDict\(\), got a Linear$/,
    ],
    ['a Date', [new Date(0)], /^"object\[0\]" must be a tensor or plain data, got a Date$/],
    [
      'a generator of random numbers',
      new torch.Generator(),
      /^"object" must be a tensor or plain data, got a Generator$/,
    ],
    ['a cycle', cyclic, /must be free of cycles/],
    ['too deep nesting', deep, /must be nested at most 300 levels deep/],
    ['holes', [new Array(2 ** 32 - 1)], /"object\[0\]\[0\]" must be an element/],
    ['an object for a key', new Map([[{ a: 1 }, 2]]), /keyed by a string, a number, a boolean or an array of these/],
    ['a huge integer', 2n ** 3000n, /an integer of at most 255 bytes/],
    ['a sparse tensor', torch.eye(2).toSparse(), /a dense tensor with data, got float32 \(sparse_coo, on cpu\)/],
    ['a meta tensor', torch.empty([1], { device: 'meta' }), /a dense tensor with data/],
  ];
  for (const [what, value, says] of unsavable) {
    it(`refuses to save ${what}, and leaves the old file`, () => {
      torch.save(1, path);
      expect(refusalOf(() => torch.save(value, path)).message).to.match(says);
      expect(torch.load(path)).to.equal(1);
    });
  }

  it('refuses options that are none', () => {
    torch.save(1, path);
    expect(refusalOf(() => torch.load(path, { weightsOnly: false as never })).message).to.match(
      /nothing in a file is ever run/,
    );
    expect(refusalOf(() => torch.load(path, { map_location: 'cpu' } as never)).message).to.match(/map_location/);
    expect(refusalOf(() => torch.load(path, { mmap: 1 as never })).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => torch.load(f.path('none'))).message).to.match(/no such file/);
  });

  it('is read by Python', function () {
    this.timeout(120_000);
    const python = programPath('python3');
    if (python === undefined) return this.skip();
    const scripts = fileURLToPath(new URL('../../scripts/golden', import.meta.url));
    const site = join(localBuild().libtorch.root, '..');
    const env = { ...process.env, PYTHONPATH: [site, scripts].join(':') };
    if (spawnSync(python, ['-c', 'import torch, numpy'], { env }).status !== 0) return this.skip();
    const object: Record<string, unknown> = {};
    for (const { what, file } of reference.read) {
      put(file);
      object[what] = torch.load(path);
    }
    const [x, y] = [torch.arange(6).reshape([2, 3]), torch.arange(4).float()];
    Object.assign(object, { views: [x, x.t()], mixed: [y, y.view(torch.int32)] });
    torch.save(object, path);
    const code = `
import json, torch
from _plain import plain
values = [torch.load(${JSON.stringify(path)}, mmap=mmap) for mmap in (False, True)]
print(json.dumps([plain(value) for value in values]))`;
    const { stdout, stderr } = spawnSync(python, ['-W', 'ignore', '-c', code], {
      env,
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    expect(stdout, stderr).not.to.equal('');
    for (const words of JSON.parse(stdout) as unknown[]) expect(sorted(words)).to.deep.equal(sorted(plain(object)));
  });
});

describe('JSON of tensors', () => {
  it('is refused, as it would hold no values', () => {
    const error = refusalOf(() => JSON.stringify({ state: [torch.ones([1])] }));
    expect(error.message)
      .to.match(/torch\.save/)
      .and.match(/tolist\(\)/);
  });
});
