import { expect } from 'chai';
import torch, { clip, optim, TorchClipError } from '../../lib/index.js';

// As a program without types would call them.
const loose = clip as unknown as Record<string, (...args: unknown[]) => clip.Clipper>;
const norm = () => clip.norm(1);

const refused: [call: string, args: unknown[], message: RegExp][] = [
  ['norm', [1, { scope: 'column' }], /"scope" must be "global", "group", "tensor" or "row", got "column"/],
  ['norm', [1, { placement: 'after' }], /"placement" must be "gradient" or "update", got "after"/],
  ['value', [0], /"limit" must be a number > 0, got 0/],
  ['auto', [{ percentile: 0 }], /"percentile" must be a number in \(0, 100\], got 0/],
  ['auto', [{ percentile: 101 }], /"percentile" must be a number in \(0, 100\], got 101/],
  ['auto', [{ window: 0 }], /"window" must be an integer >= 1, got 0/],
  ['auto', [{ window: 2.5 }], /"window" must be an integer >= 1, got 2\.5/],
  ['auto', [{ quantile: 0.5 }], /unknown option "quantile" of clip\.auto\(\); it takes percentile/],
  ['auto', [0.5], /"options" of clip\.auto\(\) must be a plain object, got 0\.5/],
  ['agc', [{ clipping: -1 }], /"clipping" must be a number > 0, got -1/],
  ['agc', [{ eps: 0 }], /"eps" must be a number > 0, got 0/],
  ['zscore', [{ alpha: 1 }], /"alpha" must be a number in \(0, 1\), got 1/],
  ['zscore', [{ warmup: 0 }], /"warmup" must be an integer >= 1, got 0/],
  ['zscore', [{ zThreshold: Number.NaN }], /"zThreshold" must be a number > 0, got NaN/],
  ['adaGC', [{ relative: 0 }], /"relative" must be a number > 0, got 0/],
  ['adaGC', [{ absolute: '1' }], /"absolute" must be a number > 0, got "1"/],
  ['adaGC', [{ beta: 0 }], /"beta" must be a number in \(0, 1\), got 0/],
  ['rms', [-1], /"threshold" must be a number > 0, got -1/],
  ['spam', [{ threshold: 0 }], /"threshold" must be a number > 0, got 0/],
  ['spam', [{ resetEvery: 0 }], /"resetEvery" must be an integer >= 1, or Infinity, got 0/],
  ['stochastic', [1, { beta: 0.5 }], /"clipper" must be a Clipper, such as clip\.norm\(1\), got 1/],
  ['stochastic', [norm(), {}], /"beta" must be a number in \(0, 1\), got undefined/],
  ['stochastic', [norm(), { beta: 0 }], /"beta" must be a number in \(0, 1\), got 0/],
  ['stochastic', [norm(), { beta: 0.5, power: 3 }], /"power" must be 1 or 2, got 3/],
  ['stochastic', [norm(), { beta: 0.5, seed: -1 }], /"seed" must be an integer >= 0, got -1/],
  ['stochastic', [clip.value(1), { beta: 0.5 }], /"clipper" must be a clipper that scales/],
  ['stochastic', [clip.chain(norm(), norm()), { beta: 0.5 }], /"clipper" must be one clipper, not a chain/],
  ['stochastic', [clip.stochastic(norm(), { beta: 0.5 }), { beta: 0.5 }], /stochastic\(\) cannot be applied twice/],
  ['chain', [], /chain\(\) needs at least one clipper/],
  ['chain', [norm(), 2], /"clippers\[1\]" must be a Clipper, such as clip\.norm\(1\), got 2/],
  [
    'chain',
    [clip.norm(1, { placement: 'update' }), clip.value(1)],
    /chain\(\): clippers with the placement 'gradient' must come before those with 'update', got value \(gradient\) after norm \(update\)/,
  ],
  ['custom', [1], /"decide" must be a function, got 1/],
  ['custom', [() => 1, { normType: 0 }], /"normType" must be a number > 0, got 0/],
  ['tap', [norm(), { window: 0 }], /"window" must be an integer >= 1, got 0/],
];

describe('clip: bad arguments', () => {
  for (const [name, args, message] of refused) {
    it(`${name}: ${message.source}`, () => {
      expect(() => loose[name]!(...args))
        .throw(TorchClipError, message)
        .property('code', 'ERR_ARGUMENT');
    });
  }

  const complexRefused: [string, clip.Clipper][] = [
    ['value', clip.value(1)],
    ['spam', clip.spam()],
    ['norm 1', clip.norm(1, { normType: 1 })],
    ['auto inf', clip.auto({ normType: Infinity })],
  ];
  for (const [name, clipper] of complexRefused) {
    it(`complex gradients are not clipped by ${name}`, () => {
      const p = torch.ones([2], { dtype: torch.complex64, requiresGrad: true });
      p.grad = torch.ones([2], { dtype: torch.complex64 });
      const optimizer = new optim.SGD([p], { clip: clipper });
      expect(() => optimizer.step()).throw(TorchClipError, /complex parameters can be clipped by their 2-norm only/);
      expect(p.detach().real.tolist()).deep.equal([1, 1]);
    });
  }
});
