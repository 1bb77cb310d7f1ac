import { expect } from 'chai';
import { native } from '../../../lib/binding/index.js';
import torch, { clip, nn, optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import { bits, clipperOf, clippers, make, parameters, rules, setGradients, snapshot } from '../../optim/support.js';

interface Emulation {
  emulationDevices(n: number): void;
  emulationLaunches(): number;
  emulationCapture(on: boolean): void;
}
const emulation = native as unknown as Emulation;

/** Runs `run` with optimizers whose parameters lie on n devices in turn. */
function over<T>(n: number, run: () => T): T {
  emulation.emulationDevices(n);
  try {
    return run();
  } finally {
    emulation.emulationDevices(1);
  }
}

const statsOf = ({ clipStats }: optim.Optimizer) =>
  [clipStats.norm, clipStats.coefficient, clipStats.threshold, clipStats.clipped, clipStats.skipped].map((t) =>
    bits(t.reshape([-1])),
  );

describe('emulated: parameters on several devices', () => {
  for (const [ruleName, rule] of Object.entries(rules)) {
    it(`give the bits of one device: ${ruleName}`, () => {
      for (const [clipName, spec] of Object.entries(clippers)) {
        for (const dtype of [torch.float32, torch.bfloat16]) {
          const run = () => {
            const groups = parameters(dtype);
            const optimizer = make(rule, groups, { clip: clipperOf(spec), writeBack: true });
            const seen: unknown[] = [];
            for (let t = 1; t <= 4; t++) {
              setGradients(groups, t);
              // A step that is skipped moves nothing anywhere.
              if (t === 3) groups.at(-1)!.at(-1)!.grad!.fill_(Number.NaN);
              optimizer.step();
              seen.push(statsOf(optimizer), snapshot(optimizer));
              seen.push(groups.flat().map((p) => bits(p.grad!)));
            }
            return seen;
          };
          const want = run();
          for (const n of [2, 3]) expect(over(n, run), `${clipName}, ${dtype.name}, ${n} devices`).deep.equal(want);
        }
      }
    });
  }

  const policies = ['propagate', 'zero'] as const;
  for (const nonFinite of policies) {
    it(`give the bits of one device with nonFinite '${nonFinite}' and a gradient scaler`, () => {
      for (const clipper of [null, clip.norm(1), clip.agc(), clip.layerwise(1), clip.spam(), clip.auto()]) {
        const run = () => {
          const groups = parameters(torch.float32);
          const optimizer = new optim.AdamW(groups.flat(), { clip: clipper, nonFinite });
          const scaler = new torch.GradScaler({ device: 'cpu', initScale: 8, growthInterval: 2 });
          for (let t = 1; t <= 5; t++) {
            setGradients(groups, t);
            if (t === 2) groups[0]![0]!.grad!.select(0, 0).fill_(Infinity);
            if (t % 2 === 0) {
              optimizer.step();
            } else {
              scaler.scale(torch.ones([]));
              scaler.step(optimizer);
              scaler.update();
            }
          }
          return [snapshot(optimizer), scaler.getScale()];
        };
        expect(over(2, run)).deep.equal(run());
      }
    });
  }

  it('take their norms and updates each for itself, and one decision', () => {
    over(3, () => {
      const params = [1, 2, 3, 4].map((n) => torch.ones([n], { requiresGrad: true }));
      const optimizer = new optim.AdamW(params, { clip: clip.norm(1) });
      for (const p of params) p.grad = torch.ones(p.shape);
      const before = emulation.emulationLaunches();
      optimizer.step();
      expect(emulation.emulationLaunches() - before).equal(3 + 1 + 3);
    });
  });

  it('change from one step to the next', () => {
    const run = (n: number) => {
      const groups = parameters(torch.float32);
      const optimizer = over(n, () => new optim.AdamW(groups.flat(), { clip: clip.auto({ percentile: 50 }) }));
      for (let t = 1; t <= 6; t++) {
        setGradients(groups, t);
        // Only some have gradients, so that plans are made anew, on fewer devices.
        groups.flat().forEach((p, i) => {
          if ((i + t) % 3 === 0) p.grad = null;
        });
        over(n, () => optimizer.step());
      }
      over(n, () => optimizer.loadStateDict(optimizer.stateDict()));
      setGradients(groups, 7);
      over(n, () => optimizer.step());
      return snapshot(optimizer);
    };
    const want = run(1);
    for (const n of [2, 3, 4]) expect(run(n)).deep.equal(want);
  });

  it('count skipped steps together', () => {
    over(2, () => {
      const params = [1, 2].map((x) => torch.tensor([x], { requiresGrad: true }));
      const optimizer = new optim.SGD(params, { lr: 1, clip: clip.norm(1), maxConsecutiveSkips: 2 });
      for (const p of params) p.grad = torch.ones([1]);
      params[1]!.grad!.fill_(Number.NaN);
      for (let t = 0; t < 3; t++) optimizer.step();
      expect(() => optimizer.step()).throw(TorchClipError, /maxConsecutiveSkips/);
      expect(params.map((p) => p.item())).deep.equal([1, 2]);
    });
  });

  it('are not captured', () => {
    over(2, () => {
      const params = [1, 2].map((x) => torch.tensor([x], { requiresGrad: true }));
      const optimizer = new optim.SGD(params, { lr: 1 });
      for (const p of params) p.grad = torch.ones([1]);
      optimizer.step();
      emulation.emulationCapture(true);
      try {
        expect(() => optimizer.step()).throw(TorchClipError, /several GPUs/);
      } finally {
        emulation.emulationCapture(false);
      }
    });
  });

  it('have one norm, and are clipped by it', () => {
    const gradients = (): Tensor[] =>
      [[3, 4], [5], [], [-7, 1, 2]].map((values) => {
        const p = torch.zeros([values.length], { dtype: torch.float64, requiresGrad: true });
        p.grad = torch.tensor(values, { dtype: torch.float64 });
        return p;
      });
    for (const normType of [1, 2, 3.5, Infinity]) {
      const run = (params: Tensor[]) => {
        const total = nn.utils.clipGradNorm_(params, 2, { normType });
        nn.utils.clipGradValue_(params, 0.8);
        return [total.item<number>(), ...params.flatMap((p) => p.grad!.tolist() as number[])];
      };
      const want = run(gradients());
      over(2, () => run(gradients())).forEach((x, i) => {
        expect(x).closeTo(want[i]!, 1e-14 * Math.abs(want[i]!));
      });
    }
    over(2, () => {
      const params = gradients();
      params[1]!.grad!.fill_(Number.NaN);
      const before = params.map((p) => bits(p.grad!));
      expect(() => nn.utils.clipGradNorm_(params, 1, { errorIfNonfinite: true })).throw(TorchClipError, /non-finite/);
      expect(params.map((p) => bits(p.grad!))).deep.equal(before);
    });
  });
});
