import { expect } from 'chai';
import { camelCase } from '../../../lib/camel-case.js';
import torch, { clip, optim, TorchClipError } from '../../../lib/index.js';
import type { Tensor } from '../../../lib/tensor.js';
import { type Bytes, decode, golden, refusalOf } from '../../support.js';
import { make } from '../support.js';

interface Case {
  /** Of a parameter that it takes. */
  shape: number[];
  defaults: Record<string, unknown>;
  /** Options by PyTorch's names, and its message. */
  refused: [options: Record<string, unknown>, message: string][];
  complex?: { options: Record<string, unknown>; start: Bytes; gradients: Bytes[]; after: Bytes };
}

const loops = ['foreach', 'fused', 'capturable', 'differentiable'];
const camel = (options: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [camelCase(name), value]));
const ones = (...shape: number[]) => torch.ones(shape, { requiresGrad: true });
const stateOf = (optimizer: optim.Optimizer) => optimizer.stateDict().state[0] as Record<string, Tensor>;

describe('optim: as in torch.optim', () => {
  for (const [name, { shape, defaults, refused, complex }] of Object.entries(
    golden<Record<string, Case>>('optimizer-arguments'),
  )) {
    const of = (params: Tensor[], options: Record<string, unknown> = {}) =>
      make({ optimizer: name, options: camel(options) }, [params]);

    it(`${name}: defaults`, () => {
      const { params: _, ...group } = of([ones(...shape)]).stateDict().param_groups[0]!;
      // PyTorch's Muon alone has none.
      const whole = { maximize: false, ...defaults };
      expect(group).deep.equal(Object.fromEntries(Object.entries(whole).filter(([key]) => !loops.includes(key))));
    });

    it(`${name}: refusals`, () => {
      for (const [options, message] of refused) {
        const refusal = refusalOf(() => of([ones(...shape)], options));
        expect(refusal).property('code', 'ERR_ARGUMENT');
        expect(refusal.message.startsWith(`${message} ("`), refusal.message).equal(true);
      }
      for (const option of Object.keys(camel(defaults)).filter((key) => !loops.includes(key))) {
        expect(() => of([ones(...shape)], { [option]: 'much' }), option).throw(TorchClipError, `"${option}" must be`);
      }
      expect(() => of([ones(...shape)], { differentiable: true })).throw(
        TorchClipError,
        /"differentiable" cannot be true/,
      );
    });

    if (complex === undefined) {
      it(`${name} refuses complex parameters`, () => {
        const p = torch.ones(shape, { dtype: torch.complex64 });
        expect(() => of([p])).throw(TorchClipError, `${name} does not support complex parameters`);
      });
      continue;
    }
    it(`${name}: complex parameters are pairs of reals`, () => {
      const p = decode(complex.start).requiresGrad_();
      const optimizer = of([p], { lr: 0.1, ...complex.options });
      for (const g of complex.gradients) {
        p.grad = decode(g);
        optimizer.step();
      }
      expect(p.detach().sub(decode(complex.after)).abs().max().item()).below(1e-7);
    });
  }

  it('Adagrad has state before its first step, by group', () => {
    const [p, q] = [ones(2), torch.ones([1], { dtype: torch.complex64, requiresGrad: true })];
    const optimizer = new optim.Adagrad([{ params: [p] }, { params: [q], initialAccumulatorValue: 2 }]);
    const { state } = optimizer.stateDict() as { state: Record<number, Record<string, Tensor>> };
    expect(state[0]!.step!.item()).equal(0);
    expect(state[0]!.sum!.tolist()).deep.equal([0, 0]);
    expect(torch.viewAsReal(state[1]!.sum!).tolist()).deep.equal([[2, 2]]);
    q.grad = torch.zeros([1], { dtype: torch.complex64 });
    optimizer.step();
    expect(torch.viewAsReal((optimizer.stateDict().state[1] as { sum: Tensor }).sum).tolist()).deep.equal([[2, 2]]);
  });

  it('RMSprop keeps its buffers apart when centered and momentum come and go', () => {
    const p = ones(2);
    const optimizer = new optim.RMSprop([p], { momentum: 0.5 });
    const [group] = optimizer.paramGroups as [optim.ParamGroup<optim.RMSpropGroup>];
    p.grad = torch.tensor([1, -2]);
    optimizer.step();
    const buffer = stateOf(optimizer).momentum_buffer!;
    p.grad = torch.zeros([2]);
    group.centered = true;
    optimizer.step();
    expect(Object.keys(stateOf(optimizer))).deep.equal(['step', 'square_avg', 'momentum_buffer', 'grad_avg']);
    expect(stateOf(optimizer).momentum_buffer!.tolist()).deep.equal(buffer.mul(0.5).tolist());
    expect(stateOf(optimizer).grad_avg!.tolist()).deep.equal([0, 0]);
    group.momentum = 0;
    optimizer.step();
    expect(Object.keys(stateOf(optimizer))).deep.equal(['step', 'square_avg', 'grad_avg']);
    group.momentum = 0.5;
    optimizer.step();
    expect(stateOf(optimizer).momentum_buffer!.tolist()).deep.equal(buffer.mul(0.25).tolist());
  });

  it("RMSprop's variance is never below 0, where PyTorch's comes to NaN", () => {
    const p = ones(64);
    const optimizer = new optim.RMSprop([p], { alpha: 0.5, centered: true, eps: 1 });
    p.grad = torch.linspace(0.1, 3, 64);
    for (let t = 0; t < 300; t++) optimizer.step();
    expect(p.isfinite().all().item()).equal(true);
  });

  it('ASGD averages the parameters that a clipper of the update leaves', () => {
    const p = ones(3);
    const optimizer = new optim.ASGD([p], { lr: 1, t0: 0, clip: clip.norm(0.5, { placement: 'update' }) });
    const seen: Tensor[] = [];
    for (let t = 1; t <= 6; t++) {
      p.grad = torch.tensor([t, -1, 0.25 * t]);
      optimizer.step();
      seen.push(p.detach().clone());
    }
    // The first is left out: a weight of 1 / max(1, t - t0) takes effect one step later.
    const mean = torch.stack(seen.slice(1)).mean({ dim: 0 });
    expect(stateOf(optimizer).ax!.sub(mean).abs().max().item()).below(1e-6);
  });

  it('Rprop takes NaN for no sign', () => {
    const p = ones(2);
    const optimizer = new optim.Rprop([p], { lr: 0.5 });
    p.grad = torch.tensor([1, Number.NaN]);
    optimizer.step();
    expect(p.tolist()).deep.equal([0.5, 1]);
  });
});
