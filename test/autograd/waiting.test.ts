// Functions that a backward pass calls in the middle of an operation, which holds its lock meanwhile.
import { expect } from 'chai';
import torch, { type Tensor, TorchClipError } from '../../lib/index.js';

const { savedTensorsHooks } = torch.autograd.graph;
const leaf = () => torch.tensor([1, 2], { requiresGrad: true });
const refused = (body: () => unknown) =>
  expect(body).throw(TorchClipError, /cannot go through an operation that waits/);

/** The result of operations whose saved tensors are unpacked by `inside`, once. */
function unpacked(make: () => Tensor, inside: () => void): Tensor {
  let done = false;
  return savedTensorsHooks(
    (t) => t,
    (t) => {
      if (!done) {
        done = true;
        torch.enableGrad(inside);
      }
      return t;
    },
    make,
  );
}

describe('a backward pass that is started in the middle of an operation', () => {
  const makes: Record<string, (x: Tensor) => Tensor> = {
    'a product': (x) => x.mul(x),
    'a chain': (x) => x.sin().exp().mul(x),
    'a write into a view': (x) => {
      const y = x.clone();
      y.select(0, 0).mul_(x.select(0, 1));
      return y;
    },
  };
  for (const [name, make] of Object.entries(makes)) {
    it(`cannot go through it: ${name}`, () => {
      const x = leaf();
      const y: Tensor = unpacked(
        () => make(x),
        () => y.sum().backward({ retainGraph: true }),
      );
      refused(() => y.sum().backward({ retainGraph: true }));
      const z: Tensor = unpacked(
        () => make(x),
        () => torch.autograd.grad(z.sum(), x, { retainGraph: true }),
      );
      refused(() => z.sum().backward({ retainGraph: true }));
      // What is refused leaves everything usable.
      x.grad = null;
      z.sum().backward();
      expect(x.grad).not.equal(null);
    });

    it(`may go elsewhere, and up to it: ${name}`, () => {
      const x = leaf();
      const other = leaf();
      const y: Tensor = unpacked(
        () => make(x),
        () => {
          make(other).sum().backward();
          expect(torch.autograd.grad(y.sum(), y)[0]!.tolist()).deep.equal([1, 1]);
        },
      );
      y.sum().backward();
      expect(x.grad!.tolist()).deep.equal(other.grad!.tolist());
    });
  }

  it('cannot add to the leaf whose hook started it', () => {
    const [x, other] = [leaf(), leaf()];
    const handle = x.registerPostAccumulateGradHook((p) => torch.enableGrad(() => p.mul(2).sum().backward()));
    refused(() => x.mul(3).sum().backward());
    handle.remove();
    x.grad = null;
    x.registerPostAccumulateGradHook((p) =>
      torch.enableGrad(() => {
        other.mul(p.grad!).sum().backward();
        expect(torch.autograd.grad(p.mul(5).sum(), p)[0]!.tolist()).deep.equal([5, 5]);
      }),
    );
    x.mul(3).sum().backward();
    expect(other.grad!.tolist()).deep.equal([3, 3]);
  });

  it('cannot go through the checkpoint whose second run starts it', () => {
    const x = leaf();
    let second = false;
    const y: Tensor = torch.utils.checkpoint.checkpoint(
      (t: Tensor) => {
        if (second) y.sum().backward({ retainGraph: true });
        second = true;
        return t.sin().mul(t);
      },
      [x],
    );
    refused(() => y.sum().backward());
  });
});
