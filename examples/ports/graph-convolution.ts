// Graph convolution over a sparse adjacency matrix. Kipf & Welling, "Semi-supervised classification with graph convolutional networks", 2017.
import torch, { nn, optim, type Tensor } from 'torch-clip';

const F = nn.functional;

class GraphConvolution extends nn.Module {
  weight: nn.Parameter;
  bias: nn.Parameter;

  constructor(inputs: number, outputs: number) {
    super();
    this.weight = new nn.Parameter(torch.empty([inputs, outputs]));
    this.bias = new nn.Parameter(torch.zeros([outputs]));
    nn.init.kaimingNormal_(this.weight);
  }

  override forward(x: Tensor, adjacency: Tensor): Tensor {
    return torch.sparse.mm(adjacency, x.matmul(this.weight)).add(this.bias);
  }
}

export class GCN extends nn.Module {
  first = new GraphConvolution(12, 16);
  second = new GraphConvolution(16, 4);
  dropout = new nn.Dropout(0.3);

  override forward(x: Tensor, adjacency: Tensor): Tensor {
    const h = this.dropout.forward(F.relu(this.first.forward(x, adjacency)));
    return F.logSoftmax(this.second.forward(h, adjacency), 1);
  }
}

/** Four groups of nodes, linked mostly within; the matrix is `D^-1/2 (A + I) D^-1/2`. */
function graph(n: number): { adjacency: Tensor; features: Tensor; labels: Tensor } {
  const generator = new torch.Generator().manualSeed(3);
  const labels = torch.arange(n).remainder(4);
  const chance = torch.where(labels.unsqueeze(0).eq(labels.unsqueeze(1)), 0.4, 0.05);
  const upper = torch.rand([n, n], { generator }).lt(chance).triu(1).to(torch.getDefaultDtype());
  const full = upper.add(upper.t()).add(torch.eye(n));
  const scale = full.sum(1).pow(-0.5);
  const adjacency = full.mul(scale.unsqueeze(0)).mul(scale.unsqueeze(1)).toSparse();
  const features = torch.rand([n, 12], { generator }).add(F.oneHot(labels, 12).mul(0.5));
  return { adjacency, features, labels };
}

export function train(steps: number): number[] {
  const { adjacency, features, labels } = graph(48);
  const known = torch.arange(0, 48, 3);
  torch.manualSeed(0);
  const model = new GCN();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01, weightDecay: 5e-4 });
  return Array.from({ length: steps }, () => {
    optimizer.zeroGrad();
    const output = model.forward(features, adjacency);
    const loss = F.nllLoss(output.indexSelect(0, known), labels.indexSelect(0, known));
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
