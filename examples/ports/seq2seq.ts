// A translator with attention: packed sequences into a bidirectional GRU, and a decoder that sees the true word or its own, by chance.
import torch, { nn, optim, type Tensor } from 'torch-clip';

const F = nn.functional;
const { packPaddedSequence, padPackedSequence, padSequence } = nn.utils.rnn;
const [pad, bos, eos, words] = [0, 1, 2, 12];

type Pair = readonly [source: Tensor, target: Tensor];

/** Sentences of 3 to 8 words, and the same backwards. */
function pairs(n: number): Pair[] {
  const generator = new torch.Generator().manualSeed(4);
  const mark = (word: number) => torch.tensor([word], { dtype: torch.int64 });
  return Array.from({ length: n }, () => {
    const length = torch.randint(3, 9, [1], { generator }).item();
    const sentence = torch.randint(3, words, [length], { generator });
    return [torch.cat([sentence, mark(eos)]), torch.cat([mark(bos), sentence.flip([0]), mark(eos)])];
  });
}

function collate(batch: readonly Pair[]): [source: Tensor, lengths: Tensor, target: Tensor] {
  const [sources, targets] = [batch.map(([source]) => source), batch.map(([, target]) => target)];
  const lengths = torch.tensor(
    sources.map((source) => source.size(0)),
    { dtype: torch.int64 },
  );
  const options = { batchFirst: true, paddingValue: pad };
  return [padSequence(sources, options), lengths, padSequence(targets, options)];
}

class Encoder extends nn.Module {
  embedding: nn.Embedding;
  rnn: nn.GRU;
  bridge: nn.Linear;

  constructor(dim: number) {
    super();
    this.embedding = new nn.Embedding(words, dim, { paddingIdx: pad });
    this.rnn = new nn.GRU(dim, dim, { batchFirst: true, bidirectional: true });
    this.bridge = new nn.Linear(2 * dim, dim);
  }

  override forward(source: Tensor, lengths: Tensor): [outputs: Tensor, hidden: Tensor] {
    const embedded = this.embedding.forward(source);
    const packed = packPaddedSequence(embedded, lengths, { batchFirst: true, enforceSorted: false });
    const [states, last] = this.rnn.forward(packed);
    const [outputs] = padPackedSequence(states, { batchFirst: true });
    const hidden = this.bridge.forward(torch.cat([last.at(-2), last.at(-1)], 1)).tanh();
    return [outputs, hidden];
  }
}

class Attention extends nn.Module {
  query: nn.Linear;
  key: nn.Linear;
  energy: nn.Linear;

  constructor(dim: number) {
    super();
    this.query = new nn.Linear(dim, dim, { bias: false });
    this.key = new nn.Linear(2 * dim, dim, { bias: false });
    this.energy = new nn.Linear(dim, 1, { bias: false });
  }

  override forward(hidden: Tensor, outputs: Tensor, mask: Tensor): Tensor {
    const both = this.query.forward(hidden).unsqueeze(1).add(this.key.forward(outputs)).tanh();
    const energy = this.energy.forward(both).squeeze(-1);
    const weights = F.softmax(energy.maskedFill(mask.logicalNot(), -Infinity), -1);
    return torch.bmm(weights.unsqueeze(1), outputs).squeeze(1);
  }
}

class Decoder extends nn.Module {
  embedding: nn.Embedding;
  attention: Attention;
  cell: nn.GRUCell;
  out: nn.Linear;

  constructor(dim: number) {
    super();
    this.embedding = new nn.Embedding(words, dim, { paddingIdx: pad });
    this.attention = new Attention(dim);
    this.cell = new nn.GRUCell(3 * dim, dim);
    this.out = new nn.Linear(dim, words);
  }

  override forward(word: Tensor, before: Tensor, outputs: Tensor, mask: Tensor): [score: Tensor, hidden: Tensor] {
    const context = this.attention.forward(before, outputs, mask);
    const hidden = this.cell.forward(torch.cat([this.embedding.forward(word), context], -1), before);
    return [this.out.forward(hidden), hidden];
  }
}

export class Seq2Seq extends nn.Module {
  encoder: Encoder;
  decoder: Decoder;

  constructor(dim = 16) {
    super();
    this.encoder = new Encoder(dim);
    this.decoder = new Decoder(dim);
    for (const [name, parameter] of this.namedParameters()) {
      if (name.includes('weight_hh')) nn.init.orthogonal_(parameter);
    }
  }

  override forward(source: Tensor, lengths: Tensor, target: Tensor, teacherForcing = 0.5): Tensor {
    const [outputs, first] = this.encoder.forward(source, lengths);
    const mask = source.ne(pad);
    let [word, hidden] = [target.at({}, 0), first];
    const scores: Tensor[] = [];
    for (let t = 1; t < target.size(1); t++) {
      const [score, next] = this.decoder.forward(word, hidden, outputs, mask);
      hidden = next;
      scores.push(score);
      word = torch.rand([1]).item() < teacherForcing ? target.at({}, t) : score.argmax({ dim: 1 });
    }
    return torch.stack(scores, 1);
  }
}

export function train(steps: number): number[] {
  const data = pairs(64);
  torch.manualSeed(0);
  const model = new Seq2Seq();
  const criterion = new nn.CrossEntropyLoss({ ignoreIndex: pad, labelSmoothing: 0.1 });
  const optimizer = new optim.Adam(model.parameters(), { lr: 5e-3 });
  const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 2 });
  return Array.from({ length: steps }, (_, step) => {
    const start = 8 * (step % 8);
    const [source, lengths, target] = collate(data.slice(start, start + 8));
    const scores = model.forward(source, lengths, target);
    const loss = criterion.forward(scores.flatten(0, 1), target.at({}, { start: 1 }).flatten());
    optimizer.zeroGrad();
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), 1.0);
    optimizer.step();
    scheduler.step(loss.item());
    return loss.item();
  });
}
