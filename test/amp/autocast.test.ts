import { expect } from 'chai';
import torch, { nn } from '../../lib/index.js';
import { device, deviceType } from '../optim/support.js';
import { type Bytes, decode, dtypeNamed, expectSame, golden, refusalOf } from '../support.js';

interface Golden {
  dtypes: Record<string, Record<string, string>>;
  training: { w: Bytes; rounds: { loss: Bytes; grad: Bytes }[] };
}
const { dtypes, training } = golden<Golden>('amp');

// On a GPU PyTorch computes these in float32, as its list of ops says.
const gpuAnswers = { sum: 'float32', softmax: 'float32' };
const [usual, other] = deviceType === 'cpu' ? [torch.bfloat16, torch.float16] : [torch.float16, torch.bfloat16];

const x = torch.ones([2, 4, 4], { device });
const w = torch.ones([4, 4], { device });
const ops: Record<string, () => torch.Tensor> = {
  matmul: () => x.matmul(w),
  mm: () => w.mm(w),
  linear: () => nn.functional.linear(x, w),
  bmm: () => x.bmm(x),
  add: () => w.add(w),
  addOfHalf: () => w.mm(w).add(w),
  sum: () => w.mm(w).sum(),
  softmax: () => w.mm(w).softmax(-1),
  mseLoss: () => nn.functional.mseLoss(w.mm(w), w),
  double: () => w.double().mm(w.double()),
};

/** The same bits on the CPU; on a GPU, which rounds other sums to bfloat16, within that rounding. */
function expectAlike(t: torch.Tensor, want: Bytes, what: string): void {
  if (deviceType === 'cpu') expectSame(t, want, what);
  else expect(t.detach().cpu().sub(decode(want)).norm().item() / decode(want).norm().item(), what).below(2e-2);
}

describe('autocast', () => {
  for (const [asked, answers] of Object.entries(dtypes)) {
    it(`ops answer in PyTorch's dtypes under ${asked}`, () => {
      const got = torch.autocast({ deviceType, dtype: dtypeNamed(asked) }, () =>
        Object.fromEntries(Object.keys(answers).map((name) => [name, ops[name]!().dtype.name])),
      );
      expect(got).deep.equal(deviceType === 'cpu' ? answers : { ...answers, ...gpuAnswers });
    });
  }

  it("a model's losses and gradients are PyTorch's", () => {
    const weight = torch.linspace(-1, 1, 12, { device }).reshape([3, 4]).requiresGrad_();
    const input = torch.linspace(-2, 2, 20, { device }).reshape([5, 4]);
    const target = torch.linspace(0, 1, 15, { device }).reshape([5, 3]);
    const optimizer = new torch.optim.SGD([weight], { lr: 0.0625 });
    for (const [i, round] of training.rounds.entries()) {
      optimizer.zeroGrad();
      const loss = torch.autocast({ deviceType, dtype: torch.bfloat16 }, () =>
        nn.functional.mseLoss(nn.functional.linear(input, weight), target),
      );
      loss.backward();
      expect(loss.item()).closeTo(decode(round.loss).item(), deviceType === 'cpu' ? 1e-6 : 1e-2, `round ${i}`);
      expectAlike(weight.grad!, round.grad, `round ${i}`);
      optimizer.step();
    }
    expectAlike(weight, training.w, 'the weight');
  });

  it('nests, can be off inside, and is put back when body throws', () => {
    const on = () => torch.isAutocastEnabled(deviceType);
    const seen = torch.autocast({ deviceType }, () => {
      const inner = torch.autocast({ deviceType, enabled: false }, () => [on(), w.mm(w).dtype]);
      const half = torch.autocast({ deviceType, dtype: other }, () => w.mm(w).dtype);
      return [...inner, half, on(), w.mm(w).dtype];
    });
    expect(seen).deep.equal([false, torch.float32, other, true, usual]);
    expect(() =>
      torch.autocast({ deviceType, dtype: other }, () => {
        throw new Error('mine');
      }),
    ).throw('mine');
    expect(on()).equal(false);
    expect(torch.getAutocastDtype(deviceType)).equal(usual);
    expect(w.mm(w).dtype).equal(torch.float32);
  });

  it('forgets the casts of weights when it ends', () => {
    const weight = torch.ones([4, 4], { device, requiresGrad: true });
    const product = () => torch.autocast({ deviceType }, () => w.mm(weight).sum().float().item());
    expect(product()).equal(64);
    torch.noGrad(() => weight.fill_(2));
    expect(product()).equal(128);
  });

  const writes: [string, (weight: torch.Tensor) => void][] = [
    ['fill_', (weight) => weight.fill_(2)],
    ['an operator through data', (weight) => weight.data.add_(1)],
    ['copy_', (weight) => weight.copy_(torch.full([4, 4], 2, { device }))],
    ['out', (weight) => torch.add(weight, 1, { out: weight })],
    [
      'a step of an optimizer',
      (weight) => {
        weight.grad = torch.full([4, 4], -1, { device });
        new torch.optim.SGD([weight], { lr: 1 }).step();
      },
    ],
  ];
  for (const [name, write] of writes) {
    it(`casts a weight again that was written inside it: ${name}`, () => {
      const weight = torch.ones([4, 4], { device, requiresGrad: true });
      const sums = torch.autocast({ deviceType }, () => {
        const product = () => w.mm(weight).sum().float().item();
        const before = product();
        torch.autocast({ deviceType, enabled: false }, () => torch.noGrad(() => write(weight)));
        return [before, product()];
      });
      expect(sums).deep.equal([64, 128]);
    });
  }

  it('a loop inside it learns', () => {
    const weight = torch.ones([4, 4], { device, requiresGrad: true });
    const optimizer = new torch.optim.SGD([weight], { lr: 0.01 });
    const losses = torch.autocast({ deviceType }, () =>
      Array.from({ length: 3 }, () => {
        optimizer.zeroGrad();
        const loss = w.mm(weight).pow(2).sum();
        loss.backward();
        optimizer.step();
        return loss.item();
      }),
    );
    expect(losses[1]).below(losses[0]!);
    expect(losses[2]).below(losses[1]!);
  });

  const refused: [string, object, string][] = [
    ['no device type', {}, '"deviceType" must be "cpu" or "cuda", got undefined'],
    ['another device type', { deviceType: 'meta' }, '"deviceType" must be "cpu" or "cuda", got "meta"'],
    [
      'another dtype',
      { deviceType: 'cpu', dtype: torch.float64 },
      '"dtype" must be torch.bfloat16, torch.float16 or null, got a Dtype',
    ],
    ['enabled', { deviceType: 'cpu', enabled: 1 }, '"enabled" must be true or false, got 1'],
    ['cacheEnabled', { deviceType: 'cpu', cacheEnabled: 0 }, '"cacheEnabled" must be true, false or null, got 0'],
  ];
  for (const [name, options, message] of refused) {
    it(`refuses ${name} before body runs`, () => {
      let ran = false;
      const error = refusalOf(() =>
        torch.autocast(options as never, () => {
          ran = true;
        }),
      );
      expect(error.message).equal(message);
      expect(ran).equal(false);
    });
  }

  it('refuses an async body', () => {
    expect(refusalOf(() => torch.autocast({ deviceType: 'cpu' }, async () => 1))).property('code', 'ERR_ASYNC_SCOPE');
    expect(refusalOf(() => torch.autocast({ deviceType: 'cpu' }, () => Promise.resolve(1)))).property(
      'code',
      'ERR_ASYNC_SCOPE',
    );
    expect(torch.isAutocastEnabled('cpu')).equal(false);
  });
});
