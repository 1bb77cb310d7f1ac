import { expect } from 'chai';
import torch, { clip, cuda, optim } from '../../lib/index.js';
import { onGpu } from './support.js';

describe('cuda: graphs', () => {
  onGpu('a capture runs nothing, and a replay everything', () => {
    const x = torch.zeros([3], { device: 'cuda' });
    const graph = new cuda.Graph();
    const y = graph.capture(() => x.add_(1).mul(2));
    expect(x.tolist()).deep.equal([0, 0, 0]);
    graph.replay();
    expect(y.tolist()).deep.equal([2, 2, 2]);
    x.copy_(torch.tensor([1, 2, 3]));
    graph.replay();
    expect(y.tolist()).deep.equal([4, 6, 8]);
    graph.reset();
    graph.capture(() => x.sub_(1));
    graph.replay();
    expect(x.tolist()).deep.equal([1, 2, 3]);
  });

  onGpu('a body that throws leaves a graph that can capture again', () => {
    const x = torch.ones([3], { device: 'cuda' });
    const graph = new cuda.Graph();
    const before = cuda.currentStream();
    expect(() =>
      graph.capture(() => {
        x.add_(1);
        throw new Error('mine');
      }),
    ).throw('mine');
    expect(cuda.currentStream().isSame(before)).equal(true);
    graph.capture(() => x.add_(1));
    graph.replay();
    expect(x.tolist()).deep.equal([2, 2, 2]);
  });

  onGpu('a clipped step, captured and replayed, is the eager one', () => {
    const run = (captured: boolean) => {
      const p = torch.linspace(-1, 1, 100_003, { device: 'cuda' }).requiresGrad_();
      const g = torch.zeros([100_003], { device: 'cuda' });
      p.grad = g;
      const optimizer = new optim.AdamW([p], { clip: clip.norm(1) });
      const graph = new cuda.Graph();
      for (let t = 0; t < 12; t++) {
        g.copy_(
          p
            .detach()
            .mul(t + 1)
            .sin(),
        );
        if (!captured || t < 3) optimizer.step();
        else {
          if (t === 3) graph.capture(() => optimizer.step());
          graph.replay();
        }
      }
      return p.tolist();
    };
    expect(run(true)).deep.equal(run(false));
  });
});
