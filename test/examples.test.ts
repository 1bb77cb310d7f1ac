import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { color, lossChart, type Series } from '../examples/demo/charts.js';
import { lastMean, quantile } from '../examples/demo/statistics.js';
import { header, row } from '../examples/demo/table.js';
import { failures, type Row } from '../examples/outcomes/outcome.js';
import { textTable } from '../examples/text-table.js';

const root = fileURLToPath(new URL('..', import.meta.url));

// Examples use the built package, so they run in a process of their own: this one has loaded lib/ itself.
const run = (...args: string[]) =>
  execFileSync(process.execPath, ['--import', 'tsx', ...args], { cwd: root, encoding: 'utf8' });

describe('examples', function () {
  this.timeout(120_000); // processes of their own, on a machine that may be busy

  it('first-script: the fused step ends where clipGradNorm_ and a step end', () => {
    const losses = [...run('examples/first-script.ts').matchAll(/step: +loss (\S+)/g)].map(([, loss]) => loss);
    expect(losses).to.have.length(2);
    expect(losses[0]).to.equal(losses[1]);
    expect(Number(losses[0])).to.be.within(0.01, 1.5);
  });

  it('type-check in a strict project, with the declarations of the package itself', () => {
    const tsc = ['node_modules/typescript/bin/tsc', '--ignoreConfig', '--noEmit', '--strict'];
    const target = ['--target', 'es2023', '--module', 'nodenext', '--types', 'node'];
    const files = ['first-script.ts', 'demo/main.ts', 'outcomes/main.ts'].map((file) => `examples/${file}`);
    const { stdout } = spawnSync(process.execPath, [...tsc, ...target, ...files], { cwd: root, encoding: 'utf8' });
    expect(stdout).to.equal('');
  });
});

describe('the known outcomes', function () {
  this.timeout(120_000);

  /** The rows of each example of examples/outcomes at its quick size. */
  let failed: string[];
  let rows: Record<'heavyTails' | 'recall' | 'reddi', Row[]>;
  before(() => {
    const code = `import torch from 'torch-clip';
      import { heavyTails } from './examples/outcomes/heavy-tails.ts';
      import { failures } from './examples/outcomes/outcome.ts';
      import { recall } from './examples/outcomes/recall.ts';
      import { reddi } from './examples/outcomes/reddi.ts';
      torch.setNumThreads(1);
      const failed = [];
      const rows = ({ run, sizes, claims }) => {
        const rows = run(sizes.quick, () => {});
        failed.push(...failures(claims, rows));
        return rows;
      };
      const all = { heavyTails: rows(heavyTails), recall: rows(recall), reddi: rows(reddi) };
      console.log(JSON.stringify({ rows: all, failed }));`;
    ({ failed, rows } = JSON.parse(run('--input-type=module', '--eval', code)));
  });

  it("Reddi's problem: Adam and clipped SGD go to the maximum, AMSGrad, Expectigrad and SGD to the minimum", () => {
    const ends = rows.reddi.map((row) => [row.optimizer, row['x at the end']]);
    const { Adam, AMSGrad, Expectigrad, SGD, ...clipped } = Object.fromEntries(ends);
    expect(Adam).to.be.within(0.95, 1);
    expect(clipped['SGD, clip.norm(100)']).to.be.within(0.95, 1);
    expect(AMSGrad).to.be.within(-1, -0.95);
    expect(Expectigrad).to.be.within(-1, -0.7);
    expect(SGD).to.be.within(-1, -0.1);
  });

  it('heavy-tailed noise: clipping bounds it, and biases it where it is skewed', () => {
    const of = (noise: string, clipper: string, column: string) =>
      rows.heavyTails.find((row) => row.noise === noise && row.clipper === clipper)![column] as number;
    for (const noise of ['Weibull', 'Burr', 'Student t']) {
      expect(of(noise, 'clip.norm(10)', 'worst f')).to.be.below(of(noise, 'none', 'worst f') / 3);
    }
    const change = of('Gaussian', 'clip.norm(10)', 'worst f') / of('Gaussian', 'none', 'worst f');
    expect(change).to.be.within(0.8, 1.1);
    expect(of('Burr', 'clip.value(1)', 'mean f')).to.be.above(5 * of('Burr', 'none', 'mean f'));
  });

  it('recall of the first symbol: at chance without clipping, perfect with it', () => {
    const [none, norm] = rows.recall;
    expect(none!['highest accuracy']).to.be.below(0.3);
    expect(norm!['lowest accuracy']).to.be.above(0.99);
  });

  it('all that the examples claim holds at the quick size, too', () => expect(failed).to.deep.equal([]));

  it('a claim that does not hold is told, as is one about nothing', () => {
    const table = [
      { run: 'a', x: 1 },
      { run: 'b', x: Number.NaN },
    ];
    expect(failures([{ where: { run: 'a' }, column: 'x', above: 0, below: 2 }], table)).to.deep.equal([]);
    expect(failures([{ where: { run: 'a' }, column: 'x', above: 1, below: 2 }], table)).to.deep.equal([
      'a: x is 1, expected between 1 and 2',
    ]);
    expect(failures([{ where: {}, column: 'x', below: 2 }], table)).to.deep.equal([
      'each row: x is NaN, expected between -Infinity and 2',
    ]);
    expect(failures([{ where: { run: 'c' }, column: 'x', below: 2 }], table)).to.deep.equal(['c: no such row']);
  });

  it('the command prints what it computed, and refuses names that it does not know', () => {
    const main = (...args: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', 'examples/outcomes/main.ts', ...args], {
        cwd: root,
        encoding: 'utf8',
      });
    const { status, stdout } = main('reddi', '--quick');
    expect(stdout)
      .to.match(/^reddi: .*\n\noptimizer .* x at the end\n-+\nAdam /)
      .and.match(/All \d+ claims hold/);
    expect(status).to.equal(0);
    const refused = main('redi');
    expect(refused.stderr).to.equal('there is no example redi; there are heavy-tails, recall, reddi\n');
    expect(refused.status).to.equal(2);
  });
});

