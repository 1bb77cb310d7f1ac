// Weights of one bit: signs in the forward pass, and a gradient that passes straight through where the weight is within [-1, 1]. Courbariaux et al.,
// "BinaryConnect", 2015.
import torch, { autograd, nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

const F = nn.functional;

export class Binarise extends autograd.Function {
  static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return torch.where(x.ge(0), 1, -1).to(x.dtype);
  }

  static backward(ctx: autograd.FunctionContext, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    return grad.mul(x.abs().le(1));
  }
}

class BinaryLinear extends nn.Linear {
  override forward(x: Tensor): Tensor {
    return F.linear(x, Binarise.apply(this.weight as Tensor), this.bias);
  }
}

export function train(steps: number): number[] {
  const { images, labels } = pictures(32, 1, 12);
  torch.manualSeed(0);
  const model = new nn.Sequential(
    new nn.Flatten(),
    new BinaryLinear(144, 32),
    new nn.BatchNorm1d(32),
    new nn.Hardtanh(),
    new BinaryLinear(32, 10),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  return Array.from({ length: steps }, () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model.forward(images), labels);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
