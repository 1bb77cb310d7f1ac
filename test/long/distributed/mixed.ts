// Ranks of Node.js and of Python in one group: the same values on both sides, whoever is rank 0.
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Job } from '../../distributed/processes.js';
import { localBuild } from '../../setup/fixture.js';

const program = fileURLToPath(new URL('mixed.py', import.meta.url));
// The wheel that the package uses holds PyTorch's Python part too, where it came from pip.
const env = { ...process.env, PYTHONPATH: dirname(localBuild().libtorch.root) };
const hasPython = spawnSync('python3', ['-c', 'import torch.distributed'], { env }).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What the ranks answer: each position of `languages` is a rank. */
async function answers(languages: string, settings: { tcp: boolean }): Promise<unknown[][]> {
  const meet = settings.tcp ? `tcp://127.0.0.1:${await freePort()}` : undefined;
  const job = new Job(
    languages.length,
    'mixed',
    {},
    (rank) => (languages[rank] === 'p' ? ['python3', program] : undefined),
    { PYTHONPATH: env.PYTHONPATH, ...(meet === undefined ? {} : { MEET: meet }) },
  );
  return (await job.ended()).map(({ code, sent, stdout, stderr }, rank) => {
    expect(code, `rank ${rank} of ${languages}: ${stderr}`).equal(0);
    return (languages[rank] === 'p' ? JSON.parse(stdout.trim().split('\n').at(-1)!) : sent[0]) as unknown[];
  });
}

describe('a group of Node.js and Python', function () {
  this.timeout(300_000);
  before(function () {
    if (!hasPython) this.skip();
  });

  for (const [languages, others, tcp] of [
    ['np', 'pn', true],
    ['pn', 'np', false],
    ['npn', 'pnp', true],
    ['pnnp', 'nnnn', true],
  ] as const) {
    it(`gives the same in the order ${languages} as in ${others}`, async () => {
      const [mixed, turned] = [await answers(languages, { tcp }), await answers(others, { tcp })];
      for (const [rank, one] of mixed.entries()) {
        expect(one.length).above(15);
        // To rounding: the languages write out the layers' numbers in different ways.
        const [a, b] = [one, turned[rank]!].map((list) => list.flat(9) as number[]);
        expect(a!.length).equal(b!.length);
        a!.forEach((x, i) => void expect(x, `number ${i} of rank ${rank}`).closeTo(b![i]!, 1e-6));
      }
    });
  }
});
