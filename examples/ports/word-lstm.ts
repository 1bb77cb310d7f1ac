// A word-level language model on an LSTM: tied weights, gradients clipped to 0.25, the state carried from window to window.
import torch, { nn, type Tensor } from 'torch-clip';
import { columns, words } from './data.js';

const F = nn.functional;
type State = [h: Tensor, c: Tensor];

export class WordModel extends nn.Module {
  drop = new nn.Dropout(0.2);
  encoder: nn.Embedding;
  rnn: nn.LSTM;
  decoder: nn.Linear;

  constructor(
    readonly vocabulary = 20,
    readonly width = 16,
  ) {
    super();
    this.encoder = new nn.Embedding(vocabulary, width);
    this.rnn = new nn.LSTM(width, width, { numLayers: 2, dropout: 0.2 });
    this.decoder = new nn.Linear(width, vocabulary);
    this.decoder.weight = this.encoder.weight;
    nn.init.uniform_(this.encoder.weight, { a: -0.1, b: 0.1 });
    nn.init.zeros_(this.decoder.bias!);
  }

  override forward(input: Tensor, state: State): [logProbabilities: Tensor, state: State] {
    const [output, next] = this.rnn.forward(this.drop.forward(this.encoder.forward(input)), state);
    const decoded = this.decoder.forward(this.drop.forward(output)).view(-1, this.vocabulary);
    return [F.logSoftmax(decoded, 1), next];
  }

  begin(batch: number): State {
    const { weight } = this.encoder;
    return [weight.newZeros([2, batch, this.width]), weight.newZeros([2, batch, this.width])];
  }
}

export function train(steps: number): number[] {
  const text = columns(words(600, 20), 4);
  const window = 7;
  torch.manualSeed(0);
  const model = new WordModel();
  let state = model.begin(4);
  return Array.from({ length: steps }, (_, step) => {
    const input = text.narrow(0, step * window, window);
    const target = text.narrow(0, step * window + 1, window).reshape(-1);
    model.zeroGrad();
    state = [state[0].detach(), state[1].detach()];
    const [output, next] = model.forward(input, state);
    state = next;
    const loss = F.nllLoss(output, target);
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), 0.25);
    torch.noGrad(() => {
      for (const p of model.parameters()) p.add_(p.grad!, { alpha: -5 });
    });
    return loss.item();
  });
}
