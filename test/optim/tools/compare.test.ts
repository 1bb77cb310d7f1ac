import { expect } from 'chai';
import torch, { clip, data, nn, optim, type Tensor } from '../../../lib/index.js';
import { refusalOf } from '../../support.js';
import { bits } from '../support.js';

const x = torch.randn([12, 3], { generator: new torch.Generator().manualSeed(1) });
const y = x.sum({ dim: 1, keepdim: true });
const dataset = new data.TensorDataset(x, y);
type Batch = [Tensor, Tensor];

class Net extends nn.Module {
  fc = new nn.Linear(3, 4);
  drop = new nn.Dropout(0.5);
  out = new nn.Linear(4, 1);

  override forward(x: Tensor): Tensor {
    return this.out.forward(this.drop.forward(this.fc.forward(x)));
  }
}

const error = (model: Net, [input, target]: Batch) => model.forward(input).sub(target).pow(2).mean();
const sgd = (options: object) => (params: Tensor[]) => new optim.SGD(params, { lr: 0.1, ...options });

const setting = {
  model: () => new Net(),
  optimizers: { plain: sgd({}), again: sgd({}), clipped: sgd({ clip: clip.norm(0.1) }) },
  data: () => new data.DataLoader(dataset, { batchSize: 5, shuffle: true }) as Iterable<Batch>,
  loss: error,
  epochs: 2,
};

