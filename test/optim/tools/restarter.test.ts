import { expect } from 'chai';
import torch, { clip, nn, optim, type Tensor } from '../../../lib/index.js';
import { refusalOf } from '../../support.js';
import { bits, snapshot } from '../support.js';

type Values = Float64Array<ArrayBuffer>;
const values = (t: Tensor) => [...t.detach().to(torch.float64).toTypedArray<Values>()];
const start = (dtype = torch.float64) => torch.tensor([1, -2, 3], { dtype, requiresGrad: true });

/** A step on ½‖x - t‖², whose minimum moves with t. */
function step(param: Tensor, restarter: optim.Restarter, t: number): void {
  param.grad = param.detach().sub(t % 5);
  restarter.step();
}

function make(param: Tensor, options: Partial<optim.RestarterOptions> = {}): optim.Restarter {
  const optimizer = new optim.SGD([param], { lr: 0.1, momentum: 0.9, clip: clip.norm(2) });
  return new optim.Restarter(optimizer, { firstStretch: 3, ...options });
}

describe('optim.Restarter', () => {
  it('goes on from the mean of a stretch as a fresh optimizer would', () => {
    const [param, twin] = [start(), start()];
    const restarter = make(param, { firstStretch: 2, growth: 2 });
    let optimizer = new optim.SGD([twin], { lr: 0.1, momentum: 0.9, clip: clip.norm(2) });
    let iterates: number[][] = [];
    for (let t = 0; t < 14; t++) {
      step(param, restarter, t);
      twin.grad = twin.detach().sub(t % 5);
      optimizer.step();
      iterates.push(values(twin));
      if ([1, 5, 13].includes(t)) {
        const mean = values(twin).map((_, i) => iterates.reduce((sum, x) => sum + x[i]!, 0) / iterates.length);
        torch.noGrad(() => twin.copy_(torch.tensor(mean, { dtype: torch.float64 })));
        optimizer = new optim.SGD([twin], { lr: 0.1, momentum: 0.9, clip: clip.norm(2) });
        iterates = [];
        expect(restarter.optimizer.stateDict().state).deep.equal({});
      }
      values(param).forEach((x, i) => {
        expect(x).closeTo(values(twin)[i]!, 1e-12);
      });
    }
    expect(restarter.restarts).equal(3);
  });

  const schedules: [string, Partial<optim.RestarterOptions>, number[]][] = [
    ['the defaults', { firstStretch: undefined }, [100, 150, 225, 337, 506, 759, 1139, 1708, 2562, 3844, Infinity]],
    ['a growth of 1', { growth: 1 }, [3, 3, 3]],
    ['a first stretch of 1', { firstStretch: 1 }, [1, 1, 2, 3, 5]],
    ['a longest stretch', { growth: 2, longest: 6 }, [3, 6, Infinity]],
    ['no restart at all', { longest: 2 }, [Infinity]],
    ['no end of restarts', { growth: 1e308, longest: Infinity }, [3, Infinity]],
  ];
  for (const [name, options, lengths] of schedules) {
    it(`has stretches as planned: ${name}`, () => {
      const restarter = make(start(torch.float32), options);
      const state = restarter.stateDict();
      const seen = lengths.map((_, restarts) => {
        restarter.loadStateDict({ ...state, restarts });
        return restarter.stretch;
      });
      expect(seen).deep.equal(lengths);
    });
  }

  it('lets the optimizer run alone once stretches are too long', () => {
    const [param, twin] = [start(), start()];
    const [restarter, plain] = [make(param, { longest: 0 }), make(twin, { longest: 0 }).optimizer];
    const first = restarter.optimizer;
    for (let t = 0; t < 10; t++) {
      step(param, restarter, t);
      twin.grad = twin.detach().sub(t % 5);
      plain.step();
    }
    expect(bits(param)).equal(bits(twin));
    expect(restarter.optimizer).equal(first);
    expect(restarter.stateDict()).include({ restarts: 0, steps: 0, mean: null });
  });

  it('keeps its optimizer, and with it schedulers, scalers, added groups, assigned rates and skip counts', () => {
    const [param, other] = [start(), start()];
    const optimizer = new optim.AdamW([param], { lr: 0.1, clip: clip.zscore() });
    const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    const restarts: number[] = [];
    const restarter = new optim.Restarter(optimizer, {
      firstStretch: 2,
      growth: 1,
      onRestart: () => void restarts.push(0),
    });
    for (let t = 0; t < 5; t++) {
      if (t === 1) optimizer.addParamGroup({ params: [other], lr: 0.7 });
      for (const p of [param, other]) p.grad = torch.full([3], t === 3 ? Number.NaN : 1, { dtype: torch.float64 });
      restarter.step();
      scheduler.step();
      if (t === 1) expect(optimizer.stateDict().state).deep.equal({});
    }
    expect(restarter.optimizer).equal(optimizer);
    expect(restarts).deep.equal([0, 0]);
    expect(optimizer.paramGroups.map(({ lr }) => lr)).deep.equal([0.1 / 32, 0.7 / 16]);
    expect(optimizer.stateDict().clip!.skipped).equal(1);
    expect(Object.keys(optimizer.stateDict().state)).deep.equal(['0', '1']);
    expect(restarter.stateDict().mean).length(2);
  });

  it('returns what the closure returns, and counts no step that throws', () => {
    const param = start();
    const restarter = new optim.Restarter(new optim.SGD([param], { lr: 0.1, nonFinite: 'error' }));
    param.grad = torch.ones([3], { dtype: torch.float64 });
    expect(restarter.step(() => 7)).equal(7);
    expect(restarter.step()).equal(undefined);
    param.grad = torch.full([3], Number.NaN, { dtype: torch.float64 });
    expect(refusalOf(() => restarter.step()).code).equal('ERR_NONFINITE');
    expect(restarter.stateDict().steps).equal(2);
  });

  it('averages half precision in float32, and survives scopes', () => {
    const param = start(torch.bfloat16);
    const restarter = torch.scope(() => make(param, { firstStretch: 100 }));
    const sum = [0, 0, 0];
    for (let t = 0; t < 40; t++) {
      torch.scope(() => step(param, restarter, t));
      values(param).forEach((x, i) => {
        sum[i]! += x;
      });
    }
    const [mean] = restarter.stateDict().mean!;
    expect(mean).property('dtype', torch.float32);
    values(mean!).forEach((x, i) => {
      expect(x).closeTo(sum[i]! / 40, 1e-6);
    });
  });

  for (const dtype of [torch.float32, torch.float64, torch.bfloat16, torch.complex64]) {
    for (const at of [1, 3, 5, 7, 12]) {
      it(`resumes bit for bit after ${at} steps, ${dtype}`, () => {
        const param = start(dtype);
        const whole = make(param, { longest: 7 });
        for (let t = 0; t < at; t++) step(param, whole, t);
        const saved = whole.stateDict();
        const copy = param.detach().clone().requiresGrad_();
        for (let t = at; t < 20; t++) step(param, whole, t);

        const resumed = make(copy, { longest: 7 });
        resumed.loadStateDict(saved);
        for (let t = at; t < 20; t++) step(copy, resumed, t);
        expect(bits(copy)).equal(bits(param));
        expect(snapshot(resumed.optimizer)).deep.equal(snapshot(whole.optimizer));
        expect(resumed.restarts).equal(whole.restarts);
      });
    }
  }

  const breakages: [string, (state: Record<string, unknown>) => void, RegExp][] = [
    ['restarts', (s) => Object.assign(s, { restarts: -1 }), /restarts must be an integer >= 0, got -1/],
    ['steps', (s) => Object.assign(s, { steps: 0.5 }), /steps must be an integer >= 0, got 0\.5/],
    ['no mean', (s) => Object.assign(s, { mean: null }), /mean must be 1 Tensors, got null/],
    ['a mean too many', (s) => Object.assign(s, { steps: 0 }), /mean must be null/],
    ['a shape', (s) => Object.assign(s, { mean: [torch.ones([2])] }), /mean\[0\] must be a Tensor of shape \[3\]/],
    ['a mean without values', (s) => Object.assign(s, { mean: [torch.ones([3], { device: 'meta' })] }), /./],
    ['a mean that is none', (s) => Object.assign(s, { mean: [1] }), /mean\[0\] must be a Tensor of shape \[3\], got 1/],
    ['the optimizer', (s) => Object.assign(s, { optimizer: { state: {}, param_groups: [] } }), /number of parameter/],
  ];
  for (const [name, damage, message] of breakages) {
    it(`refuses a state and changes nothing: ${name}`, () => {
      const param = start();
      const restarter = make(param);
      step(param, restarter, 0);
      const bad = { ...restarter.stateDict() } as unknown as Record<string, unknown>;
      step(param, restarter, 1);
      const before = restarter.stateDict();
      damage(bad);
      const error = refusalOf(() => restarter.loadStateDict(bad as unknown as optim.RestarterStateDict));
      expect(error.code).equal('ERR_STATE');
      expect(error.message).match(message);
      expect(restarter.stateDict()).include({ restarts: before.restarts, steps: before.steps });
      expect(bits(restarter.stateDict().mean![0]!)).equal(bits(before.mean![0]!));
    });
  }

  const one = new optim.SGD(new nn.Linear(1, 1).parameters());
  const refused: [unknown, unknown, RegExp][] = [
    [null, {}, /"optimizer" must be an Optimizer, got null/],
    [[1], {}, /"optimizer" must be an Optimizer, got \[1\]/],
    [one, { firstStretch: 0 }, /"firstStretch" must be an integer >= 1, got 0/],
    [one, { growth: 0.9 }, /"growth" must be a finite number >= 1, got 0\.9/],
    [one, { longest: Number.NaN }, /"longest" must be a number >= 0, got NaN/],
    [one, { onRestart: 1 }, /"onRestart" must be a synchronous function or null, got 1/],
    [one, { first: 1 }, /unknown option "first" of Restarter/],
  ];
  for (const [optimizer, options, message] of refused) {
    it(`refuses an argument: ${message.source}`, () => {
      const error = refusalOf(
        () => new optim.Restarter(optimizer as optim.Optimizer, options as optim.RestarterOptions),
      );
      expect(error.code).equal('ERR_ARGUMENT');
      expect(error.message).match(message);
    });
  }
});
