import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import torch, { clip, data, nn, optim, utils } from '../../lib/index.js';
import { failure } from '../setup/fixture.js';
import { refusalOf } from '../support.js';

/** A stream that keeps what is written to it, as a terminal or not. */
function stream(isTTY = false) {
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  return {
    stream: { write, isTTY, columns: 80, on() {}, removeListener() {} } as never as NodeJS.WriteStream,
    written,
  };
}

describe('utils.progress', () => {
  const loader = () => new data.DataLoader(new data.TensorDataset(torch.arange(10)), { batchSize: 3 });

  it('gives what it loops over, and a line at the end where the output is not a terminal', () => {
    const { stream: s, written } = stream();
    const bar = utils.progress(loader(), { label: 'epoch 1', stream: s });
    const sizes: number[] = [];
    for (const [x] of bar) {
      sizes.push(x!.shape[0]!);
      bar.set({ loss: 2 ** -sizes.length, lr: torch.tensor(0.5), phase: 'train' });
    }
    expect(sizes).to.deep.equal([3, 3, 3, 1]);
    expect(written).to.have.length(1);
    expect(written[0]).to.match(/^epoch 1 {2}4\/4 {2}loss 0\.234 {2}lr 0\.5 {2}phase train {2}\d+\.\d s\n$/);
  });

  it('goes on in the middle of a loop', () => {
    const { stream: s, written } = stream();
    const source = loader();
    for (const _ of source) break;
    const again = loader();
    again.loadStateDict(source.stateDict());
    for (const _ of utils.progress(again, { initial: again.stateDict().yielded, stream: s }));
    expect(written[0]).to.match(/^4\/4 {2}/);
  });

  for (const isTTY of [false, true]) {
    it(`learns with the first batch how many there will be (${isTTY ? 'terminal' : 'pipe'})`, () => {
      const { stream: s, written } = stream(isTTY);
      let begun = false;
      const source = {
        get length() {
          if (!begun) throw new Error('not loaded');
          return 3;
        },
        *[Symbol.iterator]() {
          begun = true;
          yield* [1, 2, 3];
        },
      };
      let sum = 0;
      for (const x of utils.progress(source, { stream: s })) sum += x;
      expect(sum).to.equal(6);
      expect(written.join('')).to.include('3/3');
    });
  }

  it('writes a line per interval', () => {
    const { stream: s, written } = stream();
    let sum = 0;
    for (const x of utils.progress([1, 2, 3], { interval: 1e-9, stream: s })) sum += x;
    expect(sum).to.equal(6);
    expect(written.map((line) => line.split('  ')[0])).to.deep.equal(['1/3', '2/3', '3/3', '3/3']);
  });

  it('says that a loop ended early, and ends its source', () => {
    const { stream: s, written } = stream();
    let ended = false;
    function* source() {
      try {
        for (;;) yield 1;
      } finally {
        ended = true;
      }
    }
    for (const _ of utils.progress(source(), { stream: s })) break;
    expect(ended).to.equal(true);
    expect(written).to.have.length(1);
    expect(written[0]).to.match(/^0 {2}.* s {2}ended early\n$/);
  });

  it('waits for what comes later', async () => {
    const { stream: s, written } = stream();
    async function* source() {
      yield 1;
      yield 2;
    }
    const seen: number[] = [];
    for await (const x of utils.progress(source(), { total: 2, stream: s })) seen.push(x);
    expect(seen).to.deep.equal([1, 2]);
    expect(written[0]).to.match(/^2\/2/);
    expect((await failure(() => [...utils.progress(source(), { stream: s })])).message).to.include('"for await"');
  });

  it("shows an optimizer's norm and clip rate", () => {
    const { stream: s, written } = stream();
    const parameter = new nn.Parameter(torch.ones([2]));
    const optimizer = new optim.SGD([parameter], { lr: 0.1, clip: clip.norm(1) });
    for (const _ of utils.progress([1], { optimizer, stream: s })) {
      parameter.grad = torch.tensor([3, 4]);
      optimizer.step();
    }
    expect(written[0]).to.match(/norm 5 {2}clipped 100% /);
  });

  it('draws a bar on a terminal, in which the cursor stays visible also when it is interrupted', function () {
    if (spawnSync('script', ['--version']).status !== 0) return this.skip();
    this.timeout(60_000);
    const code = `
      import { utils } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      const bar = utils.progress(Array.from({ length: 50 }), { label: 'go' });
      let i = 0;
      for (const _ of bar) { bar.set({ loss: 1 }); if (i++ === 30) process.kill(process.pid, 'SIGINT'); const end = Date.now() + 5; while (Date.now() < end); }`;
    const command = `${process.execPath} --input-type=module -e '${code.replaceAll("'", `'"'"'`)}'`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    expect(stdout).to.match(/go \S+ \d+\/50/);
    expect(stdout).not.to.include('\u001b[?25l');
    expect(stdout).not.to.include('50/50');
  });

  it('refuses bad arguments', () => {
    expect(refusalOf(() => utils.progress(5 as never)).message).to.equal('"iterable" must be an iterable, got 5');
    expect(refusalOf(() => utils.progress([], { total: -1 })).code).to.equal('ERR_ARGUMENT');
    const bar = utils.progress([1], { stream: stream().stream });
    expect(refusalOf(() => bar.set({ x: {} as never })).message).to.equal(
      '"values.x" must be a string, a number, or a tensor of one, got an object',
    );
  });
});
