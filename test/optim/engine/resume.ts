import { readFileSync, writeFileSync } from 'node:fs';
import torch, { clip, optim, type Tensor } from '../../../lib/index.js';
import type { LRSchedulerStateDict } from '../../../lib/optim/lr-scheduler/index.js';
import type { OptimizerStateDict } from '../../../lib/optim/state/state-dict.js';
import { isTensor } from '../../../lib/tensor.js';
import { optimizers } from '../support.js';

export interface Case {
  optimizer: string;
  options: Record<string, unknown>;
}

const clippers: Record<string, () => clip.Clipper | undefined> = {
  'as it is': () => undefined,
  'stochastic auto': () => clip.stochastic(clip.auto({ percentile: 40, window: 5 }), { beta: 0.6, seed: 3 }),
  'spam, tap of zscore, adaGC': () =>
    clip.chain(
      clip.spam({ threshold: 2 }),
      clip.tap(clip.zscore({ zThreshold: 0.5, warmup: 2 })),
      clip.adaGC({ warmup: 2 }),
    ),
};

const coins = { clippingType: 'linearRandAutoclip', pAutoclip: 0.5, beta: 0.6 };
const originals: Record<string, Case['options']> = {
  ClippedSGD: { lr: 0.1, momentum: 0.9, ...coins },
  ClippedSSTM: { lr: 0.1, L: 2, ...coins },
  Expectigrad: { lr: 0.1 },
};

/** The runs that are saved here and resumed in another process: every optimizer under these clippers, and the originals. */
export const cases: Record<string, Case> = Object.fromEntries([
  ...Object.keys(optimizers).flatMap((optimizer) =>
    Object.entries(clippers).map(([name, clipper]) => [
      `${optimizer}, ${name}`,
      { optimizer, options: { ...(clipper() && { clip: clipper() }) } },
    ]),
  ),
  ...Object.entries(originals).map(([optimizer, options]) => [
    `${optimizer}, reference`,
    { optimizer, options: { reference: true, ...options } },
  ]),
]);

/** A training run, whose gradients are noise from the global generator. */
export class Run {
  readonly #params: Tensor[];
  readonly #optimizer: optim.Optimizer;
  readonly #annealing: optim.lrScheduler.CosineAnnealingWarmRestarts;
  readonly #plateau: optim.lrScheduler.ReduceLROnPlateau;

  /** @param own options of the second group. */
  constructor({ optimizer, options }: Case, own: Record<string, unknown> = {}) {
    this.#params = [torch.ones([3, 4]), torch.ones([2, 3], { dtype: torch.bfloat16 })].map((t) => t.requiresGrad_());
    const [first, second] = this.#params;
    // The original of ClippedSSTM makes one of its groups.
    const single = optimizer === 'ClippedSSTM' && options.reference === true;
    const groups = single ? [{ params: this.#params }] : [{ params: [first!] }, { params: [second!], ...own }];
    this.#optimizer = new optimizers[optimizer]!(groups, options);
    this.#annealing = new optim.lrScheduler.CosineAnnealingWarmRestarts(this.#optimizer, { T0: 5, TMult: 2 });
    this.#plateau = new optim.lrScheduler.ReduceLROnPlateau(this.#optimizer, { factor: 0.5, patience: 1 });
  }

  /** One gradient in four is 30 times as long. */
  advance(steps: number): void {
    for (let t = 0; t < steps; t++) {
      const scale = torch.rand([]).item() < 0.25 ? 30 : 1;
      for (const param of this.#params) param.grad = torch.randn(param.shape).mul(scale).to(param.dtype);
      this.#optimizer.step();
      this.#annealing.step();
      this.#plateau.step(torch.rand([]).item());
    }
  }

  /** Two files: the tensors, and a JSON text that names them. */
  save(path: string): void {
    const tensors: Record<string, Tensor> = {};
    const all = {
      params: this.#params.map((param) => param.detach()),
      optimizer: this.#optimizer.stateDict(),
      annealing: this.#annealing.stateDict(),
      plateau: this.#plateau.stateDict(),
      random: torch.getRngState(),
    };
    const named = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(named);
      if (typeof value !== 'object' || value === null) return value;
      if (!isTensor(value)) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, named(entry)]));
      const name = `tensor ${Object.keys(tensors).length}`;
      tensors[name] = value;
      return name;
    };
    const text = JSON.stringify(named(all));
    torch.io.saveSafetensors(tensors, `${path}.safetensors`);
    writeFileSync(`${path}.json`, text);
  }

  load(path: string): void {
    const tensors = torch.io.loadSafetensors(`${path}.safetensors`);
    const all = JSON.parse(readFileSync(`${path}.json`, 'utf8'), (_, value: unknown) =>
      typeof value === 'string' ? (tensors[value] ?? value) : value,
    ) as {
      params: Tensor[];
      optimizer: OptimizerStateDict;
      annealing: LRSchedulerStateDict;
      plateau: LRSchedulerStateDict;
      random: Tensor;
    };
    torch.noGrad(() => {
      this.#params.forEach((param, i) => {
        param.copy_(all.params[i]!);
      });
    });
    this.#optimizer.loadStateDict(all.optimizer);
    this.#annealing.loadStateDict(all.annealing);
    this.#plateau.loadStateDict(all.plateau);
    torch.setRngState(all.random);
  }
}
