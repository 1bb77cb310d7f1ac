// A denoising diffusion model of points in the plane: noise schedule, time embedding, averaged weights, and samples at the end.
import torch, { nn, optim, type Tensor } from 'torch-clip';

const F = nn.functional;
const { AveragedModel, getEmaMultiAvgFn } = optim.swaUtils;
const levels = 50;

function moons(n: number): Tensor {
  const generator = new torch.Generator().manualSeed(3);
  const angle = torch.rand([n], { generator }).mul(Math.PI);
  const upper = torch.stack([angle.cos(), angle.sin()], 1);
  const lower = torch.stack([torch.rsub(angle.cos(), 1), torch.rsub(angle.sin(), 0.5)], 1);
  const choice = torch.rand([n, 1], { generator }).lt(0.5);
  return torch.where(choice, upper, lower).add(torch.randn([n, 2], { generator }).mul(0.05));
}

class TimeEmbedding extends nn.Module {
  frequencies: nn.Buffer;

  constructor(dim: number) {
    super();
    const half = dim / 2;
    const exponents = torch
      .arange(half)
      .mul(-Math.log(1e4))
      .div(half - 1);
    this.frequencies = new nn.Buffer(exponents.exp(), { persistent: false });
  }

  override forward(t: Tensor): Tensor {
    const angles = t.unsqueeze(1).mul(this.frequencies.unsqueeze(0));
    return torch.cat([angles.sin(), angles.cos()], -1);
  }
}

class Block extends nn.Module {
  norm: nn.LayerNorm;
  scaleShift: nn.Linear;
  linear: nn.Linear;
  dropout = new nn.Dropout(0.1);

  constructor(dim: number) {
    super();
    this.norm = new nn.LayerNorm(dim);
    this.scaleShift = new nn.Linear(dim, 2 * dim);
    this.linear = new nn.Linear(dim, dim);
  }

  override forward(x: Tensor, t: Tensor): Tensor {
    const [scale, shift] = this.scaleShift.forward(t).chunk(2, -1) as [Tensor, Tensor];
    const h = this.norm.forward(x).mul(scale.add(1)).add(shift);
    return x.add(this.dropout.forward(F.silu(this.linear.forward(h))));
  }
}

export class Denoiser extends nn.Module {
  time: nn.Sequential;
  enter: nn.Linear;
  blocks: nn.ModuleList<Block>;
  leave: nn.Linear;

  constructor(dim = 32, depth = 3) {
    super();
    this.time = new nn.Sequential(new TimeEmbedding(dim), new nn.Linear(dim, dim), new nn.SiLU());
    this.enter = new nn.Linear(2, dim);
    this.blocks = new nn.ModuleList(Array.from({ length: depth }, () => new Block(dim)));
    this.leave = new nn.Linear(dim, 2);
    nn.init.zeros_(this.leave.weight);
  }

  override forward(x: Tensor, t: Tensor): Tensor {
    const time = this.time.forward(t);
    let h = this.enter.forward(x);
    for (const block of this.blocks) h = block.forward(h, time);
    return this.leave.forward(h);
  }
}

class Diffusion extends nn.Module {
  betas = new nn.Buffer(torch.linspace(1e-4, 0.05, levels));
  kept = new nn.Buffer(torch.cumprod(torch.rsub(this.betas, 1), 0));

  noisy(x: Tensor, t: Tensor, noise: Tensor): Tensor {
    const kept = this.kept.at(t).unsqueeze(-1);
    return kept.sqrt().mul(x).add(torch.rsub(kept, 1).sqrt().mul(noise));
  }

  sample(model: { forward(x: Tensor, t: Tensor): Tensor }, n: number): Tensor {
    return torch.noGrad(() => {
      let x = torch.randn([n, 2]);
      for (let step = levels - 1; step >= 0; step--) {
        const t = torch.full([n], step, { dtype: torch.long });
        const noise = model.forward(x, t);
        const [beta, kept] = [this.betas.at(step), this.kept.at(step)];
        x = x.sub(beta.div(torch.rsub(kept, 1).sqrt()).mul(noise)).div(torch.rsub(beta, 1).sqrt());
        if (step > 0) x.add_(beta.sqrt().mul(torch.randnLike(x)));
      }
      return x;
    });
  }
}

/** The losses, and then the mean and the spread of 16 samples of the averaged model. */
export function train(steps: number): number[] {
  const points = moons(256);
  torch.manualSeed(0);
  const [model, diffusion] = [new Denoiser(), new Diffusion()];
  const average = new AveragedModel(model, { multiAvgFn: getEmaMultiAvgFn(0.9) });
  const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3, weightDecay: 1e-2 });
  const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, { maxLr: 2e-3, totalSteps: steps });
  const losses = Array.from({ length: steps }, (_, step) => {
    const x = points.narrow(0, 32 * (step % 8), 32);
    const t = torch.randint(0, levels, [x.size(0)]);
    const noise = torch.randnLike(x);
    const loss = F.mseLoss(model.forward(diffusion.noisy(x, t, noise), t), noise);
    optimizer.zeroGrad({ setToNone: true });
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), 1.0);
    optimizer.step();
    scheduler.step();
    average.updateParameters(model);
    return loss.item();
  });
  average.eval();
  const made = diffusion.sample(average, 16);
  return [...losses, ...(made.mean({ dim: 0 }).tolist() as number[]), ...(made.std({ dim: 0 }).tolist() as number[])];
}
