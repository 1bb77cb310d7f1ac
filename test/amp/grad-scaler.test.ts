import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { device, deviceType } from '../optim/support.js';
import { type Bytes, decode, golden, refusalOf } from '../support.js';

interface Golden {
  options: object;
  bad: Record<string, string[]>;
  scaler: { params: Bytes[]; grads: Bytes[]; state: torch.amp.GradScalerState }[];
}
const { options, bad, scaler: rounds } = golden<Golden>('amp');
const factor: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN, '1.0': 1 };

function expectClose(got: Tensor, want: Tensor, what: string): void {
  const [a, b] = [got, want].map((t) => Array.from(t.detach().toTypedArray<Float32Array<ArrayBuffer>>()));
  const far = a!.findIndex((x, i) => !Object.is(x, b![i]!) && !(Math.abs(x - b![i]!) <= 1e-6 * Math.abs(b![i]!)));
  expect(far, `${what}: ${a} against ${b}`).equal(-1);
}

function setUp(more: torch.optim.CommonOptions = {}) {
  const params = [
    torch.tensor([1, -2, 0.5], { device, requiresGrad: true }),
    torch.tensor([[3], [0.25]], { device, requiresGrad: true }),
  ] as const;
  const optimizers = [
    new torch.optim.SGD([params[0]], { lr: 0.125, momentum: 0.5, ...more }),
    new torch.optim.AdamW([params[1]], { lr: 0.01, ...more }),
  ] as const;
  const round = (scaler: torch.GradScaler, t: number) => {
    const factors = bad[t] ?? ['1.0', '1.0'];
    for (const o of optimizers) o.zeroGrad();
    const losses = params.map((p, i) => p.pow(2).mul(factor[factors[i]!]!).sum());
    for (const scaled of scaler.scale(losses)) scaled.backward();
    if (t % 2 === 1) scaler.unscale_(optimizers[0]);
    const scale = scaler.getScale();
    for (const o of optimizers) scaler.step(o);
    // The engine unscales on the way into the step, and grad stays as it was.
    params.forEach((p, i) => {
      if (i === 1 || t % 2 === 0) p.grad!.div_(scale);
    });
    scaler.update(t === 9 ? 16 : undefined);
  };
  return { params, optimizers, round };
}

