import { expect } from 'chai';
import { camelCase } from '../../../lib/camel-case.js';
import torch, { clip, optim, type Tensor } from '../../../lib/index.js';
import type { ClippedSGDOptions } from '../../../lib/optim/index.js';
import { bytesOf, refusalOf } from '../../support.js';
import { flat, parameters, setGradients } from '../support.js';

const steps = 30;

/** The parameters after each step. */
function run(
  make: (params: { params: Tensor[] }[]) => optim.Optimizer,
  scale?: (groups: Tensor[][]) => void,
): number[][] {
  const groups = parameters(torch.float64);
  const optimizer = make(groups.map((params) => ({ params })));
  return Array.from({ length: steps }, (_, t) => {
    setGradients(groups, t + 1);
    scale?.(groups);
    optimizer.step();
    return flat(groups);
  });
}

const common = { lr: 0.05, momentum: 0.9, weightDecay: 0.01 };
const clipped = (options: ClippedSGDOptions) =>
  run((params) => new optim.ClippedSGD(params, { ...common, ...options }));
const sgd = (clipper: clip.Clipper | null) => run((params) => new optim.SGD(params, { ...common, clip: clipper }));

/** Multiplies every gradient of a unit by min(1, level / its norm). */
const scaleTo = (level: number, unitsOf: (groups: Tensor[][]) => Tensor[][]) => (groups: Tensor[][]) => {
  for (const unit of unitsOf(groups)) {
    const norm = Math.hypot(...unit.map((p) => p.grad!.norm().item() as number));
    for (const p of unit) p.grad!.mul_(Math.min(1, level / norm));
  }
};

describe('optim.ClippedSGD', () => {
  const random = { beta: 0.4, seed: 7 };
  const same: [string, ClippedSGDOptions, clip.Clipper | null][] = [
    ['no_clip', {}, null],
    ['coordinate_wise', { clippingLevel: 0.7 }, clip.value(0.7)],
    ['auto_clip', { pAutoclip: 0.6, window: 9 }, clip.auto({ percentile: 60, window: 9 })],
    ['linear_rand_norm', { clippingLevel: 3, ...random }, clip.stochastic(clip.norm(3), random)],
    ['quadratic_rand_norm', { clippingLevel: 3, ...random }, clip.stochastic(clip.norm(3), { ...random, power: 2 })],
    ['linear_rand_autoclip', { ...random }, clip.stochastic(clip.auto({ percentile: 75 }), random)],
    [
      'quadratic_rand_autoclip',
      { pAutoclip: 0.5, ...random },
      clip.stochastic(clip.auto({ percentile: 50 }), { ...random, power: 2 }),
    ],
  ];
  for (const [clippingType, options, clipper] of same) {
    const camel = camelCase(clippingType);
    it(`${clippingType} and ${camel} are SGD with ${clipper ?? 'no clipper'}`, () => {
      const want = sgd(clipper);
      for (const name of [clippingType, camel]) {
        expect(clipped({ ...options, clippingType: name as ClippedSGDOptions['clippingType'] })).deep.equal(want);
      }
    });
  }

  const exact: [NonNullable<ClippedSGDOptions['clippingType']>, (groups: Tensor[][]) => Tensor[][]][] = [
    ['norm', (groups) => [groups.flat()]],
    ['layer_wise', (groups) => groups.flat().map((p) => [p])],
  ];
  for (const [clippingType, unitsOf] of exact) {
    it(`${clippingType} divides by the norm itself`, () => {
      const want = run((params) => new optim.SGD(params, common), scaleTo(2.5, unitsOf));
      clipped({ clippingType, clippingLevel: 2.5 }).forEach((got, t) => {
        got.forEach((x, i) => {
          expect(x).closeTo(want[t]![i]!, 1e-12);
        });
      });
    });
  }

  it('has the documented default levels', () => {
    const level = (clippingType: ClippedSGDOptions['clippingType']) => {
      const p = torch.zeros([1], { requiresGrad: true });
      p.grad = torch.tensor([100]);
      new optim.ClippedSGD([p], { lr: 1, clippingType }).step();
      return -(p.item() as number);
    };
    expect(level('norm')).closeTo(1, 1e-6);
    expect(level('layerWise')).closeTo(0.3, 1e-6);
    expect(level('coordinateWise')).closeTo(0.1, 1e-6);
    expect(level('noClip')).equal(100);
  });

  it('goes on bit for bit from a state dict, with its history and its coins', () => {
    const options: ClippedSGDOptions = { ...common, clippingType: 'linearRandAutoclip', beta: 0.5, pAutoclip: 0.5 };
    const make = (groups: Tensor[][]) =>
      new optim.ClippedSGD(
        groups.map((params) => ({ params })),
        options,
      );
    const advance = (groups: Tensor[][], optimizer: optim.Optimizer, from: number, to: number) => {
      for (let t = from; t <= to; t++) {
        setGradients(groups, t);
        optimizer.step();
      }
    };
    const whole = parameters(torch.float32);
    const uninterrupted = make(whole);
    advance(whole, uninterrupted, 1, 12);
    const copies = whole.map((group) => group.map((p) => p.detach().clone().requiresGrad_()));
    const resumed = make(copies);
    resumed.loadStateDict(uninterrupted.stateDict());
    advance(whole, uninterrupted, 13, steps);
    advance(copies, resumed, 13, steps);
    expect(copies.flat().map(bytesOf)).deep.equal(whole.flat().map(bytesOf));
  });

  const p = () => [torch.zeros([1], { requiresGrad: true })];
  const make = (options: object) => new optim.ClippedSGD(p(), options);
  const refused: [string, object, string][] = [
    ['a level of 0', { clippingType: 'norm', clippingLevel: 0 }, '"clippingLevel" must be a finite number > 0, got 0'],
    ['an infinite level', { clippingLevel: Infinity }, '"clippingLevel" must be a finite number > 0, got Infinity'],
    ['the percentile 0', { pAutoclip: 0 }, '"pAutoclip" must be a number in (0, 1], got 0'],
    ['beta 1', { clippingType: 'linearRandNorm', beta: 1 }, '"beta" must be a number in (0, 1), got 1'],
    [
      'no beta',
      { clippingType: 'quadratic_rand_norm' },
      '"beta" must be a number in (0, 1) for clippingType: \'quadratic_rand_norm\', got undefined',
    ],
    ['a negative momentum', { momentum: -1 }, 'Invalid momentum value: -1 ("momentum" must be a number >= 0)'],
    ['nesterov without momentum', { nesterov: true }, 'Nesterov momentum requires a momentum and zero dampening'],
    ['two clippers', { clippingType: 'norm', clip: clip.norm(1) }, '"clip" and "clippingType" cannot be combined'],
    ['half a reference', { reference: 1 }, '"reference" must be true or false, got 1'],
    ['options that are none', null as unknown as object, '"options" of ClippedSGD must be a plain object, got null'],
  ];
  for (const [what, options, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(refusalOf(() => make(options))).include({ code: 'ERR_ARGUMENT', message });
    });
  }

  it("refuses the state of the original's run, and that run ours", () => {
    const ours = make({ momentum: 0.9 });
    const original = make({ momentum: 0.9, reference: true });
    expect(refusalOf(() => ours.loadStateDict(original.stateDict()))).include({
      code: 'ERR_STATE',
      message: 'the state dict was saved with reference: true, which this optimizer does not have',
    });
    expect(refusalOf(() => original.loadStateDict(ours.stateDict()))).include({
      code: 'ERR_STATE',
      message: 'the state dict was saved without reference: true, which this optimizer has',
    });
  });
});
