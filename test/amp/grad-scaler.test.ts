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
    ['half a state', (s) => s.loadStateDict({ scale: 1 } as never), /stateDict\._growth_tracker" must be a number/],
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
    ['growthFactor', { growthFactor: 1 }, /The growth factor must be > 1\.0/],
    ['backoffFactor', { backoffFactor: 1 }, /The backoff factor must be < 1\.0/],
    ['growthInterval', { growthInterval: 0.5 }, /"growthInterval" must be an integer, got 0\.5/],
    ['initScale', { initScale: '1' }, /"initScale" must be a number, got "1"/],
    ['device', { device: 'meta' }, /"device" must be "cuda" or "cpu", got "meta"/],
    ['a misspelled option', { initscale: 1 }, /an option of GradScaler\(\) must be one of .*, got "initscale"/],
  ];
  for (const [name, more, message] of wrong) {
    it(`refuses ${name}`, () => {
      expect(refusalOf(() => new torch.GradScaler({ device: 'cpu', ...more } as never)).message).match(message);
    });
  }
});