describe('the demo', function () {
  this.timeout(120_000);

  it('reads the same 8,000 and 2,000 digits each time, all ten of them in both', () => {
    const code = `import { loadDigits } from './examples/demo/digits.ts';
      const [a, b] = [loadDigits(), loadDigits()];
      const seen = (y) => [...new Set(y.tolist())].length;
      console.log(JSON.stringify({
        train: a.train.x.shape, test: a.test.x.shape, labels: [seen(a.train.y), seen(a.test.y)],
        range: [a.train.x.min().item(), a.train.x.max().item()],
        same: a.train.x.equal(b.train.x) && a.test.y.equal(b.test.y),
      }));`;
    expect(JSON.parse(run('--input-type=module', '--eval', code))).to.deep.equal({
      train: [8000, 28, 28],
      test: [2000, 28, 28],
      labels: [10, 10],
      range: [0, 1],
      same: true,
    });
  });

  it('counts, cuts and averages', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).to.equal(2.5);
    expect(quantile([7], 1)).to.equal(7);
    expect(quantile([], 0.5)).to.be.NaN;
    expect(lastMean([9, 1, 3], 2)).to.equal(2);
  });

  // A run that diverges to NaN half-way must not affect the others.
  const losses = Array.from({ length: 60 }, (_, i) => 2 / (i + 1));
  const series = (name: string, i: number, values: Partial<Series>): Series => {
    const run = { name, losses, norms: losses, tailRatio: 2, testLoss: 0.5, accuracy: 0.85, seconds: 1 };
    return { ...run, color: color(i), ...values };
  };
  const runs = [
    series('<none>', 0, { losses: losses.map((v, i) => (i > 30 ? Number.NaN : v)), norms: [1, Number.NaN] }),
    series('clip.norm(0.5)', 1, { clipLevel: 0.5 }),
  ];

  it('prints a table with one line per run', () => {
    const lines = textTable([header, ...runs.map(row)]).split('\n');
    expect(lines).to.have.length(4);
    expect(new Set(lines.map((line) => line.length)).size).to.equal(1);
    expect(lines[3]).to.match(/^clip\.norm\(0\.5\) .* 85\.0% /);
  });

  it('draws the curves for pages of either theme', async () => {
    const svg = await lossChart(runs);
    expect(svg).to.include('var(--run-0)').and.include('var(--ink)').and.not.include('NaN');
  });
});
