// Ranks that are killed again and again, and start again from the last checkpoint: the result is that of a run that nobody disturbs.
//   TORCH_CLIP_TEST_KILLS=200 npx mocha test/long/distributed/restarts.ts
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { started } from '../../cli/run.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const [main, program] = [path('../../../dist/cli/main.js'), path('programs/resuming.ts')];
const loader = path('../../../node_modules/tsx/dist/loader.mjs');
const kills = Number(process.env.TORCH_CLIP_TEST_KILLS ?? 10);
// Somebody dies in every sixth step, until that often.
const steps = 20 * kills;

interface End {
  attempt: number;
  losses: number[];
  parameters: number[];
}

describe('training with restarts', function () {
  this.timeout(7_200_000);
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-restarts-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const train = async (name: string, deaths: number, who: 'first' | 'shared'): Promise<End> => {
    const options = ['--nproc-per-node', '2', '--max-restarts', String(kills), '--grace', '2'];
    const script = [program, join(folder, name), String(steps), String(deaths), who];
    const run = started([main, 'run', ...options, '--exec', process.execPath, '--import', loader, ...script], {
      ...process.env,
      GLOO_SOCKET_IFNAME: 'lo',
    });
    const { status, stderr } = await run.ended;
    expect(status, stderr.slice(-2000)).equal(0);
    return JSON.parse(readFileSync(`${join(folder, name)}.json`, 'utf8')) as End;
  };

  for (const [who, title] of [
    ['first', 'ends with the same bits, however often ranks are killed'],
    ['shared', 'does so where ranks share the optimizer and the checkpoints'],
  ] as const) {
    it(title, async () => {
      const undisturbed = await train(`peace, ${who}`, 0, who);
      const killed = await train(`kills, ${who}`, kills, who);
      expect([undisturbed.attempt, killed.attempt]).deep.equal([0, kills]);
      expect(killed.parameters).deep.equal(undisturbed.parameters);
      expect(killed.losses).length(steps);
      expect(killed.losses).deep.equal(undisturbed.losses);
    });
  }
});
