// ½‖x‖² by SGD where the gradient comes with noise, as in Gorbunov, Danilova & Gasnikov, "Stochastic optimization with
// heavy-tailed noise via accelerated gradient clipping", 2020.
import torch, { clip, type Generator, optim, type Tensor } from 'torch-clip';
import type { Example, Row } from './outcome.js';
import { tails } from './tails.js';

const n = 100;
const blockLength = 1000; // noise is drawn for this many steps at once
const lr = 1e-3;

/** Uniform on (0, 1]: never 0, which the transformations below send to infinity. */
const uniform = (generator: Generator): Tensor =>
  torch.rand([blockLength, n], { generator, dtype: torch.float64 }).neg().add(1);

/** Noise of mean 0 and, where there is a variance, variance 1, by inversion of the distribution function. */
const noises: Record<string, (generator: Generator) => Tensor> = {
  Gaussian: (generator) => torch.randn([blockLength, n], { generator, dtype: torch.float64 }),
  // Shape c = 0.2: (-ln u)^5 has mean 5! and mean square 10!.
  Weibull: (generator) =>
    uniform(generator)
      .log()
      .neg()
      .pow(5)
      .sub(120)
      .div(Math.sqrt(3628800 - 120 ** 2)),
  // Shapes 1 and d = 2.3: u^(-1/d) - 1 has mean 1/(d - 1) and mean square 2/((d - 1)(d - 2)).
  Burr: (generator) =>
    uniform(generator)
      .pow(-1 / 2.3)
      .sub(1)
      .sub(1 / 1.3)
      .div(Math.sqrt(2 / (1.3 * 0.3) - 1 / 1.3 ** 2)),
  // 1.5 degrees of freedom, whose variance is infinite; Bailey's polar method.
  'Student t': (generator) => {
    const radius = uniform(generator)
      .pow(-2 / 1.5)
      .sub(1)
      .mul(1.5)
      .sqrt();
    return radius.mul(
      uniform(generator)
        .mul(2 * Math.PI)
        .cos(),
    );
  },
};

const clippers: Record<string, clip.Clipper | null> = {
  none: null,
  'clip.norm(10)': clip.norm(10),
  'clip.value(1)': clip.value(1),
  'clip.auto()': clip.auto(),
};

interface Run {
  /** f at each step of the second half, in which the start no longer matters. */
  values: number[];
  /** The mean coordinate of x over the second half; the minimum is at 0. */
  mean: number;
  /** The norms of the noisy gradient, before clipping. */
  norms: number[];
}

function descend(
  draw: (generator: Generator) => Tensor,
  clipper: clip.Clipper | null,
  seed: number,
  blocks: number,
): Run {
  const generator = new torch.Generator().manualSeed(seed);
  const parameter = torch.arange(n, { dtype: torch.float64 }).mul(0.01).requiresGrad_();
  const optimizer = new optim.SGD([parameter], { lr, clip: clipper });

  const x = parameter.detach(); // the same memory, without recording
  const norms: number[] = [];
  const values: number[] = [];
  const means: number[] = [];
  for (let block = 0; block < blocks; block++) {
    for (const noise of draw(generator).unbind()) {
      const gradient = x.add(noise);
      norms.push(gradient.norm().item());
      parameter.grad = gradient;
      optimizer.step();
      if (block >= blocks / 2) values.push(x.dot(x).item() / 2);
    }
    if (block >= blocks / 2) means.push(x.mean().item());
  }
  return { values, mean: means.reduce((a, b) => a + b) / means.length, norms };
}

export const heavyTails: Example<{ seeds: number[]; blocks: number }> = {
  title: `SGD (lr ${lr}) on ½‖x‖² in ${n} dimensions, noise in the gradient`,
  lesson:
    'Clipping bounds what heavy tails do and leaves Gaussian noise alone. Where the noise is skewed (Weibull, Burr) it moves\n' +
    'the point that x settles at away from the minimum, the more so the more of the steps it clips.',
  sizes: { full: { seeds: [0, 1, 2], blocks: 100 }, quick: { seeds: [0], blocks: 20 } },
  steps: ({ seeds }) => seeds.length * Object.keys(noises).length * Object.keys(clippers).length,
  run({ seeds, blocks }, onStep) {
    return Object.entries(noises).flatMap(([noise, draw]) =>
      Object.entries(clippers).map(([clipper, rule]): Row => {
        const runs = seeds.map((seed) => {
          const run = descend(draw, rule, seed, blocks);
          onStep();
          return run;
        });
        const average = (of: (run: Run) => number) => runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
        return {
          noise,
          clipper,
          'worst f': runs.reduce((worst, { values }) => values.reduce((a, b) => Math.max(a, b), worst), 0),
          'mean f': average(({ values }) => values.reduce((a, b) => a + b) / values.length),
          'mean x': average(({ mean }) => mean),
          ...tails(runs.flatMap(({ norms }) => norms)),
        };
      }),
    );
  },
  claims: [
    { where: { noise: 'Gaussian', clipper: 'none' }, column: 'worst f', below: 0.06 },
    { where: { noise: 'Gaussian', clipper: 'clip.norm(10)' }, column: 'worst f', below: 0.06 },
    { where: { noise: 'Gaussian' }, column: 'mild ratio', below: 3 },
    { where: { noise: 'Weibull', clipper: 'none' }, column: 'worst f', above: 0.05 },
    { where: { noise: 'Weibull', clipper: 'clip.norm(10)' }, column: 'worst f', below: 0.02 },
    { where: { noise: 'Weibull' }, column: 'mild ratio', above: 10 },
    { where: { noise: 'Burr', clipper: 'none' }, column: 'worst f', above: 0.05 },
    { where: { noise: 'Burr', clipper: 'clip.norm(10)' }, column: 'worst f', below: 0.03 },
    { where: { noise: 'Burr' }, column: 'mild ratio', above: 10 },
    { where: { noise: 'Student t', clipper: 'none' }, column: 'worst f', above: 5 },
    { where: { noise: 'Student t', clipper: 'clip.norm(10)' }, column: 'worst f', below: 0.2 },
    { where: { noise: 'Student t', clipper: 'clip.value(1)' }, column: 'worst f', below: 0.1 },
    { where: { noise: 'Student t', clipper: 'clip.auto()' }, column: 'worst f', below: 0.5 },
    { where: { noise: 'Student t' }, column: 'mild ratio', above: 10 },
    { where: { noise: 'Student t', clipper: 'clip.norm(10)' }, column: 'alpha', above: 1.2, below: 1.8 },
    // The bias: symmetric noise has none.
    { where: { clipper: 'none', noise: 'Burr' }, column: 'mean x', above: -0.02, below: 0.02 },
    { where: { clipper: 'clip.value(1)', noise: 'Gaussian' }, column: 'mean x', above: -0.01, below: 0.01 },
    { where: { clipper: 'clip.value(1)', noise: 'Student t' }, column: 'mean x', above: -0.01, below: 0.01 },
    { where: { clipper: 'clip.auto()', noise: 'Weibull' }, column: 'mean x', above: 0.02 },
    { where: { clipper: 'clip.value(1)', noise: 'Weibull' }, column: 'mean x', above: 0.025 },
    { where: { clipper: 'clip.value(1)', noise: 'Burr' }, column: 'mean x', above: 0.05 },
    { where: { clipper: 'clip.value(1)', noise: 'Burr' }, column: 'mean f', above: 0.15 },
  ],
};
