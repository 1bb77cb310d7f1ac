// ResNet-18, a small GPT-2 and their optimizers' states from Python's files, which train on here as they do there.
import { spawnSync } from 'node:child_process';
import torch, { clip, nn, optim, type Tensor } from '../../../lib/index.js';
import { here, type Run } from './check.js';

const F = nn.functional;

class Block extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null = null;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(outputs);
    this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(outputs);
    if (stride !== 1 || inputs !== outputs) {
      const narrow = new nn.Conv2d(inputs, outputs, 1, { stride, bias: false });
      this.downsample = new nn.Sequential(narrow, new nn.BatchNorm2d(outputs));
    }
  }

  override forward(x: Tensor): Tensor {
    const kept = this.downsample === null ? x : this.downsample.forward(x);
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(inner)).add(kept).relu();
  }
}

class ResNet18 extends nn.Module {
  conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  bn1 = new nn.BatchNorm2d(64);
  layer1 = new nn.Sequential(new Block(64, 64, 1), new Block(64, 64, 1));
  layer2 = new nn.Sequential(new Block(64, 128, 2), new Block(128, 128, 1));
  layer3 = new nn.Sequential(new Block(128, 256, 2), new Block(256, 256, 1));
  layer4 = new nn.Sequential(new Block(256, 512, 2), new Block(512, 512, 1));
  fc = new nn.Linear(512, 1000);

  override forward(x: Tensor): Tensor {
    let y = F.maxPool2d(this.bn1.forward(this.conv1.forward(x)).relu(), 3, { stride: 2, padding: 1 }) as Tensor;
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4]) y = layer.forward(y);
    return this.fc.forward(y.mean([2, 3]));
  }
}

class Layer extends nn.Module {
  ln_1: nn.LayerNorm;
  c_attn: nn.Linear;
  c_proj: nn.Linear;
  ln_2: nn.LayerNorm;
  mlp: nn.Sequential;

  constructor(
    readonly width: number,
    readonly heads: number,
  ) {
    super();
    this.ln_1 = new nn.LayerNorm(width);
    this.c_attn = new nn.Linear(width, 3 * width);
    this.c_proj = new nn.Linear(width, width);
    this.ln_2 = new nn.LayerNorm(width);
    this.mlp = new nn.Sequential(
      new nn.Linear(width, 4 * width),
      new nn.GELU({ approximate: 'tanh' }),
      new nn.Linear(4 * width, width),
    );
  }

  override forward(x: Tensor): Tensor {
    const { width, heads } = this;
    const [batch, length] = x.shape as [number, number];
    const parts = this.c_attn.forward(this.ln_1.forward(x)).split(width, 2);
    const [q, k, v] = parts.map((part) => part.view([batch, length, heads, width / heads]).transpose(1, 2)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const attended = F.scaledDotProductAttention(q, k, v, { isCausal: true });
    const y = x.add(this.c_proj.forward(attended.transpose(1, 2).reshape([batch, length, width])));
    return y.add(this.mlp.forward(this.ln_2.forward(y)));
  }
}

class Gpt extends nn.Module {
  wte = new nn.Embedding(101, 48);
  wpe = new nn.Embedding(16, 48);
  h = new nn.ModuleList([new Layer(48, 3), new Layer(48, 3)]);
  ln_f = new nn.LayerNorm(48);
  lm_head = new nn.Linear(48, 101, { bias: false });

  constructor() {
    super();
    this.lm_head.weight = this.wte.weight;
  }

  override forward(tokens: Tensor): Tensor {
    let x = this.wte.forward(tokens).add(this.wpe.forward(torch.arange(tokens.shape[1]!)));
    for (const layer of this.h) x = (layer as Layer).forward(x);
    return this.lm_head.forward(this.ln_f.forward(x));
  }
}

interface Saved {
  model: nn.StateDict;
  optimizer: optim.OptimizerStateDict;
  batches: [x: Tensor, y: Tensor][];
}

/** Trains on from a file; gives the largest relative difference to the losses that Python has. */
function trainedOn(
  path: string,
  model: nn.Module & { forward(x: Tensor): Tensor },
  optimizer: optim.Optimizer,
  lossOf: (y: Tensor, target: Tensor) => Tensor,
): number {
  const saved = torch.load<Saved>(path);
  const expected = torch.load<number[]>(`${path}.losses`);
  model.loadStateDict(saved.model);
  optimizer.loadStateDict(saved.optimizer);
  const differences = saved.batches.map(([x, target], i) => {
    optimizer.zeroGrad();
    const loss = lossOf(model.forward(x), target);
    loss.backward();
    optimizer.step();
    return Math.abs(loss.item() / expected[i]! - 1);
  });
  return Math.max(...differences);
}

export function models(run: Run): void {
  const { status, stderr } = spawnSync(run.python, ['-W', 'ignore', here('models.py'), run.folder], {
    encoding: 'utf8',
    env: run.pythonEnv,
  });
  if (status !== 0) {
    run.fail(`models.py: ${stderr}`);
    return;
  }
  const resnet = new ResNet18();
  const sgd = new optim.SGD(resnet.parameters(), { lr: 1, momentum: 0.5, clip: clip.norm(1) });
  const gpt = new Gpt();
  const parameters = gpt.parameters();
  const groups = [
    { params: parameters.filter((p) => p.dim() > 1) },
    { params: parameters.filter((p) => p.dim() === 1) },
  ];
  const adamw = new optim.AdamW(groups, { lr: 1, clip: clip.norm(1) });
  const sequences = (logits: Tensor, target: Tensor) => F.crossEntropy(logits.flatten(0, 1), target.flatten());
  const differences: [string, number][] = [
    ['ResNet-18 with SGD', trainedOn(run.path('resnet18.pt'), resnet, sgd, (y, target) => F.crossEntropy(y, target))],
    ['a small GPT-2 with AdamW', trainedOn(run.path('gpt.pt'), gpt, adamw, sequences)],
  ];
  for (const [name, difference] of differences) {
    if (!(difference < 1e-4)) run.fail(`${name} trains on with losses ${difference} away from Python's`);
    else
      console.log(
        `${name} from Python trains on as it does there: losses differ by ${difference.toExponential(1)} at most`,
      );
  }
}
