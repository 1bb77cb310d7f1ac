// Samplers that libtorch keeps for its distributions, under names that its public API does not have.
import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { nativeOp } from '../ops/overload.js';
import { type Handle, type Tensor, wrap } from '../tensor.js';

const run = (name: string, ...tensors: Tensor[]): Tensor =>
  wrap(nativeOp(name)(...tensors.map((t) => t.handle)) as Handle);
const draw = (name: string, from: Tensor): Tensor => wrap(nativeOp(name)(from.handle, null) as Handle);

/** Draws from Gamma(concentration, 1), differentiable. */
export const standardGamma = (concentration: Tensor): Tensor => draw('_standard_gamma', concentration);

/** Its own operation, so that a second derivative is refused: libtorch has none. */
class DirichletGradient extends AutogradFunction {
  static forward(_ctx: FunctionContext, x: Tensor, concentration: Tensor, gradient: Tensor): Tensor {
    const total = concentration.sum(-1, true).expandAs(concentration);
    const own = run('_dirichlet_grad', x, concentration.contiguous(), total.contiguous());
    return own.mul(gradient.sub(x.mul(gradient).sum(-1, true)));
  }
}

class DirichletSample extends AutogradFunction {
  static forward(ctx: FunctionContext, concentration: Tensor): Tensor {
    const x = draw('_sample_dirichlet', concentration);
    ctx.saveForBackward(x, concentration);
    return x;
  }
  static backward(ctx: FunctionContext, gradient: Tensor): Tensor {
    const [x, concentration] = ctx.savedTensors;
    return DirichletGradient.apply(x!, concentration!, gradient);
  }
}

/** Draws from Dirichlet(concentration) along the last dimension, differentiable once. */
export const sampleDirichlet = (concentration: Tensor): Tensor => DirichletSample.apply(concentration);
