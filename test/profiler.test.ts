import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../lib/index.js';
import { refusalOf } from './support.js';

const { profiler } = torch;

const pass = () => {
  const x = torch.ones([8, 16]);
  const w = torch.ones([16, 4], { requiresGrad: true });
  profiler.recordFunction('forward', () => nn.functional.relu(x.matmul(w)).sum()).backward();
};

describe('profiler', () => {
  it('records operators, regions and the backward pass, with times that add up', () => {
    const profile = profiler.profile(pass, { activities: ['cpu'], recordShapes: true, withFlops: true });
    const averages = profile.keyAverages();
    const of = (name: string) => averages.find((row) => row.name === name)!;
    for (const name of ['aten::matmul', 'aten::mm', 'aten::relu', 'aten::sum', 'forward']) {
      expect(of(name), name).property('count').at.least(1);
      expect(of(name).cpuTimeTotal, name).above(0);
    }
    expect(averages.map(({ name }) => name).join(' ')).match(/MmBackward0/);
    // The product's forward pass counts 2 x 8 x 16 x 4 operations, its backward pass one more of these.
    expect(of('aten::mm').flops).equal(2 * (2 * 8 * 16 * 4));
    const events = profile.events();
    const region = events.find(({ isRegion }) => isRegion)!;
    expect(region.name).equal('forward');
    expect(region.children.map(({ name }) => name)).include.members(['aten::matmul', 'aten::relu', 'aten::sum']);
    for (const event of events) {
      const inner = event.children.reduce((sum, child) => sum + child.duration, 0);
      expect(event.selfDuration).closeTo(event.duration - inner, 1e-3);
      expect(event.start).at.least(0);
    }
    const product = events.find(({ name }) => name === 'aten::mm')!;
    expect(product.shapes).equal('[8, 16], [16, 4]');
    expect([product.device, product.deviceIndex]).deep.equal(['cpu', null]);
    const self = averages.reduce((sum, row) => sum + row.selfCpuTimeTotal, 0);
    const roots = events.filter((event) => !events.some(({ children }) => children.includes(event)));
    expect(self).closeTo(
      roots.reduce((sum, { duration }) => sum + duration, 0),
      1e-2,
    );
  });

  it('counts the bytes that operators allocate', () => {
    let kept: unknown;
    const profile = profiler.profile(
      () => {
        kept = profiler.recordFunction('make', () => torch.empty([1024, 1024]));
      },
      { profileMemory: true },
    );
    const row = profile.keyAverages().find(({ name }) => name === 'make')!;
    expect(row.memory).equal(4 * 1024 * 1024);
    expect(row.selfMemory).equal(0);
    expect(profile.keyAverages().table()).match(/aten::empty .* 4\.00 MB/);
    expect(kept).not.equal(undefined);
  });

  it('shows a table: sorted, limited, with shares of 100%', () => {
    const profile = profiler.profile(pass, { recordShapes: true });
    const table = profile.keyAverages({ groupByInputShape: true }).table({ sortBy: 'selfCpuTimeTotal', rowLimit: 2 });
    const lines = table.trimEnd().split('\n');
    expect(lines).length(3 + 2 + 2);
    expect(lines[1]).match(
      /^Name +Self CPU % +Self CPU +CPU total % +CPU total +CPU time avg +# of Calls +Input Shapes$/,
    );
    const share = (line: string) => Number(/ ([\d.]+)%/.exec(line)![1]);
    expect(share(lines[3]!)).at.least(share(lines[4]!));
    expect(lines.at(-1)).match(/^Self CPU time total: [\d.]+(us|ms|s)$/);
    expect(refusalOf(() => profile.keyAverages().table({ sortBy: 'name' as never })).code).equal('ERR_ARGUMENT');
    expect(refusalOf(() => profile.keyAverages().table({ rowLimit: 0 })).code).equal('ERR_ARGUMENT');
  });

  it('writes a Chrome trace, compressed or not, and leaves nothing else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'torch-clip-test-'));
    try {
      const profile = profiler.profile(pass);
      const [plain, packed] = [join(folder, 'trace.json'), join(folder, 'trace.json.gz')];
      profile.exportChromeTrace(plain);
      profile.exportChromeTrace(packed);
      expect(readdirSync(folder).sort()).deep.equal(['trace.json', 'trace.json.gz']);
      for (const text of [readFileSync(plain, 'utf8'), gunzipSync(readFileSync(packed)).toString()]) {
        const { traceEvents } = JSON.parse(text) as { traceEvents: { ph: string; name: string; dur?: number }[] };
        const complete = traceEvents.filter(({ ph }) => ph === 'X');
        expect(complete.map(({ name }) => name)).include.members(['aten::mm', 'forward']);
        expect(complete.every(({ dur }) => dur! >= 0)).equal(true);
      }
      const error = refusalOf(() => profile.exportChromeTrace(join(folder, 'none', 'trace.json')));
      expect(error.code).equal('ERR_FILE');
      expect(refusalOf(() => profile.exportChromeTrace(5 as never)).code).equal('ERR_ARGUMENT');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('writes a trace per round into a folder for TensorBoard', () => {
    const folder = mkdtempSync(join(tmpdir(), 'torch-clip-test-'));
    try {
      expect(profiler.kinetoAvailable()).equal(true);
      const { tensorboardTraceHandler } = profiler;
      const handlers = [
        tensorboardTraceHandler(join(folder, 'a', 'b')),
        tensorboardTraceHandler(join(folder, 'c'), { workerName: 'w0', useGzip: true }),
      ];
      for (const onTraceReady of handlers) {
        const session = new profiler.Profile({
          schedule: profiler.schedule({ wait: 0, warmup: 0, active: 1, repeat: 2 }),
          onTraceReady,
        });
        session.start();
        for (let t = 0; t < 3; t++) {
          torch.ones([1]).add(1);
          session.step();
        }
        session.stop();
      }
      const [plain, packed] = [readdirSync(join(folder, 'a', 'b')), readdirSync(join(folder, 'c'))];
      expect(plain).length(2);
      for (const name of plain) expect(name).match(new RegExp(`_${process.pid}\\.\\d+\\.pt\\.trace\\.json$`));
      expect(packed).length(2);
      for (const name of packed) {
        expect(name).match(/^w0\.\d+\.pt\.trace\.json\.gz$/);
        const { traceEvents } = JSON.parse(gunzipSync(readFileSync(join(folder, 'c', name))).toString()) as {
          traceEvents: { name: string }[];
        };
        expect(traceEvents.map((event) => event.name)).include('aten::add');
      }
      const inFile = tensorboardTraceHandler(join(folder, 'c', packed[0]!));
      expect(refusalOf(() => inFile(profiler.profile(pass))).code).equal('ERR_FILE');
      expect(refusalOf(() => tensorboardTraceHandler(5 as never)).message).equal(
        '"folder" must be a path or a file: URL, got 5',
      );
      expect(refusalOf(() => tensorboardTraceHandler('x', { useGzip: 1 as never })).code).equal('ERR_ARGUMENT');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('lasts across an await, and ends with a using block', async () => {
    const profile = await profiler.profile(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await profiler.recordFunction('later', async () => torch.ones([2]).add(1));
    });
    expect(profile.keyAverages().map(({ name }) => name)).include.members(['later', 'aten::add']);
    let ready: unknown;
    const other = new profiler.Profile({
      onTraceReady: (done) => {
        ready = done;
      },
    });
    {
      using _ = other;
      other.start();
      torch.ones([2]).mul(2);
    }
    expect(ready).equal(other);
    expect(other.keyAverages().map(({ name }) => name)).include('aten::mul');
  });

  it('records the steps of a schedule, a trace for each round', () => {
    const traces: string[][] = [];
    const profile = new profiler.Profile({
      schedule: profiler.schedule({ wait: 1, warmup: 1, active: 2, repeat: 2, skipFirst: 1 }),
      onTraceReady: (done) => {
        const names = done.events().flatMap(({ name }) => (/^ProfilerStep|aten::(add|mul)$/.test(name) ? name : []));
        // An operator may call itself with other arguments.
        traces.push(names.filter((name, i) => name !== names[i - 1]));
      },
    });
    profile.start();
    for (let t = 0; t < 12; t++) {
      torch.ones([1]).add(1);
      if (t === 4) torch.ones([1]).mul(2);
      profile.step();
    }
    profile.stop();
    const step = (t: number) => [`ProfilerStep#${t}`, 'aten::add'];
    expect(traces).deep.equal([
      [...step(3), ...step(4), 'aten::mul'],
      [...step(7), ...step(8)],
    ]);
    const actions = profiler.schedule({ wait: 1, warmup: 0, active: 1 });
    expect([0, 1, 2, 3].map(actions)).deep.equal(['none', 'recordAndSave', 'none', 'recordAndSave']);
    expect(refusalOf(() => profile.step()).code).equal('ERR_STATE');
    expect(refusalOf(() => profiler.schedule({ wait: 1, warmup: 1, active: 0 })).code).equal('ERR_ARGUMENT');
    const wrong = new profiler.Profile({ schedule: () => 'stop' as never });
    expect(refusalOf(() => wrong.start()).message).match(/^"schedule\(\)" must be "none", "warmup"/);
  });

  it('has one session in a process, which ends where the body throws', () => {
    const profile = new profiler.Profile();
    expect(refusalOf(() => profile.stop()).code).equal('ERR_STATE');
    expect(refusalOf(() => profile.events()).code).equal('ERR_STATE');
    expect(() =>
      profiler.profile(() => {
        const second = new profiler.Profile();
        expect(refusalOf(() => second.start()).message).match(/running already/);
        throw new Error('mine');
      }),
    ).throw('mine');
    profile.start();
    profile.stop();
    expect(profile.events()).an('array');
  });

  it('withFlops alone counts operations', () => {
    const product = () => torch.ones([10, 5]).mm(torch.ones([5, 2]));
    const { flops } = profiler
      .profile(product, { withFlops: true })
      .keyAverages()
      .find(({ name }) => name === 'aten::mm')!;
    expect(flops).equal(2 * 10 * 5 * 2);
  });

  it('waits for whatever has a then(): a promise of another realm, a query', async () => {
    const later: Record<string, (value: unknown, act: () => void) => unknown> = {
      'a promise of another realm': (value, act) =>
        runInNewContext('(async () => { await null; act(); return value; })()', { value, act }),
      'an object': (value, act) => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what the test is about.
        then: (resolve: (value: unknown) => void) =>
          setImmediate(() => {
            act();
            resolve(value);
          }),
      }),
    };
    for (const [what, make] of Object.entries(later)) {
      const act = () => void torch.ones([2]).add(1);
      const profile = await (profiler.profile(() => make(1, act)) as unknown as Promise<
        InstanceType<typeof profiler.Profile>
      >);
      expect(
        profile.keyAverages().map(({ name }) => name),
        what,
      ).include('aten::add');
      const region = new profiler.Profile();
      region.start();
      expect(await profiler.recordFunction('region', () => make(7, act)), what).equal(7);
      region.stop();
      const { children } = region.events().find(({ isRegion }) => isRegion)!;
      expect(
        children.map(({ name }) => name),
        what,
      ).include('aten::add');
    }
  });

  it('cannot be started, stepped or stopped by what it calls', () => {
    for (const option of ['schedule', 'onTraceReady']) {
      for (const call of ['start', 'step', 'stop'] as const) {
        const again = () => {
          if (profile !== undefined) profile[call]();
          return 'recordAndSave';
        };
        let profile: InstanceType<typeof profiler.Profile> | undefined;
        const made = new profiler.Profile({ [option]: again });
        made.start();
        profile = made;
        const { code, message } = refusalOf(() => made[option === 'schedule' ? 'step' : 'stop']());
        expect([code, message], `${call} in ${option}`).deep.equal([
          'ERR_STATE',
          `the profile cannot be started, stepped or stopped within its "${option}"`,
        ]);
        profile = undefined;
        if (option === 'schedule') made.stop();
        // The session is over: another can begin.
        profiler.profile(pass);
      }
    }
  });

  it('goes on after a handler that throws, and the failure of the body is the one to hear of', () => {
    let traces = 0;
    const onTraceReady = () => {
      traces++;
      throw new Error(`trace ${traces}`);
    };
    const profile = new profiler.Profile({ schedule: () => 'recordAndSave', onTraceReady });
    profile.start();
    expect(() => profile.step()).throw('trace 1');
    expect(() => profile.step()).throw('trace 2');
    expect(() => profile.stop()).throw('trace 3');
    const failing = () => {
      throw new Error('body');
    };
    expect(() => profiler.profile(failing, { onTraceReady })).throw('body');
    profiler.profile(pass);
  });

  it('ends regions with the session in which they began', () => {
    const first = new profiler.Profile();
    const second = new profiler.Profile();
    first.start();
    profiler.recordFunction('region', () => {
      first.stop();
      second.start();
      torch.ones([2]).add(1);
    });
    second.stop();
    expect(first.events().map(({ name }) => name)).include('region');
    expect(second.events().map(({ name }) => name)).not.include('region');
  });

  it('neither starts nor stops in the middle of a backward pass or an operator', () => {
    const x = torch.ones([4], { requiresGrad: true });
    let act = () => {};
    class Between extends torch.autograd.Function {
      static forward(_: unknown, y: Tensor): Tensor {
        return y.clone();
      }
      static backward(_: unknown, gradient: Tensor): Tensor {
        act();
        return gradient;
      }
    }
    const places: Record<string, () => void> = {
      'a function': () => (Between as unknown as { apply(y: Tensor): Tensor }).apply(x).sum().backward(),
      'a hook': () => {
        const y = x.mul(2);
        y.registerHook(() => act());
        y.sum().backward();
      },
      'a hook of several tensors': () => {
        const handle = torch.autograd.graph.registerMultiGradHook([x], () => act());
        x.mul(2).sum().backward();
        handle.remove();
      },
      'a saved tensor': () => {
        const pack = (t: Tensor) => {
          act();
          return t;
        };
        torch.autograd.graph.savedTensorsHooks(
          pack,
          (t) => t,
          () => x.sin(),
        );
      },
    };
    for (const [place, run] of Object.entries(places)) {
      const first = new profiler.Profile();
      const refused = (call: () => unknown) => {
        const { code, message } = refusalOf(call);
        expect([code, message], place).deep.equal([
          'ERR_STATE',
          "a profile cannot start or stop within a backward pass, or whatever else of libtorch's calls a function",
        ]);
      };
      let count = 0;
      act = () => {
        count++;
        refused(() => first.stop());
        refused(() => first.step());
        refused(() => new profiler.Profile().start());
        refused(() => profiler.profile(() => x.mul(2)));
      };
      first.start();
      run();
      first.stop();
      expect(count, place).above(0);
      expect(first.events(), place).not.deep.equal([]);
      refused(() => {
        act = () => first.start();
        run();
      });
      act = () => {};
      expect(profiler.profile(run).events(), place).not.deep.equal([]);
    }
  });

  it('schedule() refuses what is not a step', () => {
    const actions = profiler.schedule({ wait: 1, warmup: 1, active: 1 });
    for (const step of [NaN, -1, 0.5, Infinity, '1', undefined]) {
      expect(refusalOf(() => actions(step as never)).message).match(/^"step" must be an integer >= 0, got /);
    }
  });

  describe('that runs when its thread ends', () => {
    const entry = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);
    const begin = `import * as torch from ${entry}; const p = new torch.profiler.Profile(); p.start(); torch.ones([1]).add(1);`;
    const run = (script: string) =>
      spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    const ends: [what: string, script: string, status: number][] = [
      ['the program', begin, 0],
      ['process.exit()', `${begin} process.exit(3);`, 3],
      ['an error', `${begin} throw new Error('mine');`, 1],
      [
        'process.exit() in a body',
        `import * as torch from ${entry}; torch.profiler.profile(() => torch.profiler.recordFunction('r', () => process.exit(4)));`,
        4,
      ],
      [
        'process.exit() when a trace is ready',
        `${begin.replace('()', '({ onTraceReady: () => process.exit(5) })')} p.stop();`,
        5,
      ],
    ];
    for (const [what, script, status] of ends) {
      it(`${what}: ends as without`, () => {
        const result = run(script);
        expect([result.status, result.signal], result.stderr).deep.equal([status, null]);
      });
    }

    it('a worker: others profile after it', () => {
      const result = run(`
        import { Worker } from 'node:worker_threads';
        import { once } from 'node:events';
        import * as torch from ${entry};
        const code = ${JSON.stringify(begin.replace(/^import .*?;/, ''))};
        const load = "import(" + ${JSON.stringify(entry)} + ").then((torch) => { " + code;
        for (const end of [' });', ' process.exit(); });', " throw new Error('mine'); });", ' setInterval(() => {}, 1e6); postMessage(1); });']) {
          const worker = new Worker("const { parentPort } = require('node:worker_threads'); const postMessage = (m) => parentPort.postMessage(m); " + load + end, { eval: true });
          worker.on('error', () => {});
          const over = new Promise((resolve) => worker.on('exit', resolve));
          worker.on('message', () => worker.terminate());
          await over;
          const profile = torch.profiler.profile(() => torch.ones([1]).add(1));
          console.log(profile.events().some(({ name }) => name === 'aten::add'));
        }`);
      expect([result.status, result.signal], result.stderr).deep.equal([0, null]);
      expect(result.stdout).equal('true\n'.repeat(4));
    });
  });

  it('refuses what it does not know', () => {
    for (const activities of [['gpu'], [], 'cpu', new Array(2 ** 32 - 1)]) {
      expect(refusalOf(() => new profiler.Profile({ activities: activities as never })).message).match(
        /^"activities" must be an array of one or more of "cpu" and "cuda", got /,
      );
    }
    if (!torch.cuda.isAvailable()) {
      const onGpu = new profiler.Profile({ activities: ['cuda'] });
      expect(refusalOf(() => onGpu.start()).code).equal('ERR_CUDA_UNAVAILABLE');
      expect(refusalOf(() => onGpu.stop()).code).equal('ERR_STATE');
    }
    for (const workerName of ['../up', 'a\\b', 'a\0']) {
      expect(refusalOf(() => profiler.tensorboardTraceHandler('runs', { workerName })).message).match(
        /^"workerName" must be a string without slashes or null, got /,
      );
    }
    expect(refusalOf(() => new profiler.Profile({ withStack: true } as never)).message).match(/withStack/);
    expect(refusalOf(() => profiler.profile(1 as never)).message).equal('"body" must be a function, got 1');
    expect(refusalOf(() => profiler.recordFunction(1 as never, () => 0)).code).equal('ERR_ARGUMENT');
    expect([...profiler.supportedActivities()]).deep.equal(torch.cuda.isAvailable() ? ['cpu', 'cuda'] : ['cpu']);
  });

  it('a region costs nothing that is seen without a session, and passes what its body throws', () => {
    expect(profiler.recordFunction('outside', () => 5)).equal(5);
    expect(() =>
      profiler.recordFunction('outside', () => {
        throw new Error('mine');
      }),
    ).throw('mine');
  });
});
