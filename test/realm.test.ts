import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import torch from '../lib/index.js';
import { Fixture } from './setup/fixture.js';
import { refusalOf } from './support.js';

const fixture = fileURLToPath(new URL('fixtures/realm.mjs', import.meta.url));
const entry = fileURLToPath(new URL('../dist/index.cjs', import.meta.url));

describe('values of another realm', () => {
  const foreign = (code: string): never => runInNewContext(code) as never;
  const taken: Record<string, [got: () => unknown, expected: unknown]> = {
    'an ArrayBuffer': [
      () => torch.frombuffer(foreign('Uint8Array.of(1, 2).buffer'), { dtype: torch.uint8 }).tolist(),
      [1, 2],
    ],
    'a SharedArrayBuffer': [
      () => torch.frombuffer(foreign('new SharedArrayBuffer(2)'), { dtype: torch.uint8 }).tolist(),
      [0, 0],
    ],
    'a Map, a Set and a plain object in a module that is copied': [
      () => {
        const module = Object.assign(new torch.nn.ReLU(), {
          kept: foreign('({ map: new Map([[1, [2]]]), set: new Set([3]) })') as {
            map: Map<number, number[]>;
            set: Set<number>;
          },
        });
        const copy = torch.nn.deepcopy(module);
        copy.kept.map.get(1)!.push(4);
        copy.kept.set.add(5);
        return [module.kept, copy.kept].map(({ map, set }) => [...map.values(), ...set]);
      },
      [
        [[2], 3],
        [[2, 4], 3, 5],
      ],
    ],
    'bytes in a store': [
      async () => {
        const store = new torch.distributed.HashStore();
        await store.set('a', foreign('Uint8Array.of(7)'));
        return [...(await store.get('a'))];
      },
      [7],
    ],
  };
  for (const [what, [got, expected]] of Object.entries(taken)) {
    it(`are taken as those of this one: ${what}`, async () => expect(await got()).to.deep.equal(expected));
  }

  it('are refused as those of this one: async functions and promises', () => {
    for (const code of ['async () => 1', '() => Promise.resolve(1)']) {
      for (const call of [torch.noGrad, torch.scope]) {
        expect(refusalOf(() => call(foreign(code))).code).to.equal('ERR_ASYNC_SCOPE');
      }
    }
  });
});

describe('the package in another realm', () => {
  let f: Fixture;
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  /** Runs a script beside the package in a vm context, as Jest's ES modules do; gives what it prints. */
  const run = (script: string) => {
    const args = ['--experimental-vm-modules', '--no-warnings', fixture, script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).to.equal('');
    return stdout.trim();
  };

  const facts: [what: string, code: string][] = [
    ['typed arrays', 't.toTypedArray() instanceof Float32Array'],
    ['typed arrays of later', '(await t.toTypedArrayAsync()) instanceof Float32Array'],
    ['int64 arrays', 'torch.tensor([1n]).toTypedArray() instanceof BigInt64Array'],
    ['numbers of int64', "typeof torch.tensor([1n]).tolist()[0] === 'number'"],
    ['shapes', 't.shape instanceof Array && t.stride() instanceof Array'],
    ['lists of tensors', 'torch.split(t, 1) instanceof Array'],
    ['complex numbers', 'Object.getPrototypeOf(torch.tensor({ re: 1, im: 2 }).item()) === Object.prototype'],
    ['promises', 't.sum().itemAsync() instanceof Promise'],
    [
      'errors',
      '(() => { try { t.add(torch.ones([5])); } catch (e) { return e instanceof torch.TorchClipError && e instanceof Error; } })()',
    ],
    [
      'options',
      'new torch.optim.AdamW([torch.ones([1], { requiresGrad: true })], { lr: 0.1, betas: [0.9, 0.99] }).paramGroups[0].lr === 0.1',
    ],
    ['typed arrays that go in', 'torch.tensor(new Float32Array([1, 2])).sum().item() === 3'],
    ['Maps in scopes', "torch.scope(() => new Map([['x', torch.ones([1])]])).get('x').item() === 1"],
    ['batches', 'torch.data.collate([new Float32Array([7])]).item() === 7'],
    [
      'files',
      `(() => { torch.save([new Map([[1, new Uint8Array([5])]])], path); const [m] = torch.load(path); return m instanceof Map && m.get(1) instanceof Uint8Array; })()`,
    ],
  ];
  it('gives and takes that realm’s objects', () => {
    const checks = facts.map(([what, code]) => `[${JSON.stringify(what)}, ${code}]`);
    const path = f.path('realm.pt');
    const script = `const t = torch.tensor([[1, 2], [3, 4]]); const path = ${JSON.stringify(path)};
      console.log(JSON.stringify([${checks.join(', ')}]));`;
    expect(JSON.parse(run(script))).to.deep.equal(facts.map(([what]) => [what, true]));
  });

  it('loads by the require() of a program that reads no ES modules, as Jest’s does', () => {
    // In a process of its own: this one has loaded the package from its sources.
    const script = `
      const vm = require('node:vm');
      const foreign = (name) => {
        if (name === 'node:vm') return vm;
        throw new Error(name + ' is not for this loader');
      };
      const module = { exports: {} };
      const context = vm.createContext({ process: { getBuiltinModule: () => ({ createRequire: () => foreign }) } });
      const text = require('node:fs').readFileSync(${JSON.stringify(entry)}, 'utf8');
      const load = vm.runInContext('(function (exports, require, module, __filename) {' + text + '\\n})', context);
      load(module.exports, foreign, module, ${JSON.stringify(entry)});
      const torch = module.exports;
      const t = torch.tensor([1, 2]);
      t.toTypedArrayAsync().then((later) => {
        const results = [t.toTypedArray(), later, torch.tensor([1n]).toTypedArray(), torch.tensor({ re: 1, im: 2 }).item()];
        const own = vm.runInContext('[Float32Array, Float32Array, BigInt64Array, Object]', context);
        console.log(t.sum().item(), ...results.map((result, i) => result instanceof own[i]));
        // Used from its own realm again, as by the next program.
        require(${JSON.stringify(entry)});
        console.log(t.toTypedArray() instanceof Float32Array);
      });`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(stdout).to.equal('3 true true true true\ntrue\n');
  });
});
