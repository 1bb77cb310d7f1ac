import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const suite = fileURLToPath(new URL('../fixtures/data/workers.suite.mjs', import.meta.url));
const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

interface Report {
  stats: { passes: number; failures: number };
  failures: { fullTitle: string; err: { message: string; stack: string } }[];
}

describe('DataLoader with workers', () => {
  it('passes its suite, in a process in which nothing but the built package is loaded', function () {
    this.timeout(1_200_000);
    const args = [mocha, '--no-config', '--reporter', 'json', suite];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      maxBuffer: 1e8,
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stdout, stderr).to.match(/^\{/m);
    const { stats, failures } = JSON.parse(stdout.slice(stdout.search(/^\{/m))) as Report;
    expect(failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.stack ?? err.message}`)).to.deep.equal([]);
    expect(stats.passes).to.be.greaterThan(25);
  });
});
