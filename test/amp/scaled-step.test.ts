import { expect } from 'chai';
import torch, { clip, type Dtype, optim, type Tensor } from '../../lib/index.js';
import {
  clipperOf,
  clippers,
  device,
  deviceType,
  flat,
  make,
  parameters,
  relative,
  rules,
  setGradients,
  snapshot,
} from '../optim/support.js';

const { float16, float32, float64, bfloat16 } = torch;
const steps = 5;

/** The same steps with a scaler that unscales first, in a pass of its own, and with one whose optimizer does both at once. */
function run(folded: boolean, scale: number, dtype: Dtype, rule: string, options: Record<string, unknown>) {
  const groups = parameters(dtype);
  const optimizer = make(rules[rule]!, groups, options);
  const scaler = new torch.GradScaler({ device: deviceType, initScale: scale, growthFactor: 2, growthInterval: 2 });
  for (let t = 1; t <= steps; t++) {
    setGradients(groups, t);
    const params = groups.flat();
    // scale() makes the scale.
    const factor = scaler.scale(torch.ones([], { device }));
    for (const p of params) p.grad = p.grad!.mul(factor.to(dtype));
    if (t === 3) params[1]!.grad!.view([-1]).narrow(0, 0, 1).fill_(Number.NaN);
    if (!folded) scaler.unscale_(optimizer);
    scaler.step(optimizer);
    scaler.update();
  }
  return { groups, optimizer, scale: scaler.getScale() };
}

