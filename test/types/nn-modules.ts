// Modules that are held as what they are called as, and lists of them, can be called.
import { nn, type Tensor } from '../../lib/index.js';

class Block extends nn.Module {
  readonly act: nn.TensorModule;
  readonly layers: nn.ModuleList;
  readonly others: nn.TensorModule[] = [new nn.ReLU(), new nn.Linear(1, 1)];
  readonly heads = new nn.ModuleDict();

  constructor(act: nn.TensorModule) {
    super();
    this.act = act;
    this.layers = new nn.ModuleList([new nn.Linear(2, 2), new nn.LayerNorm(2)]);
  }

  override forward(x: Tensor): Tensor {
    let y = this.act.forward(x);
    for (const layer of this.layers) y = layer.forward(y);
    for (const layer of this.others) y = layer.call(y);
    const first: Tensor | undefined = this.layers.at(0)?.forward(y);
    return this.heads.get('x').forward(first ?? y);
  }
}

new Block(new nn.GELU());
new Block(new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU()));
// @ts-expect-error a recurrent network gives more than one tensor
new Block(new nn.LSTM(2, 2));

// A list of other modules says which.
const networks: nn.ModuleList<nn.LSTM> = new nn.ModuleList([new nn.LSTM(2, 2)]);
const [, [h]]: [Tensor, [Tensor, Tensor]] = networks.at(0)!.forward(h0());
export const state: Tensor = h;
declare function h0(): Tensor;

// call has the arguments and the result of forward.
const [output]: [Tensor, Tensor | null] = new nn.MultiheadAttention(4, 2).call(h0(), h0(), h0(), {
  needWeights: false,
});
export const result: Tensor = output;
// @ts-expect-error call takes what forward takes
new nn.Linear(2, 2).call(3);