describe('GradScaler', () => {
  const clipped = { clip: torch.clip.norm(1e9) };
  const ways: [string, torch.optim.CommonOptions, number][] = [
    ['which the scaler steps or not', {}, 0],
    ['which skip by themselves', clipped, 2],
  ];
  for (const [name, more, skips] of ways) {
    it(`scales, skips and moves as PyTorch's: optimizers ${name}`, () => {
      const { params, optimizers, round } = setUp(more);
      const scaler = new torch.GradScaler({ device: deviceType, ...options });
      for (const [t, want] of rounds.entries()) {
        round(scaler, t);
        params.forEach((p, i) => {
          expectClose(p, decode(want.params[i]!), `round ${t}, parameter ${i}`);
          expectClose(p.grad!, decode(want.grads[i]!), `round ${t}, gradient ${i}`);
        });
        expect(scaler.stateDict(), `round ${t}`).deep.equal(want.state);
      }
      expect(optimizers[0].clipStats.skipped.item()).equal(skips);
    });
  }

  it('a loaded state goes on as the one that was saved', () => {
    const { round } = setUp();
    const first = new torch.GradScaler({ device: deviceType, ...options });
    for (let t = 0; t < 5; t++) round(first, t);
    const second = new torch.GradScaler({ device: deviceType });
    second.loadStateDict(first.stateDict());
    expect(second.stateDict()).deep.equal(first.stateDict());
    round(second, 5);
    expect(second.stateDict()).deep.equal(rounds[5]!.state);
    second.loadStateDict(first.stateDict());
    expect(second.stateDict()).deep.equal(first.stateDict());
  });

  it('lives on past a scope', () => {
    const { round } = setUp();
    const scaler = new torch.GradScaler({ device: deviceType, ...options });
    for (let t = 0; t < 3; t++) torch.scope(() => round(scaler, t));
    expect(scaler.stateDict()).deep.equal(rounds[2]!.state);
  });

  it('takes a new scale from a tensor, which may change later', () => {
    const { round } = setUp();
    const scaler = new torch.GradScaler({ device: deviceType });
    round(scaler, 0);
    const scale = torch.tensor([32], { device });
    scaler.update(scale);
    scale.fill_(1);
    expect(scaler.getScale()).equal(32);
  });

  it('does nothing where it is not enabled', () => {
    const { params, optimizers } = setUp();
    const scaler = new torch.GradScaler({ enabled: false });
    const loss = params[0].sum();
    expect(scaler.scale(loss)).equal(loss);
    loss.backward();
    scaler.unscale_(optimizers[0]);
    scaler.step(optimizers[0]);
    scaler.update();
    expect(params[0].tolist()).deep.equal([0.875, -2.125, 0.375]);
    expect([scaler.getScale(), scaler.stateDict(), scaler.isEnabled()]).deep.equal([1, {}, false]);
    scaler.loadStateDict({});
  });

  it('unscales the values of sparse gradients', () => {
    const weight = torch.ones([3, 2], { device, requiresGrad: true });
    const optimizer = new torch.optim.SGD([weight], { lr: 1 });
    const scaler = new torch.GradScaler({ device: deviceType, initScale: 8 });
    scaler.scale(torch.embedding(weight, torch.tensor([2n], { device }), { sparse: true }).sum()).backward();
    expect(weight.grad!.layout).equal(torch.sparseCoo);
    scaler.unscale_(optimizer);
    expect(weight.grad!.toDense().tolist()).deep.equal([
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  });

  const misuse: [string, (s: torch.GradScaler, o: torch.optim.Optimizer, p: Tensor) => void, RegExp][] = [
    ['a step before scale', (s, o) => s.step(o), /Attempted step but there is no scale yet/],
    ['an update before scale', (s) => s.update(), /Attempted update but there is no scale yet/],
    ['an update before a step', (s, _, p) => [s.scale(p), s.update()], /No inf checks were recorded prior to update/],
    [
      'a second unscale_',
      (s, o, p) => [s.scale(p), s.unscale_(o), s.unscale_(o)],
      /unscale_\(\) has already been called/,
    ],
    [
      'an unscale_ after the step',
      (s, o, p) => [s.scale(p).sum().backward(), s.step(o), s.unscale_(o)],
      /unscale_\(\) is being called after step/,
    ],
    [
      'a second step',
      (s, o, p) => [s.scale(p).sum().backward(), s.step(o), s.step(o)],
      /step\(\) has already been called/,
    ],
    ['a step without gradients', (s, o, p) => [s.scale(p), s.step(o)], /No inf checks were recorded for this/],
    ['an empty state', (s) => s.loadStateDict({}), /The source state dict is empty/],
    ['half a state', (s) => s.loadStateDict({ scale: 1 } as never), /stateDict\._growth_tracker" must be an integer/],
  ];
  for (const [name, use, message] of misuse) {
    it(`refuses ${name}`, () => {
      const p = torch.ones([2], { device, requiresGrad: true });
      const scaler = new torch.GradScaler({ device: deviceType });
      const error = refusalOf(() => use(scaler, new torch.optim.SGD([p], { lr: 1 }), p));
      expect(error).property('code', 'ERR_STATE');
      expect(error.message).match(message);
    });
  }

  it('refuses gradients in half precision and changes none', () => {
    const p = torch.ones([2], { device, requiresGrad: true });
    const half = torch.ones([2], { device, dtype: torch.float16, requiresGrad: true });
    p.grad = torch.ones([2], { device });
    half.grad = torch.ones([2], { device, dtype: torch.float16 });
    const scaler = new torch.GradScaler({ device: deviceType });
    scaler.scale(p);
    const error = refusalOf(() => scaler.unscale_(new torch.optim.SGD([p, half], { lr: 1 })));
    expect(error).include({ code: 'ERR_DTYPE', message: 'Attempting to unscale FP16 gradients.' });
    expect(p.grad.tolist()).deep.equal([1, 1]);
  });

  const wrong: [string, object, RegExp][] = [
    ['growthFactor', { growthFactor: 1 }, /"growthFactor" must be a finite number > 1, got 1/],
    ['backoffFactor', { backoffFactor: 1 }, /"backoffFactor" must be a number in \(0, 1\), got 1/],
    ['a backoffFactor of 0', { backoffFactor: 0 }, /"backoffFactor" must be a number in \(0, 1\), got 0/],
    ['growthInterval', { growthInterval: 0.5 }, /"growthInterval" must be an integer >= 1, got 0\.5/],
    ['maxConsecutiveSkips', { maxConsecutiveSkips: -1 }, /"maxConsecutiveSkips" must be an integer >= 0 or Infinity/],
    ['initScale', { initScale: '1' }, /"initScale" must be a number from .*, got "1"/],
    ...[0, Number.NaN, Infinity, -1, 2 ** -127, 2 ** 128].map((initScale): [string, object, RegExp] => [
      `an initScale of ${initScale}`,
      { initScale },
      /"initScale" must be a number from 2\^-126 to the largest float32, got/,
    ]),
    ['device', { device: 'meta' }, /"device" must be "cuda" or "cpu", got "meta"/],
    ['a misspelled option', { initscale: 1 }, /unknown option "initscale" of GradScaler; did you mean "initScale"\?/],
  ];
  for (const [name, more, message] of wrong) {
    it(`refuses ${name}`, () => {
      expect(refusalOf(() => new torch.GradScaler({ device: 'cpu', ...more } as never)).message).match(message);
    });
  }

  const values: [string, (s: torch.GradScaler) => void, RegExp][] = [
    ['a new scale of 0', (s) => s.update(0), /"newScale" must be a number from/],
    ['a new scale of NaN', (s) => s.update(Number.NaN), /"newScale" must be a number from/],
    ['a growth factor of 1', (s) => s.setGrowthFactor(1), /"growthFactor" must be a finite number > 1, got 1/],
    ['a backoff factor of 2', (s) => s.setBackoffFactor(2), /"backoffFactor" must be a number in \(0, 1\), got 2/],
    ['a growth interval of 0', (s) => s.setGrowthInterval(0), /"growthInterval" must be an integer >= 1, got 0/],
    [
      'a saved scale of 0',
      (s) => s.loadStateDict({ ...s.stateDict(), scale: 0 } as never),
      /"stateDict.scale" must be/,
    ],
    [
      'a saved backoff factor of 1',
      (s) => s.loadStateDict({ ...s.stateDict(), scale: 4, backoff_factor: 1 } as never),
      /"stateDict.backoff_factor" must be/,
    ],
  ];
  for (const [name, set, message] of values) {
    it(`refuses ${name} and stays as it was`, () => {
      const scaler = new torch.GradScaler({ device: deviceType });
      scaler.scale(torch.ones([], { device }));
      const before = scaler.stateDict();
      expect(refusalOf(() => set(scaler)).message).match(message);
      expect(scaler.stateDict()).deep.equal(before);
    });
  }

  const { float32, float64, bfloat16, complex64, complex128 } = torch;
  for (const dtype of [float32, float64, bfloat16, complex64, complex128]) {
    it(`unscales gradients of every dtype and layout, complex ones as pairs of reals: ${dtype.name}`, () => {
      const scaler = new torch.GradScaler({ device: deviceType, initScale: 8 });
      scaler.scale(torch.ones([], { device }));
      const grad = torch.arange(1, 13, { dtype: float32, device }).reshape([3, 4]).to({ dtype });
      const whole = dtype.isComplex ? grad.mul({ re: 1, im: -2 }) : grad;
      const layouts = [whole.clone(), whole.clone().t(), whole.repeat([2, 2]).slice({ dim: 1, start: 1, step: 2 })];
      if (dtype.isComplex) layouts.push(whole.clone().conj());
      for (const scaled of layouts) {
        const want = scaled.clone().div(8);
        const p = torch.zeros(scaled.shape, { dtype, device, requiresGrad: true });
        p.grad = scaled;
        scaler.unscale_(new torch.optim.SGD([p], { lr: 1 }));
        expect(p.grad!.equal(want)).equal(true);
      }
    });
  }

  it('divides a gradient that two parameters share once', () => {
    const [p, q] = [torch.zeros([2], { device }), torch.zeros([2], { device })];
    const scaler = new torch.GradScaler({ device: deviceType, initScale: 8 });
    scaler.scale(torch.ones([], { device }));
    q.grad = p.grad = torch.full([2], 8, { device });
    scaler.unscale_(new torch.optim.SGD([p, q], { lr: 1 }));
    expect(p.grad.tolist()).deep.equal([1, 1]);
  });

  const beyond: [string, () => Tensor, RegExp][] = [
    ['complex32', () => torch.ones([2], { device, dtype: torch.complex32 }), /FP16/],
    ['expanded', () => torch.ones([1], { device }).expand([2]), /share memory/],
    ['compressed sparse', () => torch.eye(2, { device }).toSparseCsr(), /dense or sparse in COO layout/],
  ];
  for (const [name, bad, message] of beyond) {
    it(`refuses ${name} gradients and leaves those before them alone`, () => {
      const grad = bad();
      const good = torch.zeros([2], { device });
      const other = torch.zeros(grad.shape, { device, dtype: grad.dtype });
      good.grad = torch.ones([2], { device });
      other.grad = grad;
      const scaler = new torch.GradScaler({ device: deviceType, initScale: 8 });
      scaler.scale(torch.ones([], { device }));
      const optimizer = new torch.optim.SGD([good], { lr: 1 });
      // The optimizer itself would refuse some of these.
      Object.defineProperty(optimizer, 'addedGroups', { value: [{ params: [good, other] }] });
      expect(refusalOf(() => scaler.unscale_(optimizer)).message).match(message);
      expect(good.grad.tolist()).deep.equal([1, 1]);
    });
  }

  it('says whether a step was skipped, and a schedule can wait for the first that was not', () => {
    const warnings: string[] = [];
    const { emitWarning } = process;
    process.emitWarning = ((text: string) => warnings.push(text)) as typeof process.emitWarning;
    try {
      for (const unscaled of [false, true]) {
        const p = torch.ones([2], { device, requiresGrad: true });
        const optimizer = new torch.optim.SGD([p], { lr: 1 });
        const scheduler = new torch.optim.lrScheduler.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
        const scaler = new torch.GradScaler({ device: deviceType });
        const skipped = [Infinity, 1, Number.NaN].map((factor) => {
          optimizer.zeroGrad();
          scaler.scale(p.mul(factor).sum()).backward();
          if (unscaled) scaler.unscale_(optimizer);
          const step = scaler.step(optimizer);
          scaler.update();
          scheduler.step();
          return step.skipped;
        });
        expect(skipped).deep.equal([true, false, true]);
      }
    } finally {
      process.emitWarning = emitWarning;
    }
    expect(warnings).deep.equal([]);
  });

  for (const unscaled of [false, true]) {
    it(`throws when no scale helps, and the scale stays above 0${unscaled ? ', after unscale_' : ''}`, () => {
      const p = torch.ones([2], { device, requiresGrad: true });
      const optimizer = new torch.optim.SGD([p], { lr: 1 });
      const scaler = new torch.GradScaler({ device: deviceType, initScale: 4, maxConsecutiveSkips: 3 });
      const round = (factor: number) => {
        optimizer.zeroGrad();
        scaler.scale(p.mul(factor).sum()).backward();
        if (unscaled) scaler.unscale_(optimizer);
        scaler.step(optimizer);
        scaler.update();
      };
      for (let t = 0; t < 3; t++) round(Number.NaN);
      round(1);
      for (let t = 0; t < 3; t++) round(Number.NaN);
      if (deviceType === 'cpu') {
        for (let t = 0; t < 150; t++) {
          expect(refusalOf(() => round(Number.NaN))).include({ code: 'ERR_NONFINITE' });
        }
        expect(scaler.getScale()).equal(2 ** -126);
        round(1);
        expect(p.tolist()).deep.equal([-1, -1]);
      }
    });

    it(`the scale still falls after an optimizer has thrown that it skips too often${unscaled ? ', after unscale_' : ''}`, () => {
      for (const options of [
        { clip: torch.clip.norm(1), maxConsecutiveSkips: 0 },
        { nonFinite: 'error' as const, clip: torch.clip.norm(1) },
      ]) {
        if (deviceType !== 'cpu') return;
        const p = torch.ones([2], { device, requiresGrad: true });
        const optimizer = new torch.optim.SGD([p], { lr: 1, ...options });
        const scaler = new torch.GradScaler({ device: deviceType, initScale: 64 });
        for (let t = 0; t < 3; t++) {
          optimizer.zeroGrad();
          scaler.scale(p.mul(Infinity).sum()).backward();
          if (unscaled) scaler.unscale_(optimizer);
          if ('nonFinite' in options) expect(scaler.step(optimizer).skipped).equal(true);
          else expect(refusalOf(() => scaler.step(optimizer))).property('code', 'ERR_NONFINITE');
          scaler.update();
        }
        expect(scaler.getScale()).equal(8);
        expect(p.tolist()).deep.equal([1, 1]);
      }
    });
  }
});