describe('optim.compare', () => {
  it('gives every optimizer the same weights, batches and random numbers', () => {
    const weights: string[][] = [];
    const seen: string[] = [];
    const watched = (options: object) => (params: Tensor[]) => {
      weights.push(params.map(bits));
      return sgd(options)(params);
    };
    const runs = optim.compare({
      ...setting,
      optimizers: { plain: watched({}), still: watched({ lr: 0 }) },
      loss: (model: Net, batch) => {
        seen.push(bits(batch[0]));
        return error(model, batch);
      },
    });
    expect(weights[0]).deep.equal(weights[1]);
    expect(seen).length(12);
    expect(seen.slice(0, 6)).deep.equal(seen.slice(6));
    expect(new Set(seen).size).equal(6);
    expect(runs.plain.losses[0]).equal(runs.still.losses[0]);
    expect(runs.plain.losses[1]).not.equal(runs.still.losses[1]);
  });

  it('gives equal optimizers equal runs, and is what the loop by hand gives', () => {
    const { plain, again, clipped } = optim.compare({ ...setting, seed: 7 });
    for (const key of ['losses', 'gradientNorms', 'coefficients', 'skipped'] as const) {
      expect(again[key]).deep.equal(plain[key]);
    }
    torch.manualSeed(7);
    const model = new Net();
    const optimizer = sgd({ clip: clip.norm(0.1) })(model.parameters());
    torch.manualSeed(7);
    const losses: number[] = [];
    const norms: number[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      for (const batch of setting.data()) {
        optimizer.zeroGrad();
        const loss = error(model, batch);
        loss.backward();
        losses.push(loss.item());
        norms.push(nn.utils.getTotalNorm(model.parameters().map((p) => p.grad!)).item());
        optimizer.step();
      }
    }
    expect(clipped.losses).deep.equal(losses);
    expect(clipped.gradientNorms).deep.equal(norms);
  });

  it('records plain data: one entry per step, one metric per epoch', () => {
    const modes: boolean[] = [];
    const runs = optim.compare({
      ...setting,
      optimizers: { ...setting.optimizers, layers: sgd({ clip: clip.layerwise(0.1) }) },
      metric: (model: Net) => {
        modes.push(model.training, torch.isGradEnabled());
        return model.forward(x).sub(y).abs().max().item();
      },
    });
    expect(Object.keys(runs)).deep.equal(['plain', 'again', 'clipped', 'layers']);
    expect(modes).deep.equal(new Array(16).fill(false));
    for (const run of Object.values(runs)) {
      expect([run.losses, run.gradientNorms, run.coefficients, run.metrics].map((l) => l.length)).deep.equal([
        6, 6, 6, 2,
      ]);
      expect(run.seconds).above(0);
      expect(run.skipped).equal(0);
      expect(JSON.parse(JSON.stringify(run))).deep.equal(run);
    }
    expect(runs.plain.coefficients).deep.equal([1, 1, 1, 1, 1, 1]);
    runs.clipped.coefficients.forEach((c, i) => {
      expect(c).closeTo(Math.min(1, 0.1 / runs.clipped.gradientNorms[i]!), 1e-5);
    });
    expect(runs.layers.coefficients[0]).length(4);
  });

  const sources: [string, () => Iterable<Batch> | (() => Iterable<Batch>)][] = [
    ['an array', () => [[x, y] as Batch, [x.neg(), y] as Batch]],
    ['a function', () => () => [[x, y] as Batch]],
    ['a loader', () => new data.DataLoader(dataset, { batchSize: 4, shuffle: true }) as Iterable<Batch>],
    [
      'a loader with a generator of its own',
      () =>
        new data.DataLoader(dataset, {
          batchSize: 4,
          shuffle: true,
          generator: new torch.Generator(),
        }) as Iterable<Batch>,
    ],
    [
      'a sampler with a generator of its own',
      () => {
        const sampler = new data.RandomSampler(dataset, { generator: new torch.Generator() });
        return new data.DataLoader(dataset, { batchSize: 4, sampler }) as Iterable<Batch>;
      },
    ],
  ];
  for (const [name, source] of sources) {
    it(`takes ${name}, again and again`, () => {
      const options = { ...setting, data: source() };
      const first = optim.compare(options);
      expect(first.again.losses).deep.equal(first.plain.losses);
      expect(optim.compare(options).plain.losses).deep.equal(first.plain.losses);
    });
  }

  it('stops after the steps asked for, within an epoch or over several', () => {
    const metric = () => 1;
    for (const [steps, epochs] of [
      [1, 1],
      [3, 1],
      [7, 3],
    ] as const) {
      const { plain } = optim.compare({ ...setting, epochs: undefined, steps, metric });
      expect([plain.losses.length, plain.metrics.length]).deep.equal([steps, epochs]);
    }
  });

  it('leaves the global generator as it was', () => {
    const state = bits(torch.getRngState());
    optim.compare(setting);
    expect(bits(torch.getRngState())).equal(state);
    const broken = () => {
      throw new Error('boom');
    };
    expect(() => optim.compare({ ...setting, loss: broken })).throw('boom');
    expect(bits(torch.getRngState())).equal(state);
  });

  it('uses the first weights where the model draws from elsewhere', () => {
    let made = 0;
    const model = () => {
      const net = new Net();
      torch.noGrad(() => net.fc.weight.fill_(made++));
      return net;
    };
    const { plain, again } = optim.compare({ ...setting, model });
    expect(again.losses).deep.equal(plain.losses);
  });

  it('records losses that are not finite and goes on', () => {
    const bad = [1, 3, 4, 5];
    let step = 0;
    const runs = optim.compare({
      ...setting,
      optimizers: {
        skips: sgd({ clip: clip.norm(1) }),
        givesUp: sgd({ clip: clip.norm(1), maxConsecutiveSkips: 1 }),
        refuses: sgd({ nonFinite: 'error' }),
        spreads: sgd({}),
      },
      loss: (model: Net, batch) => error(model, batch).mul(bad.includes(step++ % 6) ? Number.NaN : 1),
    });
    for (const name of ['skips', 'givesUp', 'refuses'] as const) {
      expect(runs[name].losses.map(Number.isNaN), name).deep.equal([false, true, false, true, true, true]);
      expect(runs[name].skipped, name).equal(4);
    }
    expect(runs.skips.coefficients.map((c) => c === 0)).deep.equal([false, true, false, true, true, true]);
    expect(runs.spreads.losses.map(Number.isNaN)).deep.equal([false, true, true, true, true, true]);
    expect(runs.spreads.skipped).equal(0);
  });

  it('switches optimizers that keep other weights for evaluation', () => {
    const calls: string[] = [];
    class Averaging extends optim.SGD {
      train() {
        calls.push('train');
      }
      eval() {
        calls.push('eval');
      }
    }
    const metric = () => calls.push('metric');
    optim.compare({ ...setting, epochs: 1, optimizers: { a: (params: Tensor[]) => new Averaging(params) }, metric });
    expect(calls).deep.equal(['eval', 'metric', 'train']);
  });

  const once = [[x, y] as Batch].values();
  const refused: [string, object, RegExp][] = [
    ['no model', { model: undefined }, /"model" must be a function that returns a Module, got undefined/],
    ['a model that is none', { model: () => 1 }, /"model" must be a function that returns a Module, got 1/],
    ['no optimizers', { optimizers: {} }, /"optimizers" must be an object of functions/],
    ['an optimizer for its factory', { optimizers: { a: 1 } }, /"optimizers\.a" must be a synchronous function, got 1/],
    [
      'what makes no optimizer',
      { optimizers: { a: () => 1 } },
      /"optimizers\.a" must be a function that returns an Opti/,
    ],
    ['no data', { data: undefined }, /"data" must be an iterable of batches, or a function/],
    ['data that give nothing', { data: [] }, /got none in epoch 0 of "plain"/],
    ['data that can be read once', { data: once }, /got none in epoch 1 of "plain"/],
    ['no loss', { loss: undefined }, /"loss" must be a synchronous function, got undefined/],
    ['no end', { epochs: undefined }, /compare\(\) needs "epochs" or "steps"/],
    ['two ends', { steps: 3 }, /"epochs" and "steps" of compare\(\) cannot be combined/],
    ['no epochs', { epochs: 0 }, /"epochs" must be an integer >= 1, got 0/],
    ['half a step', { epochs: undefined, steps: 0.5 }, /"steps" must be an integer >= 1, got 0\.5/],
    ['a seed', { seed: 'a' }, /"seed" must be an integer of 64 bits, got "a"/],
    ['a metric that is none', { metric: () => 'a' }, /"metric" must be a function that returns a number, got "a"/],
    ['a loss that is none', { loss: () => 1 }, /"the result of loss" must be a Tensor of one element, got 1/],
    ['an unknown option', { epoch: 1 }, /unknown option "epoch" of compare\(\); did you mean "epochs"\?/],
  ];
  for (const [name, change, message] of refused) {
    it(`refuses ${name}`, () => {
      const thrown = refusalOf(() => optim.compare({ ...setting, ...change } as typeof setting));
      expect(thrown.code).equal('ERR_ARGUMENT');
      expect(thrown.message).match(message);
    });
  }
});
