import { expect } from 'chai';
import fc from 'fast-check';
import torch, { clip, optim, type Tensor } from '../../../lib/index.js';
import { bits, layouts } from '../support.js';

describe('optimizers: tensors that are visited as copies', () => {
  const kinds = Object.keys(layouts);

  it('steps whose gradients and parameters change their layout on the way are those of plain tensors', () => {
    const step = fc.record({
      grad: fc.constantFrom(...kinds, 'none'),
      // A parameter that moves in memory, or is written from outside.
      change: fc.constantFrom('nothing', 'nothing', 'other layout', 'other values'),
      to: fc.constantFrom(...kinds),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.boolean(),
        fc.array(step, { maxLength: 8 }),
        (first, writeBack, steps) => {
          const shape = [3, 4];
          const values = torch.linspace(-1, 1, 12).view(shape);
          const p = layouts[first]!(values).detach().requiresGrad_();
          const twin = values.clone().requiresGrad_();
          const options = { lr: 0.1, clip: clip.norm(0.5), writeBack };
          const [one, other] = [new optim.AdamW([p], options), new optim.AdamW([twin], options)];
          steps.forEach(({ grad, change, to }, t) => {
            torch.noGrad(() => {
              if (change === 'other layout') p.data = layouts[to]!(p.detach());
              if (change === 'other values') for (const each of [p, twin]) each.mul_(0.5);
            });
            const g = torch.linspace(t, -2, 12).sin().view(shape);
            p.grad = grad === 'none' ? null : layouts[grad]!(g);
            twin.grad = grad === 'none' ? null : g.clone();
            one.step();
            other.step();
            const same = (a: Tensor, b: Tensor) => expect(bits(a.contiguous())).equal(bits(b));
            same(p.detach(), twin.detach());
            if (grad !== 'none') same(p.grad!, twin.grad!);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('clip the rows that a parameter has now, after it was given another shape in the same memory', () => {
    const shape = fc.constantFrom([2, 6], [6, 2], [3, 4], [12], [2, 2, 3]);
    const placements = fc.constantFrom('gradient', 'update');
    fc.assert(
      fc.property(fc.array(shape, { minLength: 2, maxLength: 5 }), placements, (shapes, placement) => {
        const options = () => ({ lr: 1, clip: clip.norm(1, { scope: 'row', placement }) });
        const p = torch.ones(shapes[0]!, { requiresGrad: true });
        const optimizer = new optim.SGD([p], options());
        for (const [t, to] of shapes.entries()) {
          p.data = p.data.view(to);
          const fresh = p.detach().clone().requiresGrad_();
          const g = torch.linspace(t - 3, 5, 12).view(to);
          p.grad = g.clone();
          fresh.grad = g.clone();
          optimizer.step();
          new optim.SGD([fresh], options()).step();
          expect(bits(p.detach())).equal(bits(fresh.detach()));
        }
      }),
      { numRuns: 30 },
    );
  });
});
