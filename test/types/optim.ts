// Compiled, never run: what the declarations of optimizers and clippers accept and refuse.
import torch, { clip, nn, optim } from '../../lib/index.js';

const model = new nn.Linear(2, 1);

new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, clip: clip.norm(1) });
new optim.AdamW([{ params: model.weight, lr: 1 }, { params: [torch.ones([1])] }], {
  betas: [0.9, 0.99],
  nonFinite: 'zero',
});
new optim.Adam(new Set(model.parameters()), {
  clip: clip.norm(1, { normType: Infinity, scope: 'group' }),
  writeBack: true,
});

// Any optimizer passes where the base is asked for.
function halve(optimizer: optim.Optimizer): void {
  for (const group of optimizer.paramGroups) group.lr /= 2;
}
const adam = new optim.AdamW(model.parameters());
halve(adam);
halve(new optim.SGD(model.parameters()));
halve(new optim.Muon([model.weight]));
const expectigrad = new optim.Expectigrad(model.parameters(), { lr: (step) => 1 / (1 + step), globalClipnorm: 1 });
halve(expectigrad);
expectigrad.addParamGroup({ params: torch.ones([1]), lr: (step) => step });
const sstm = new optim.ClippedSSTM(model.parameters(), { L: 10, clippingType: 'linearRandNorm', beta: 0.5 });
halve(sstm);
sstm.eval();
adam.paramGroups[0]!.betas = [0.8, 0.9];
const loss: torch.Tensor = adam.step(() => torch.ones([1]));
const nothing: undefined = adam.step();
const norm: number = adam.clipStats.norm.item();
adam.loadStateDict(adam.stateDict());
const clipper: clip.Clipper = clip.value(1);
const total: torch.Tensor = nn.utils.clipGradNorm_(model.parameters(), 1, { errorIfNonfinite: true });

const decay: optim.lrScheduler.LRScheduler = new optim.lrScheduler.StepLR(adam, { stepSize: 3 });
new optim.lrScheduler.SequentialLR(adam, { schedulers: [decay, decay], milestones: [1] }).step();
const rate: number = new optim.lrScheduler.ChainedScheduler([decay]).getLastLr()[0]!;
const plateau = new optim.lrScheduler.ReduceLROnPlateau(adam, { mode: 'max' });
plateau.step(loss);

// @ts-expect-error it needs a metric
plateau.step();
// @ts-expect-error whose step needs a metric
new optim.lrScheduler.ChainedScheduler([plateau]);
// @ts-expect-error stepSize must be given
new optim.lrScheduler.StepLR(adam, {});
// @ts-expect-error an option of another optimizer
new optim.AdamW(model.parameters(), { momentum: 0.9 });
// @ts-expect-error a function of the step in a group that was made
expectigrad.paramGroups[0]!.lr = (step: number) => step;
// @ts-expect-error an unknown clipping type
new optim.ClippedSSTM(model.parameters(), { clippingType: 'hard' });
// @ts-expect-error a misspelt option
new optim.SGD(model.parameters(), { weight_decay: 0.1 });
// @ts-expect-error a number is not a clipper
new optim.SGD(model.parameters(), { clip: 1 });
// @ts-expect-error an unknown scope
clip.norm(1, { scope: 'layer' });
// @ts-expect-error groups keep their parameters
adam.paramGroups[0]!.params = [];
// @ts-expect-error an unknown policy
new optim.Adam(model.parameters(), { nonFinite: 'ignore' });
// @ts-expect-error AdamW is always decoupled
new optim.AdamW(model.parameters(), { decoupledWeightDecay: false });

export { clipper, loss, norm, nothing, rate, total };
