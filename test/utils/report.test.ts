import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { clip, nn, optim, utils } from '../../lib/index.js';
import { shortened } from '../../lib/utils/watch/chart.js';
import { scale } from '../../lib/utils/watch/scale.js';
import { logBins, quantile, rollingMean, tailShare } from '../../lib/utils/watch/statistics.js';
import { refusalOf } from '../support.js';

describe('utils.report', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-report-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const pageOf = (runs: Parameters<typeof utils.report>[0], options?: utils.ReportOptions) => {
    utils.report(runs, join(folder, 'report.html'), options);
    return readFileSync(join(folder, 'report.html'), 'utf8');
  };
  const verdictOf = (html: string) => /<p class="verdict">(.*?)<\/p>/.exec(html)![1]!;

  const losses = Array.from({ length: 60 }, (_, i) => 2 / (i + 1));
  const norm = losses.map((loss, i) => (i % 10 === 9 ? 50 : loss + (i % 3)));

  it('needs nothing but itself', () => {
    const html = pageOf(
      [
        {
          name: '<none>',
          loss: losses.map((v, i) => (i > 30 ? Number.NaN : v)),
          norm: norm.map((v) => (v > 40 ? Infinity : v)),
        },
        {
          name: 'clip.norm(0.5)',
          loss: losses,
          norm,
          threshold: 0.5,
          layers: { 'head.weight': norm, 'head."b"': losses.slice(0, 3) },
        },
      ],
      { title: 'a & b', about: 'x < y' },
    );
    expect(html).to.include('<title>a &amp; b</title>').and.include('&lt;none&gt;').and.include('x &lt; y');
    expect(html).to.include('clipped above 0.5').and.include('head.&quot;b&quot;');
    expect(html).not.to.match(/<script|@import|NaN|undefined|Infinity/);
    expect(html.match(/https?:/)).to.equal(null);
    expect([...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, target]) => target)).to.deep.equal(['data:,']);
    // Every picture says in words what it shows, once for each width of the page.
    const labels = [...html.matchAll(/<svg role="img" aria-label="([^"]+)"/g)].map(([, label]) => label!);
    expect(labels).to.have.length(html.match(/<svg/g)!.length);
    for (const label of new Set(labels)) expect(labels.filter((other) => other === label)).to.have.length(2);
  });

  it('says in a sentence what happened', () => {
    const clipped = norm.map((value) => value > 40);
    const cases: [utils.RunRecord[], RegExp][] = [
      [[{ name: 'a', loss: losses }], /^a: the loss went from 0\.36 to 0\.0401 in 60 steps\.$/],
      [
        [{ name: 'a', loss: losses, norm, clipped }],
        /, 10% of the steps were clipped, its norms have a heavy tail \(10% of them/,
      ],
      [[{ name: 'a', loss: losses, clipped: losses.map(() => false) }], /, no step was clipped\.$/],
      [[{ name: 'a', loss: [1, Number.NaN] }], /^a: the loss is not finite from step 2 on\.$/],
      [
        [
          { name: 'a', loss: losses },
          { name: 'b', loss: losses.map((x) => 2 * x), clipped },
        ],
        /^a has the lowest loss at the end, 0\.0401, against 0\.080\d for b\.$/,
      ],
      [
        [
          { name: 'a', loss: losses, clipped },
          { name: 'b', loss: [1, Infinity] },
        ],
        /^a has the lowest loss at the end, \S+; it clipped 10% of its steps; the loss of b stopped being finite\.$/,
      ],
      [
        [
          { name: 'a', loss: [Number.NaN] },
          { name: 'b', loss: [Infinity] },
        ],
        /^Every run ends with a loss that is not finite: a, b\.$/,
      ],
    ];
    for (const [runs, says] of cases) expect(verdictOf(pageOf(runs))).to.match(says);
  });

  it('draws runs of any numbers', () => {
    const numbers = fc.array(fc.oneof(fc.double(), fc.constantFrom(0, 1, Number.NaN, Infinity, -Infinity)), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(numbers, fc.boolean()), { minLength: 1, maxLength: 3 }), (lists) => {
        const runs = lists.map(([loss, hasNorms], i) => ({
          name: `run ${i}`,
          loss,
          ...(hasNorms && { norm: loss, threshold: loss, layers: { a: loss, b: [0] } }),
        }));
        const html = pageOf(runs);
        expect(html).not.to.match(/NaN|undefined|="-?Infinity/);
      }),
      { numRuns: 60 },
    );
  });

  it('stays small for a long run', () => {
    const long = Array.from({ length: 300_000 }, (_, i) => 1 + Math.sin(i / 1000) + (i === 150_000 ? 100 : 0));
    const html = pageOf({ name: 'long', loss: long, norm: long });
    expect(html.length).to.be.below(300_000);
  });

  it('shows a run that goes on after an interruption as one', () => {
    const where = join(folder, 'resumed');
    const write = (firstStep: number | undefined, losses: readonly number[]) => {
      using log = new utils.RunLog(where, { ...(firstStep !== undefined && { firstStep }) });
      for (const loss of losses) log.step(loss);
    };
    write(undefined, [1, 2, 3, 4, 5]);
    write(4, [14, 15, 16]);
    expect(utils.tensorboard.readScalars(where).loss).to.deep.include({
      steps: [1, 2, 3, 4, 5, 6],
      values: [1, 2, 3, 14, 15, 16],
    });
    expect(refusalOf(() => new utils.RunLog(where, { firstStep: -1 })).code).to.equal('ERR_ARGUMENT');
  });

  it('reads what a RunLog has written', () => {
    torch.manualSeed(0);
    const model = new nn.Linear(4, 1);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, clip: clip.norm(0.5) });
    {
      using log = new utils.RunLog(join(folder, 'runs', 'one'), { optimizer, model, layersEvery: 2 });
      for (let i = 0; i < 5; i++) {
        optimizer.zeroGrad();
        const loss = model
          .forward(torch.ones([2, 4]))
          .sum()
          .square();
        loss.backward();
        optimizer.step();
        log.step(loss);
      }
      log.step(7, 10);
    }
    const scalars = utils.tensorboard.readScalars(join(folder, 'runs', 'one'));
    expect(scalars.loss!.steps).to.deep.equal([1, 2, 3, 4, 5, 10]);
    expect(scalars['layers/weight']!.steps).to.deep.equal([1, 3, 5]);
    const { norm: weight } = { norm: scalars['layers/weight']!.values[2]! };
    const bias = scalars['layers/bias']!.values[2]!;
    expect(scalars['clip/norm']!.values[4]!).to.be.closeTo(Math.hypot(weight, bias), 1e-5);
    expect(new Set(scalars['clip/threshold']!.values)).to.deep.equal(new Set([0.5]));
    const html = pageOf(join(folder, 'runs'));
    expect(html).to.include('>one</th>').and.include('Layers of one in numbers');
  });

  it('writes the norms of a run without a clipper, where it knows the model', () => {
    const model = new nn.Linear(2, 1);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    using log = new utils.RunLog(join(folder, 'plain'), { optimizer, model });
    const loss = model.forward(torch.tensor([[3, 4]])).sum();
    loss.backward();
    optimizer.step();
    log.step(loss);
    const { 'clip/norm': norm, 'clip/clipped': clipped } = utils.tensorboard.readScalars(join(folder, 'plain'));
    expect(norm!.values[0]).to.be.closeTo(Math.sqrt(26), 1e-5);
    expect(clipped).to.equal(undefined);
  });

  it('refuses bad arguments, and writes nothing then', () => {
    const bad: [unknown, RegExp][] = [
      [[], /^"runs" must be a folder, a record or an array of them/],
      [5, /^"runs" must be a path/],
      [[{ name: 1, loss: [1] }], /^"runs\[0\].name" must be a string/],
      [[{ name: 'a' }], /^"runs\[0\].loss" must be an array of numbers/],
      [[{ name: 'a', loss: [] }], /^"runs\[0\].loss" must have at least one element/],
      [[{ name: 'a', loss: [1, 'x'] }], /^"runs\[0\].loss" must be an array of numbers/],
      [[{ name: 'a', loss: [1], norm: [1, 2] }], /^"runs\[0\].norm" must have 1 elements, as the loss has, got 2/],
      [[{ name: 'a', loss: [1], threshold: 'x' }], /^"runs\[0\].threshold" must be an array of numbers/],
      [[{ name: 'a', loss: [1], layers: [1] }], /^"runs\[0\].layers" must be an object/],
      [[{ name: 'a', loss: [1], results: { x: null } }], /^"runs\[0\].results.x" must be a string or a number/],
      [folder, /holds no event file with a loss in it$/],
      [join(folder, 'none'), /there is no such file or folder/],
    ];
    for (const [runs, says] of bad) {
      expect(refusalOf(() => utils.report(runs as never, join(folder, 'bad.html'))).message).to.match(says);
    }
    expect(
      refusalOf(() => utils.report({ name: 'a', loss: [1] }, join(folder, 'bad.html'), { titel: 'x' } as never))
        .message,
    ).to.include('did you mean "title"');
    expect(existsSync(join(folder, 'bad.html'))).to.equal(false);
    const log = () => new utils.RunLog(join(folder, 'log'), { model: 5 as never });
    expect(refusalOf(log).message).to.equal('"model" must be a Module, got 5');
    expect(refusalOf(() => new utils.RunLog(join(folder, 'log')).step('x' as never)).message).to.match(
      /^"loss" must be a number/,
    );
  });
});

