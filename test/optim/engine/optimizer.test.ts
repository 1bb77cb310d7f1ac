import { inspect } from 'node:util';
import { expect } from 'chai';
import torch, { clip, nn, optim, TorchClipError } from '../../../lib/index.js';
import { bits, clipperOf, clippers, flat, layouts, make, parameters, rules, setGradients } from '../support.js';

const leaf = (...values: number[]) => torch.tensor(values, { requiresGrad: true });

describe('optim: the step', () => {
  it('is clipGradNorm_ and the plain step, bit for bit', () => {
    for (const rule of Object.values(rules)) {
      // It divides the level by its step's size.
      if (rule.optimizer === 'ClippedSSTM') continue;
      const [fused, apart] = [parameters(torch.float32), parameters(torch.float32)];
      const one = make(rule, fused, { clip: clip.norm(6) });
      const two = make(rule, apart, { clip: null });
      for (let t = 1; t <= 20; t++) {
        setGradients(fused, t);
        setGradients(apart, t);
        one.step();
        nn.utils.clipGradNorm_(apart.flat(), 6);
        two.step();
        expect(fused.flat().map(bits)).deep.equal(apart.flat().map(bits));
      }
    }
  });

  it('leaves gradients alone, or stores the clipped ones with writeBack', () => {
    for (const spec of Object.values(clippers)) {
      // What it applies is an update, not a gradient.
      if (clipperOf(spec)?.stages.some(({ placement }) => placement === 'update')) continue;
      for (const [name, layout] of Object.entries(layouts)) {
        const [kept, written, bare] = [0, 1, 2].map(() => parameters(torch.float32, layout));
        for (const groups of [kept!, written!, bare!]) setGradients(groups, 7, layout);
        const before = kept!.flat().map((p) => bits(p.grad!));
        const options = { clip: clipperOf(spec), maximize: true };
        const rule = { optimizer: 'SGD', options: { lr: 1 } } as const;
        make(rule, kept!, options).step();
        expect(kept!.flat().map((p) => bits(p.grad!))).deep.equal(before);
        make(rule, written!, { ...options, writeBack: true }).step();
        expect(written!.flat().map(bits)).deep.equal(kept!.flat().map(bits));
        // grad holds the gradient that was applied.
        const moved = bare!.map((group, g) => group.map((p, i) => p.detach().add(written![g]![i]!.grad!)));
        expect(flat(moved)).deep.equal(flat(kept!), name);
      }
    }
  });

  it('passes over parameters without a gradient: no state, no count', () => {
    const [p, q] = [leaf(1), leaf(1)];
    const optimizer = new optim.Adam([p, q], { clip: clip.layerwise(1) });
    p.grad = torch.tensor([1]);
    optimizer.step();
    expect(q.item()).equal(1);
    expect(Object.keys(optimizer.stateDict().state)).deep.equal(['0']);
    q.grad = torch.tensor([1]);
    optimizer.step();
    p.grad = null;
    optimizer.step();
    const { state } = optimizer.stateDict();
    expect([0, 1].map((i) => (state[i]!.step as torch.Tensor).item())).deep.equal([2, 2]);
    expect(optimizer.clipStats.norm.tolist()).deep.equal([0, 1]);
  });

  it('does nothing without any gradient', () => {
    const p = leaf(1);
    const optimizer = new optim.AdamW([p], { clip: clip.norm(1) });
    optimizer.step();
    expect(p.item()).equal(1);
    expect(optimizer.clipStats.norm.item()).equal(0);
    expect(optimizer.clipStats.coefficient.item()).equal(1);
    expect(optimizer.stateDict().state).deep.equal({});
  });

  it('takes empty tensors and tensors without dimensions', () => {
    const [empty, scalar] = [torch.empty([0, 3], { requiresGrad: true }), torch.tensor(2, { requiresGrad: true })];
    const optimizer = new optim.SGD([empty, scalar], { lr: 1, momentum: 0.5, clip: clip.norm(1) });
    empty.grad = torch.empty([0, 3]);
    scalar.grad = torch.tensor(4);
    optimizer.step();
    expect(scalar.item()).closeTo(1, 1e-6);
  });

  it('reads the options of each group anew', () => {
    const [p, q] = [leaf(0), leaf(0)];
    const optimizer = new optim.SGD(
      [
        { params: [p], lr: 1 },
        { params: [q], maximize: true },
      ],
      { lr: 2 },
    );
    p.grad = torch.tensor([1]);
    q.grad = torch.tensor([1]);
    optimizer.step();
    expect([p.item(), q.item()]).deep.equal([-1, 2]);
    optimizer.paramGroups[0]!.lr = 4;
    optimizer.paramGroups[1]!.momentum = 0.5;
    optimizer.step();
    optimizer.step();
    expect([p.item(), q.item()]).deep.equal([-9, 2 + 2 + 2 * 1.5]);
  });

  it('another rule in one group leaves the counts of the others', () => {
    const [p, q, alone] = [leaf(1, 2), leaf(3), leaf(1, 2)];
    const options = { lr: 0.1, momentum: 0.9, dampening: 0.5 };
    const both = new optim.SGD([{ params: [p] }, { params: [q], momentum: 0, dampening: 0 }], options);
    const one = new optim.SGD([alone], options);
    for (let t = 1; t <= 6; t++) {
      if (t === 4) both.paramGroups[1]!.momentum = 0.5;
      for (const tensor of [p, q, alone]) tensor.grad = tensor.detach().mul(t);
      both.step();
      one.step();
    }
    expect(bits(p)).equal(bits(alone));
  });

  it('adds groups between steps', () => {
    const [p, q] = [leaf(0), leaf(0)];
    const optimizer = new optim.SGD([p], { lr: 1 });
    p.grad = torch.tensor([1]);
    optimizer.step();
    optimizer.addParamGroup({ params: q, lr: 3 });
    q.grad = torch.tensor([1]);
    optimizer.step();
    expect([p.item(), q.item()]).deep.equal([-2, -3]);
    expect(optimizer.paramGroups.map(({ params }) => params.length)).deep.equal([1, 1]);
  });

  it('runs a closure with gradients recorded and returns its result', () => {
    const p = leaf(3);
    const optimizer = new optim.SGD([p], { lr: 0.5 });
    const loss = torch.noGrad(() =>
      optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = p.mul(p).sum();
        loss.backward();
        return loss;
      }),
    );
    expect(loss.item()).equal(9);
    expect(p.item()).equal(0);
  });

  it('zeroGrad drops or fills gradients', () => {
    const p = leaf(3);
    const optimizer = new optim.SGD([p]);
    p.grad = torch.tensor([1]);
    optimizer.zeroGrad({ setToNone: false });
    expect(p.grad!.tolist()).deep.equal([0]);
    optimizer.zeroGrad();
    expect(p.grad).equal(null);
    optimizer.zeroGrad();
  });

  it('is seen by autograd: a graph that needs the old value cannot be used', () => {
    const p = leaf(3);
    const loss = p.mul(p).sum();
    const optimizer = new optim.SGD([p]);
    p.grad = torch.tensor([1]);
    optimizer.step();
    expect(() => loss.backward()).throw(TorchClipError, /modified by an inplace operation/);
    expect(p.requiresGrad && p.isLeaf).equal(true);
  });

  it('reports norms and coefficients by group and by tensor', () => {
    const [p, q, r] = [leaf(0), leaf(0), leaf(0)];
    p.grad = torch.tensor([3]);
    q.grad = torch.tensor([4]);
    r.grad = torch.tensor([8]);
    const stats = (scope: clip.Scope) => {
      const optimizer = new optim.SGD([{ params: [p, q] }, { params: [r] }], { clip: clip.norm(4, { scope }) });
      optimizer.step();
      const { norm, coefficient, skipped } = optimizer.clipStats;
      expect(skipped.item()).equal(0);
      return [norm.tolist(), (coefficient.reshape([-1]).tolist() as number[]).map((c) => Math.round(c * 1e5) / 1e5)];
    };
    expect(stats('tensor')).deep.equal([
      [3, 4, 8],
      [1, 1, 0.5],
    ]);
    expect(stats('group')).deep.equal([
      [5, 8],
      [0.8, 0.5],
    ]);
    expect(stats('global')).deep.equal([Math.sqrt(89), [0.424]]);
  });

  it('treats complex parameters as pairs of reals', () => {
    const value = torch.tensor([1, 2, 3, 4]).view([2, 2]);
    const z = torch.viewAsComplex(value.clone()).detach().requiresGrad_();
    const x = value.clone().requiresGrad_();
    const [a, b] = [z, x].map((p) => new optim.AdamW([p], { lr: 0.1, clip: clip.norm(1), amsgrad: true }));
    for (let t = 1; t < 4; t++) {
      x.grad = torch.tensor([t, -1, 2, 5]).view([2, 2]);
      z.grad = torch.viewAsComplex(x.grad.clone());
      a!.step();
      b!.step();
    }
    expect(flat([[torch.viewAsReal(z.detach())]])).deep.equal(flat([[x]]));
    z.grad = z.detach().clone();
    const other = new optim.SGD([z], { clip: clip.value(1) });
    expect(() => other.step()).throw(TorchClipError, /complex parameters can be clipped by their 2-norm only/);
  });

  it('follows a parameter whose memory or dtype is replaced', () => {
    const layer = new nn.Linear(3, 2);
    const optimizer = new optim.AdamW(layer.parameters(), { lr: 0.1 });
    const train = () => {
      optimizer.zeroGrad();
      layer
        .forward(torch.ones([1, 3], { dtype: layer.parameters()[0]!.dtype }))
        .sum()
        .backward();
      optimizer.step();
    };
    train();
    layer.to({ dtype: torch.float64 });
    const before = flat([layer.parameters()]);
    train();
    expect(flat([layer.parameters()])).not.deep.equal(before);
    expect(optimizer.stateDict().state[0]!.exp_avg).property('dtype', torch.float64);
    expect((optimizer.stateDict().state[0]!.step as torch.Tensor).item()).equal(2);
  });

  it('prints its options as PyTorch does', () => {
    const optimizer = new optim.Adam([{ params: [leaf(1)], lr: 0.5 }, { params: [leaf(1)] }]);
    const group = (i: number, lr: number) =>
      `Parameter Group ${i}\n    amsgrad: false\n    betas: [0.9, 0.999]\n    decoupledWeightDecay: false\n    eps: 1e-8\n` +
      `    lr: ${lr}\n    maximize: false\n    weightDecay: 0\n`;
    expect(String(optimizer)).equal(`Adam (\n${group(0, 0.5)}\n${group(1, 0.001)})`);
    expect(inspect(optimizer)).equal(String(optimizer));
  });
});
