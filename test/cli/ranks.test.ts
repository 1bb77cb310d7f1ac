// `torch-clip run`: the processes that it starts, and how their ends become its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Ended, started } from './run.js';

describe('torch-clip run', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-run-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A script of plain Node.js, without libtorch; `e` is its environment. */
  const script = (name: string, text: string): string => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, `const e = process.env;\n${text}`);
    return path;
  };
  // As it is installed: it loads the whole package.
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const run = (...args: string[]) => started([main, 'run', ...args], process.env);
  const lines = ({ stdout }: Ended) => stdout.trimEnd().split('\n').sort();
  const wait = 'setInterval(() => {}, 1000);';

  it('tells each rank who it is, hands on its arguments, and names it before its lines', async () => {
    const names =
      'RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK MASTER_ADDR TORCHELASTIC_USE_AGENT_STORE OMP_NUM_THREADS';
    const print = script(
      'print',
      `console.log(JSON.stringify(['${names.replaceAll(' ', "', '")}'].map((n) => e[n]).concat(process.argv.slice(2))));
       if (!(e.MASTER_PORT > 0)) throw new Error(e.MASTER_PORT);`,
    );
    const threads = process.env.OMP_NUM_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / 3)));
    // As torchrun takes them, too: each spelling is left alone behind the script.
    const spellings = [
      ['--nproc-per-node', '3'],
      ['--standalone', '--nproc_per_node=3', '--max_restarts', '0'],
    ];
    for (const options of spellings) {
      const ended = await run(...options, print, '--nproc_per_node', 'x').ended;
      expect([ended.status, ended.stderr]).deep.equal([
        0,
        "torch-clip run: --nproc_per_node is the script's own behind its name; what the launcher takes comes before\n",
      ]);
      expect(lines(ended)).deep.equal(
        ['0', '1', '2'].map((rank) => {
          const values = [rank, rank, '3', '3', '0', '127.0.0.1', 'True', threads, '--nproc_per_node', 'x'];
          return `[rank ${rank}] ${JSON.stringify(values)}`;
        }),
      );
    }
  });

  it('ends all when one fails, with its exit code and its last lines', async () => {
    const fail = script(
      'fail',
      `process.on('SIGTERM', () => { console.log('asked'); process.exit(0); });
       if (e.RANK === '1') { setTimeout(() => { console.error('the reason'); process.exit(7); }, 300); }
       ${wait}`,
    );
    const ended = await run('--nproc-per-node', '3', fail).ended;
    expect(ended.status).equal(7);
    expect(lines(ended)).deep.equal(['[rank 0] asked', '[rank 2] asked']);
    expect(ended.stderr).match(
      /^\[rank 1\] the reason\ntorch-clip run: rank 1 \(process \d+\) ended with exit code 7; all ranks are ended\ntorch-clip run: its last lines were\n {2}the reason\n$/,
    );
  });

  it('kills what does not end, and tells a signal from an exit code', async () => {
    const stubborn = script(
      'stubborn',
      `process.on('SIGTERM', () => {});
       if (e.RANK === '0') process.kill(process.pid, 'SIGKILL');
       ${wait}`,
    );
    const ended = await run('--nproc-per-node', '2', '--grace', '1', stubborn).ended;
    expect(ended.status).equal(137);
    expect(ended.stderr).match(
      /^torch-clip run: rank 0 \(process \d+\) ended with signal SIGKILL; all ranks are ended\n$/,
    );
  });

  it('starts all ranks again, each time in another place', async () => {
    const again = script(
      'again',
      `console.log(e.TORCHELASTIC_RESTART_COUNT, e.MASTER_PORT);
       if (e.TORCHELASTIC_RESTART_COUNT !== '2' && e.RANK === '1') process.exit(1);`,
    );
    const ended = await run('--nproc-per-node', '2', '--max-restarts', '2', '--no-prefix', again).ended;
    expect(ended.status, ended.stderr).equal(0);
    const attempts = new Map(lines(ended).map((line) => line.split(' ') as [string, string]));
    expect([...attempts.keys()].sort()).deep.equal(['0', '1', '2']);
    expect(new Set(attempts.values()).size).above(1);
    expect(ended.stderr).match(
      /ended with exit code 1; starting all ranks again \(1 of 2\)\n.*starting all ranks again \(2 of 2\)\n$/,
    );
  });

  it('passes a signal on, and ends as the ranks do', async () => {
    const polite = script(
      'polite',
      `process.on('SIGINT', () => { console.log('interrupted'); process.exit(5); });
       console.log('ready');
       ${wait}`,
    );
    const { pid, ended, stdout } = run('--nproc-per-node', '2', polite);
    let ready = 0;
    stdout.on('data', (text) => {
      ready += String(text).match(/ready/g)?.length ?? 0;
      if (ready === 2) process.kill(pid, 'SIGINT');
    });
    const result = await ended;
    expect(result.status).equal(5);
    expect(lines(result)).deep.equal([
      '[rank 0] interrupted',
      '[rank 0] ready',
      '[rank 1] interrupted',
      '[rank 1] ready',
    ]);
  });

  const refused: [string[], string][] = [
    [['--nproc-per-node', '0', 'a.js'], '"--nproc-per-node" must be an integer >= 1, got "0" (ERR_ARGUMENT)'],
    [['--max-restarts', '-1', 'a.js'], '"--max-restarts" must be an integer >= 0, got "-1" (ERR_ARGUMENT)'],
    [
      ['--nnodes', '2', 'a.js'],
      '"--rdzv-endpoint" must be the host and port of one of the nodes, such as node0:29400, got "" (ERR_ARGUMENT)',
    ],
    [
      ['--nnodes', '2', '--node-rank', '2', 'a.js'],
      '"--node-rank" must be an integer from 0 to 1, got 2 (ERR_ARGUMENT)',
    ],
  ];
  it('refuses what makes no sense', async () => {
    for (const [args, message] of refused) {
      const { status, stderr } = await run(...args).ended;
      expect([status, stderr]).deep.equal([1, `torch-clip: ${message}\n`]);
    }
  });
  it('is one machine or several', async () => {
    const { status, stderr } = await run('--standalone', '--nnodes', '2', 'a.js').ended;
    expect(status).equal(1);
    expect(stderr).match(/^error: option '--standalone' cannot be used with option '--nnodes <n>'/);
  });
  it('says that a program cannot be started', async () => {
    const { status, stderr } = await run('--exec', join(folder, 'nothing')).ended;
    expect(status).equal(127);
    expect(stderr).match(
      /^torch-clip run: rank 0 \(process none\) ended with an error before it ran: .*ENOENT; all ranks are ended\n$/,
    );
  });
});
