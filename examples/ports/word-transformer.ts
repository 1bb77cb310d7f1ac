// The same text for a Transformer: positions by sines, a causal mask, gradients clipped to 0.25 inside the optimizer's step.
import torch, { clip, nn, optim, type Tensor } from 'torch-clip';
import { columns, words } from './data.js';

const F = nn.functional;
const vocabulary = 20;
const width = 16;

class Positions extends nn.Module {
  dropout = new nn.Dropout(0.1);
  table: Tensor;

  constructor(length = 64) {
    super();
    const table = torch.zeros([length, width]);
    const position = torch.arange(length, { dtype: torch.getDefaultDtype() }).unsqueeze(1);
    const rate = torch
      .arange(0, width, 2, { dtype: torch.getDefaultDtype() })
      .mul(-Math.log(10000) / width)
      .exp();
    table.at({}, { start: 0, step: 2 }).copy_(position.mul(rate).sin());
    table.at({}, { start: 1, step: 2 }).copy_(position.mul(rate).cos());
    this.table = new nn.Buffer(table.unsqueeze(1));
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(x.add(this.table.narrow(0, 0, x.size(0))));
  }
}

export class WordTransformer extends nn.Module {
  embed = new nn.Embedding(vocabulary, width);
  positions = new Positions();
  encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(width, 2, { dimFeedforward: 32, dropout: 0.1 }),
    2,
  );
  decoder = new nn.Linear(width, vocabulary);

  constructor() {
    super();
    nn.init.uniform_(this.embed.weight, { a: -0.1, b: 0.1 });
    nn.init.uniform_(this.decoder.weight, { a: -0.1, b: 0.1 });
    nn.init.zeros_(this.decoder.bias!);
  }

  override forward(input: Tensor): Tensor {
    const mask = nn.Transformer.generateSquareSubsequentMask(input.size(0));
    const x = this.positions.forward(this.embed.forward(input).mul(Math.sqrt(width)));
    return F.logSoftmax(this.decoder.forward(this.encoder.forward(x, { mask })), -1);
  }
}

export function train(steps: number): number[] {
  const text = columns(words(600, vocabulary), 4);
  const window = 7;
  torch.manualSeed(0);
  const model = new WordTransformer();
  const optimizer = new optim.SGD(model.parameters(), { lr: 2, clip: clip.norm(0.25) });
  return Array.from({ length: steps }, (_, step) => {
    const input = text.narrow(0, step * window, window);
    const target = text.narrow(0, step * window + 1, window).reshape(-1);
    optimizer.zeroGrad();
    const loss = F.nllLoss(model.forward(input).view(-1, vocabulary), target);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
