import { expect } from 'chai';
import torch, { clip, type optim, type Tensor, TorchClipError } from '../../../lib/index.js';
import { bits, optimizers } from '../support.js';

/** What every optimizer of the package has in common, whatever it computes. */
describe('optim: the whole catalogue', () => {
  const matrix = () => torch.ones([2, 3], { requiresGrad: true });
  const grad = torch.tensor([
    [3, -1, 2],
    [-2, 0.5, 1],
  ]);
  const stepped = (make: (param: Tensor) => optim.Optimizer, gradient = grad, steps = 3) => {
    const param = matrix();
    const optimizer = make(param);
    for (let t = 0; t < steps; t++) {
      param.grad = gradient;
      optimizer.step();
    }
    if ('eval' in optimizer && typeof optimizer.eval === 'function') optimizer.eval();
    return param;
  };

  for (const [name, Class] of Object.entries(optimizers)) {
    it(`${name} needs no options but parameters, and has its class's name`, () => {
      const optimizer = new Class([matrix()]);
      expect(optimizer.toString()).match(new RegExp(`^${name} \\(\nParameter Group 0\n`));
      expect(optimizer.paramGroups[0]!.lr).above(0);
    });

    it(`${name} refuses a negative lr, of all and of a group`, () => {
      const refused = /learning rate.*-1/i;
      expect(() => new Class([matrix()], { lr: -1 }))
        .throw(TorchClipError, refused)
        .property('code', 'ERR_ARGUMENT');
      expect(() => new Class([{ params: [matrix()], lr: -1 }])).throw(TorchClipError, refused);
      const optimizer = new Class([matrix()]);
      expect(() => optimizer.addParamGroup({ params: [matrix()], lr: -1 })).throw(TorchClipError, refused);
      expect(optimizer.paramGroups).length(1);
    });

    it(`${name} refuses options that it does not have, and differentiable`, () => {
      expect(() => new Class([matrix()], { speed: 1 })).throw(TorchClipError, `unknown option "speed" of ${name}`);
      expect(() => new Class([matrix()], { differentiable: true })).throw(TorchClipError, /"differentiable" cannot/);
      expect(() => new Class([])).throw(TorchClipError, /empty parameter list/);
    });

    it(`${name} takes every option for a group`, () => {
      const { params: _, ...options } = new Class([matrix()], { lr: 0.25 }).paramGroups[0]!;
      const { paramGroups } = new Class([{ params: [matrix()], ...options }, { params: [matrix()] }]);
      const { params: __, ...own } = paramGroups[0]!;
      expect(own).deep.equal(options);
      expect(own.lr).equal(0.25);
      expect(paramGroups[1]!.lr).equal(new Class([matrix()]).paramGroups[0]!.lr);
    });

    it(`${name} moves each group by its own lr`, () => {
      const [first, second] = [matrix(), matrix()];
      const optimizer = new Class([{ params: [first] }, { params: [second], lr: 0.25 }], { lr: 0.5 });
      for (let t = 0; t < 2; t++) {
        first.grad = grad;
        second.grad = grad;
        optimizer.step();
      }
      expect(bits(first)).not.equal(bits(second));
      expect(bits(second)).not.equal(bits(matrix()));
    });

    it(`${name} with maximize does what it does to the negated gradient`, () => {
      const up = stepped((param) => new Class([param], { lr: 0.01, maximize: true }));
      const down = stepped((param) => new Class([param], { lr: 0.01 }), grad.neg());
      expect(up.tolist()).deep.equal(down.tolist());
      expect(bits(up)).not.equal(bits(matrix()));
    });

    it(`${name} is left as it was by a step that a clipper skips`, () => {
      const param = stepped((p) => new Class([p], { clip: clip.norm(1) }), grad.div(0), 1);
      expect(bits(param)).equal(bits(matrix()));
    });
  }
});
