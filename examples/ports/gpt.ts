// A small GPT and its training loop: groups with and without weight decay, accumulated gradients, norms clipped to 1, a warm-up into a cosine,
// and a run that stops in the middle and is resumed from a file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import torch, { clip, nn, optim, type Tensor } from 'torch-clip';
import { words } from './data.js';

const F = nn.functional;

export interface Config {
  vocabulary: number;
  block: number;
  layers: number;
  heads: number;
  width: number;
  dropout: number;
}

class Attention extends nn.Module {
  qkv: nn.Linear;
  project: nn.Linear;
  dropout: nn.Dropout;

  constructor(private readonly config: Config) {
    super();
    const { width, dropout } = config;
    this.qkv = new nn.Linear(width, 3 * width, { bias: false });
    this.project = new nn.Linear(width, width, { bias: false });
    this.dropout = new nn.Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const { heads, width, dropout } = this.config;
    const [batch, time] = x.shape as [number, number];
    const [q, k, v] = this.qkv
      .forward(x)
      .split(width, 2)
      .map((part) => part.view(batch, time, heads, width / heads).transpose(1, 2));
    const mixed = F.scaledDotProductAttention(q!, k!, v!, { dropoutP: this.training ? dropout : 0, isCausal: true });
    return this.dropout.forward(this.project.forward(mixed.transpose(1, 2).reshape([batch, time, width])));
  }
}

class Block extends nn.Module {
  norm1: nn.LayerNorm;
  attention: Attention;
  norm2: nn.LayerNorm;
  mlp: nn.Sequential<[nn.Linear, nn.GELU, nn.Linear, nn.Dropout]>;

  constructor(config: Config) {
    super();
    const { width, dropout } = config;
    this.norm1 = new nn.LayerNorm(width);
    this.attention = new Attention(config);
    this.norm2 = new nn.LayerNorm(width);
    this.mlp = new nn.Sequential(
      new nn.Linear(width, 4 * width, { bias: false }),
      new nn.GELU(),
      new nn.Linear(4 * width, width, { bias: false }),
      new nn.Dropout(dropout),
    );
  }

  override forward(x: Tensor): Tensor {
    x = x.add(this.attention.forward(this.norm1.forward(x)));
    return x.add(this.mlp.forward(this.norm2.forward(x)));
  }
}

export class GPT extends nn.Module {
  tokens: nn.Embedding;
  positions: nn.Embedding;
  dropout: nn.Dropout;
  blocks: nn.ModuleList<Block>;
  norm: nn.LayerNorm;
  head: nn.Linear;

  constructor(readonly config: Config) {
    super();
    const { vocabulary, block, layers, width, dropout } = config;
    this.tokens = new nn.Embedding(vocabulary, width);
    this.positions = new nn.Embedding(block, width);
    this.dropout = new nn.Dropout(dropout);
    this.blocks = new nn.ModuleList(Array.from({ length: layers }, () => new Block(config)));
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, vocabulary, { bias: false });
    this.tokens.weight = this.head.weight;
    this.apply((module) => {
      if (module instanceof nn.Linear || module instanceof nn.Embedding) nn.init.normal_(module.weight, { std: 0.02 });
    });
    for (const [name, p] of this.namedParameters()) {
      if (name.endsWith('project.weight')) nn.init.normal_(p, { std: 0.02 / Math.sqrt(2 * layers) });
    }
  }

  override forward(tokens: Tensor): Tensor {
    const positions = torch.arange(tokens.size(1));
    let x = this.dropout.forward(this.tokens.forward(tokens).add(this.positions.forward(positions)));
    for (const block of this.blocks) x = block.forward(x);
    return this.head.forward(this.norm.forward(x));
  }

  /** Goes on with the tokens by so many more, drawn from the likeliest `topK`. */
  generate(tokens: Tensor, count: number, topK: number): Tensor {
    return torch.noGrad(() => {
      let all = tokens;
      for (let i = 0; i < count; i++) {
        const from = Math.max(0, all.size(1) - this.config.block);
        const logits = this.forward(all.narrow(1, from, all.size(1) - from)).select(1, -1);
        const least = logits.topk(topK)[0].narrow(1, topK - 1, 1);
        const kept = logits.maskedFill(logits.lt(least), Number.NEGATIVE_INFINITY);
        all = torch.cat([all, torch.multinomial(F.softmax(kept, -1), 1)], 1);
      }
      return all;
    });
  }
}

/** Matrices decay, biases and gains do not. */
export function optimizerOf(model: nn.Module): optim.AdamW {
  const [decayed, others] = [true, false].map((big) => model.parameters().filter((p) => p.ndim >= 2 === big));
  const groups = [
    { params: decayed!, weightDecay: 0.1 },
    { params: others!, weightDecay: 0 },
  ];
  return new optim.AdamW(groups, { lr: 1e-2, betas: [0.9, 0.95], clip: clip.norm(1) });
}

const warmup = 4;
const end = 20;
function rateAt(step: number): number {
  if (step < warmup) return (1e-2 * (step + 1)) / (warmup + 1);
  const done = (step - warmup) / (end - warmup);
  return 1e-3 + 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done))) * (1e-2 - 1e-3);
}

const config: Config = { vocabulary: 20, block: 16, layers: 2, heads: 2, width: 32, dropout: 0.1 };

/** The losses of so many steps, the second half of them by a model that was loaded; then the tokens that it makes. */
export function train(steps: number): number[] {
  const text = words(1000, config.vocabulary);
  torch.manualSeed(0);
  let model = new GPT(config);
  let optimizer = optimizerOf(model);
  const accumulate = 2;
  const folder = mkdtempSync(join(tmpdir(), 'gpt-'));
  const losses: number[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      if (step === steps >> 1) {
        const file = join(folder, 'checkpoint.pt');
        torch.save({ model: model.stateDict(), optimizer: optimizer.stateDict(), rng: torch.getRngState() }, file);
        const saved = torch.load(file) as {
          model: nn.StateDict;
          optimizer: ReturnType<optim.AdamW['stateDict']>;
          rng: Tensor;
        };
        model = new GPT(config);
        optimizer = optimizerOf(model);
        model.loadStateDict(saved.model);
        optimizer.loadStateDict(saved.optimizer);
        torch.setRngState(saved.rng);
      }
      for (const group of optimizer.paramGroups) group.lr = rateAt(step);
      let sum = 0;
      for (let micro = 0; micro < accumulate; micro++) {
        const starts = torch.randint(0, text.numel() - config.block, [4]).tolist() as number[];
        const rows = (shift: number) => torch.stack(starts.map((start) => text.narrow(0, start + shift, config.block)));
        const logits = model.forward(rows(0));
        const loss = F.crossEntropy(logits.flatten(0, 1), rows(1).flatten()).div(accumulate);
        loss.backward();
        sum += loss.item();
      }
      optimizer.step();
      optimizer.zeroGrad();
      losses.push(sum);
    }
    model.eval();
    const made = model.generate(text.narrow(0, 0, 4).unsqueeze(0), 12, 5);
    return [...losses, ...(made.flatten().tolist() as number[])];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
