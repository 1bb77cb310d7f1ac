import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../lib/index.js';
import type { OptimizerStateDict } from '../../lib/optim/index.js';
import { device, snapshot } from '../optim/support.js';

type Stage = Record<string, unknown>;

function trained(clipper: clip.Clipper) {
  const params = [torch.ones([2, 3], { device, requiresGrad: true }), torch.ones([4], { device, requiresGrad: true })];
  const optimizer = new optim.SGD(params, { lr: 0.1, clip: clipper });
  for (let t = 1; t <= 3; t++) {
    params[0]!.grad = torch.full([2, 3], t, { device });
    params[1]!.grad = torch.full([4], 5 - t, { device });
    optimizer.step();
  }
  return optimizer;
}

const doubles = (...values: number[]) => torch.tensor(values, { dtype: torch.float64 });
const auto = () => clip.auto({ window: 5, scope: 'tensor' });

const damages: [what: string, clipper: () => clip.Clipper, damage: (stage: Stage) => void, message: RegExp][] = [
  ['a placement', auto, (s) => Object.assign(s, { placement: 'update' }), /stages\[0\]\.placement is "update"/],
  ['a percentile', auto, (s) => Object.assign(s, { percentile: 50 }), /stages\[0\]\.percentile is 50, .* has 10/],
  ['no history', auto, (s) => Reflect.deleteProperty(s, 'history'), /history must be a float64 Tensor/],
  [
    'a history of another length',
    auto,
    (s) => Object.assign(s, { history: doubles(1) }),
    /lengths must add up to the 1 norms/,
  ],
  [
    'a history longer than the window',
    auto,
    (s) => Object.assign(s, { history: doubles(...Array(6).fill(1)), lengths: torch.tensor([6n, 0n]) }),
    /lengths must add up/,
  ],
  [
    'NaN in the history',
    auto,
    (s) => Object.assign(s, { history: (s.history as torch.Tensor).mul(Number.NaN) }),
    /history must hold finite numbers/,
  ],
  [
    'more units',
    auto,
    (s) => Object.assign(s, { lengths: torch.tensor([2n, 2n, 2n]) }),
    /lengths must be a int64 Tensor of at most 2/,
  ],
  ['a negative count', auto, (s) => Object.assign(s, { flips: -1 }), /flips must be an integer >= 0, got -1/],
  [
    'a missing memory',
    () => clip.zscore(),
    (s) => Object.assign(s, { memory: {} }),
    /memory\.count must be a float64 Tensor of at most 1/,
  ],
  [
    'a memory of uneven length',
    () => clip.zscore(),
    (s) => Object.assign(s.memory as object, { mean: doubles() }),
    /memory\.mean must have as many numbers/,
  ],
  [
    'another seed',
    () => clip.stochastic(clip.norm(1), { beta: 0.5, seed: 2 }),
    (s) => Object.assign(s, { 'coin.seed': 3 }),
    /coin\.seed is 3, .* has 2/,
  ],
  [
    'elements of another shape',
    () => clip.spam(),
    (s) => Object.assign(s.elements as object, { 1: torch.ones([5]) }),
    /elements\[1\] must be a Tensor of shape \[4\]/,
  ],
];

describe('clip: state', () => {
  for (const [what, clipper, damage, message] of damages) {
    it(`refuses ${what} and changes nothing`, () => {
      const dict = trained(clipper()).stateDict();
      damage(dict.clip!.stages[0]!);
      const optimizer = trained(clipper());
      const before = snapshot(optimizer);
      expect(() => optimizer.loadStateDict(dict))
        .throw(TorchClipError, message)
        .property('code', 'ERR_STATE');
      expect(snapshot(optimizer)).deep.equal(before);
    });
  }

  it('refuses a chain of another length', () => {
    const dict = trained(clip.chain(clip.value(1), clip.norm(1))).stateDict();
    const load = (d: OptimizerStateDict) => trained(clip.norm(1)).loadStateDict(d);
    expect(() => load(dict)).throw(TorchClipError, /clip has 2 stages, the optimizer's clipper has 1/);
  });

  it('is a copy', () => {
    const optimizer = trained(clip.spam());
    const dict = optimizer.stateDict();
    const before = snapshot(optimizer);
    for (const element of Object.values(dict.clip!.stages[0]!.elements)) element.zero_();
    expect(snapshot(optimizer)).deep.equal(before);
  });

  it('reads rows under their former name, units', () => {
    const rows = trained(clip.norm(1, { scope: 'row' }));
    const units = trained(clip.norm(1, { scope: 'unit' }));
    expect(String(units.clip)).equal(String(rows.clip));
    const dict = units.stateDict();
    expect(dict.clip!.stages[0]!.scope).equal('row');
    dict.clip!.stages[0]!.scope = 'unit';
    rows.loadStateDict(dict);
    expect(snapshot(rows)).deep.equal(snapshot(units));
  });

  it('grows when a group is added', () => {
    const optimizer = trained(clip.zscore({ scope: 'group' }));
    const p = torch.ones([2], { device, requiresGrad: true });
    optimizer.addParamGroup({ params: p });
    p.grad = torch.ones([2], { device });
    optimizer.step();
    expect(optimizer.stateDict().clip!.stages[0]!.memory.count!.tolist()).deep.equal([4, 1]);
  });
});