describe("the report's numbers", () => {
  it('name layers by what tells them apart', () => {
    const names = ['model.h.0.attn.weight', 'model.h.0.attn.bias', 'model.h.11.mlp.weight'];
    expect(shortened(names, 30)).to.deep.equal(names);
    expect(shortened(names, 14)).to.deep.equal(['0.attn.weight', '0.attn.bias', '11.mlp.weight']);
    expect(shortened(names, 10)).to.deep.equal(['0....eight', '0.....bias', '11...eight']);
    expect(shortened(['a.b.weight', 'a.weight'], 8)).to.deep.equal(['b.weight', 'weight']);
    expect(shortened(['a.b', 'a'], 2)).to.have.length(2);
    expect(shortened(['encoder.weight'], 8)).to.deep.equal(['weight']);
  });

  it('are counted, averaged and cut', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).to.equal(2.5);
    expect(rollingMean([1, Number.NaN, 3, 5], 2)).to.deep.equal([1, 1, 3, 4]);
    expect(tailShare([...Array(99).fill(1), 50])).to.equal(0.01);
    expect(logBins([1, 1.5, 20, 0, Number.NaN, Number.POSITIVE_INFINITY], 1)).to.deep.equal([
      { from: 1, to: 10, count: 2 },
      { from: 10, to: 100, count: 1 },
    ]);
  });

  it('have round ticks within their range, and few of them', () => {
    const range = fc.tuple(
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      fc.double({ min: 1.001, max: 1e9, noNaN: true }),
    );
    fc.assert(
      fc.property(range, fc.boolean(), fc.integer({ min: 3, max: 8 }), ([low, times], isLog, count) => {
        const axis = scale([low, low * times], 0, 100, isLog);
        const ticks = axis.ticks(count);
        expect(ticks.length).to.be.within(1, 2 * count + 2);
        for (const tick of ticks) {
          expect(tick).to.be.within(low * (1 - 1e-6), low * times * (1 + 1e-6));
          expect(axis.at(tick)).to.be.within(-0.01, 100.01);
        }
      }),
    );
  });
});
