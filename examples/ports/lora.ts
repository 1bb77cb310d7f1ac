// Low-rank adapters on a frozen transformer, merged in the end. Hu et al., "LoRA: low-rank adaptation of large language models", 2022.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { words } from './data.js';

const F = nn.functional;

/** A frozen layer, and what is added to its output by two thin matrices. */
export class LoRALinear extends nn.Linear {
  loraA: nn.Parameter;
  loraB: nn.Parameter;
  readonly scale: number;

  constructor(base: nn.Linear, rank: number, alpha: number) {
    super(base.inFeatures, base.outFeatures, { bias: base.bias !== null });
    this.weight = base.weight;
    if (base.bias !== null) this.bias = base.bias;
    this.loraA = new nn.Parameter(torch.empty([rank, base.inFeatures]));
    this.loraB = new nn.Parameter(torch.zeros([base.outFeatures, rank]));
    nn.init.kaimingUniform_(this.loraA, { a: Math.sqrt(5) });
    this.scale = alpha / rank;
  }

  override forward(x: Tensor): Tensor {
    return super.forward(x).add(x.matmul(this.loraA.t()).matmul(this.loraB.t()).mul(this.scale));
  }

  /** The same layer without adapters. */
  merged(): nn.Linear {
    const layer = new nn.Linear(this.inFeatures, this.outFeatures, { bias: this.bias !== null });
    layer.weight = new nn.Parameter(this.weight.detach().add(this.loraB.matmul(this.loraA).mul(this.scale).detach()));
    if (this.bias !== null) layer.bias = this.bias;
    return layer;
  }
}

class Model extends nn.Module {
  embed = new nn.Embedding(12, 16);
  query: nn.Linear = new nn.Linear(16, 16);
  value: nn.Linear = new nn.Linear(16, 16);
  key = new nn.Linear(16, 16);
  head = new nn.Linear(16, 12);

  override forward(tokens: Tensor): Tensor {
    const x = this.embed.forward(tokens);
    const [q, k, v] = [this.query.forward(x), this.key.forward(x), this.value.forward(x)];
    return this.head.forward(F.scaledDotProductAttention(q, k, v, { isCausal: true }).add(x));
  }
}

/** The losses of so many steps, and that of the merged model. */
export function train(steps: number): number[] {
  const text = words(200, 12);
  torch.manualSeed(0);
  const model = new Model().requiresGrad_(false);
  model.query = new LoRALinear(model.query, 2, 4);
  model.value = new LoRALinear(model.value, 2, 4);
  const trained = model.parameters().filter((p) => p.requiresGrad);
  const optimizer = new optim.AdamW(trained, { lr: 0.02 });
  const lossAt = (step: number) => {
    const window = text.narrow(0, 8 * step, 33);
    const logits = model.forward(window.narrow(0, 0, 32).view(4, 8));
    return F.crossEntropy(logits.flatten(0, 1), window.narrow(0, 1, 32));
  };
  const losses = Array.from({ length: steps }, (_, step) => {
    optimizer.zeroGrad();
    const loss = lossAt(step % 20);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  for (const name of ['query', 'value'] as const) {
    const layer = model[name];
    if (layer instanceof LoRALinear) model[name] = layer.merged();
  }
  return [...losses, lossAt(0).item()];
}