describe('GradScaler.step of gradients that nobody has unscaled', () => {
  const dtypes = [float32, float64, bfloat16];
  let turn = 0;
  for (const rule of Object.keys(rules)) {
    it(`is unscale_ and the step, bit for bit for powers of two, under every clipper: ${rule}`, () => {
      for (const [name, spec] of Object.entries(clippers)) {
        const dtype = dtypes[turn++ % dtypes.length]!;
        const of = (folded: boolean) => run(folded, 64, dtype, rule, { clip: clipperOf(spec) });
        const [apart, folded] = [of(false), of(true)];
        // The power of a multiple is rounded again.
        if (name.includes('norm 3.5')) expect(relative(flat(folded.groups), flat(apart.groups))).below(1e-6);
        else expect(snapshot(folded.optimizer), name).deep.equal(snapshot(apart.optimizer));
        expect(folded.scale).equal(apart.scale);
      }
    });
  }

  for (const [name, dtype, most] of [
    ['float32', float32, 1e-6],
    ['float64', float64, 1e-13],
    ['bfloat16', bfloat16, 2e-2],
  ] as const) {
    it(`is near unscale_ and the step for other scales: ${name}`, () => {
      for (const spec of ['none', 'norm', 'value', 'agc', 'norm of the update']) {
        const of = (folded: boolean) => run(folded, 1000, dtype, 'AdamW', { clip: clipperOf(clippers[spec]!) });
        expect(relative(flat(of(true).groups), flat(of(false).groups)), spec).most(most);
      }
    });
  }

  const scaled = (p: Tensor, grad: Tensor, options: object = {}, scale = 1024) => {
    const optimizer = new optim.SGD([p], { lr: 1, ...options });
    const scaler = new torch.GradScaler({ device: deviceType, initScale: scale });
    p.grad = scaler.scale(torch.ones([], { device })).to(grad.dtype).mul(grad);
    return { optimizer, scaler };
  };

  it('leaves grad as it is, and with writeBack stores it unscaled and clipped', () => {
    for (const [writeBack, want] of [
      [false, [3072, 4096]],
      [true, [1.5, 2]],
    ] as const) {
      const p = torch.zeros([2], { device, requiresGrad: true });
      const { optimizer, scaler } = scaled(p, torch.tensor([3, 4], { device }), { writeBack, clip: clip.norm(2.5) });
      scaler.step(optimizer);
      const got = p.grad!.toTypedArray<Float32Array<ArrayBuffer>>();
      for (const [i, x] of want.entries()) expect(got[i]).closeTo(x, 1e-3);
      expect(optimizer.clipStats.norm.item()).equal(5);
      expect(optimizer.clipStats.coefficient.item()).closeTo(0.5, 1e-6);
    }
  });

  it('steps with float16 gradients that would vanish if they were unscaled in place', () => {
    const p = torch.zeros([2], { device, dtype: float16, requiresGrad: true });
    const { optimizer, scaler } = scaled(p, torch.ones([2], { device, dtype: float16 }), { lr: 2 ** 20 }, 2 ** 15);
    p.grad!.fill_(2 ** -14);
    scaler.step(optimizer);
    expect(p.tolist()).deep.equal([-(2 ** -9), -(2 ** -9)]);
  });

  it('skips without counting where the optimizer would not have skipped, whatever its policy', () => {
    for (const nonFinite of ['propagate', 'zero', 'error'] as const) {
      for (const clipper of [null, clip.norm(1)]) {
        const p = torch.ones([2], { device, requiresGrad: true });
        const { optimizer, scaler } = scaled(p, torch.tensor([1, Infinity], { device }), {
          nonFinite,
          clip: clipper,
          momentum: 0.5,
        });
        scaler.step(optimizer);
        scaler.update();
        expect(p.tolist()).deep.equal([1, 1]);
        expect(optimizer.stateDict().clip?.skipped ?? 0).equal(0);
        expect(optimizer.clipStats.coefficient.item()).equal(0);
        expect(scaler.getScale()).equal(512);
      }
    }
  });

  it('a tensor-level optimizer, whose step is computed outside the engine', () => {
    const of = (folded: boolean) => {
      const p = torch.ones([3, 2], { device, requiresGrad: true });
      const optimizer = new optim.Muon([p], { clip: clip.norm(1) });
      const scaler = new torch.GradScaler({ device: deviceType, initScale: 256 });
      for (let t = 1; t <= 3; t++) {
        const factor = t === 2 ? Infinity : 1;
        p.grad = torch
          .arange(6, { dtype: float32, device })
          .reshape([3, 2])
          .mul(factor)
          .mul(scaler.scale(torch.ones([], { device })));
        if (!folded) scaler.unscale_(optimizer);
        scaler.step(optimizer);
        scaler.update();
      }
      return [p.tolist(), scaler.getScale()];
    };
    expect(of(true)).deep.equal(of(false));
  });

  it('a custom clipper is asked about unscaled norms, and what it throws undoes the step', () => {
    const p = torch.zeros([2], { device, requiresGrad: true });
    let throws = true;
    const asked: number[] = [];
    const own = clip.custom(({ norm }) => {
      asked.push(norm);
      if (throws) throw new Error('not now');
      return 0.5;
    });
    const { optimizer, scaler } = scaled(p, torch.tensor([3, 4], { device }), { clip: own });
    expect(() => scaler.step(optimizer)).throw('not now');
    throws = false;
    scaler.step(optimizer);
    expect(asked).deep.equal([5, 5]);
    expect(p.tolist()).deep.equal([-1.5, -2]);
  });

  it("unscales first where a step is not the engine's: with reference: true, and a step() of the user", () => {
    let calls = 0;
    class Counting extends optim.SGD {
      override step(): undefined;
      override step<T>(closure: () => T): T;
      override step<T>(closure?: () => T): T | undefined {
        calls++;
        return closure === undefined ? super.step() : super.step(closure);
      }
    }
    const kinds: ((p: Tensor) => optim.Optimizer)[] = [
      (p) => new Counting([p], { lr: 0.5 }),
      (p) => new optim.ClippedSGD([p], { lr: 0.5, reference: true }),
    ];
    for (const make of kinds) {
      const p = torch.zeros([2], { device, requiresGrad: true });
      const optimizer = make(p);
      const scaler = new torch.GradScaler({ device: deviceType, initScale: 64 });
      const factor = scaler.scale(torch.ones([], { device }));
      p.grad = torch.tensor([2, 4], { device }).mul(factor);
      expect(scaler.step(optimizer).skipped).equal(false);
      expect(p.tolist()).deep.equal([-1, -2]);
      scaler.update();
      p.grad = torch.tensor([2, Number.NaN], { device }).mul(factor);
      expect(scaler.step(optimizer).skipped).equal(true);
      expect(p.tolist()).deep.equal([-1, -2]);
    }
    expect(calls).equal(1);
  });
});
