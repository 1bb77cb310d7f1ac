// A first training script, line by line as in PyTorch; then the same with clipping fused into the step.
//   npm run setup && npx tsx examples/first-script.ts
import torch, { clip, data, nn, optim } from 'torch-clip';

/** The common start of both versions: the same seed gives the same data, weights and batches. */
function start() {
  torch.manualSeed(0);
  const x = torch.randn([100, 10]);
  const y = torch.randn([100, 1]);
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 20, shuffle: true });
  const model = new nn.Sequential(new nn.Linear(10, 5), new nn.ReLU(), new nn.Linear(5, 1));
  return { loader, model, criterion: new nn.MSELoss() };
}

/** As in PyTorch: clip the gradients in place, then step. */
function asInPyTorch(): number {
  const { loader, model, criterion } = start();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  let last = Number.NaN;
  for (let epoch = 0; epoch < 50; epoch++) {
    for (const [input, target] of loader) {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(input), target);
      loss.backward();
      nn.utils.clipGradNorm_(model.parameters(), 1.0);
      optimizer.step();
      last = loss.item();
    }
    if (epoch % 10 === 9) console.log(`epoch ${epoch + 1}: loss ${last.toFixed(6)}`);
  }
  return last;
}

/** The optimizer clips: one pass reads the gradients for their norm, another updates; the gradients are not written. */
function fused(): number {
  const { loader, model, criterion } = start();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, clip: clip.norm(1.0) });
  let last = Number.NaN;
  for (let epoch = 0; epoch < 50; epoch++) {
    for (const [input, target] of loader) {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(input), target);
      loss.backward();
      optimizer.step();
      last = loss.item();
    }
  }
  return last;
}

console.log(`clipGradNorm_ and step: loss ${asInPyTorch().toFixed(6)}`);
console.log(`the fused step:         loss ${fused().toFixed(6)}`);
