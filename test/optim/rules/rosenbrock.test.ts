import { expect } from 'chai';
import torch, { clip, optim } from '../../../lib/index.js';
import { ascents, clipped, type Schedule, type Setting, schedule, settings } from '../cases/rosenbrock.js';
import { optimizers } from '../support.js';

type Options = Record<string, unknown>;
type Point = readonly [number, number];
type Gradient = (at: Point, step: number) => Point;

const schedulers = optim.lrScheduler as unknown as Record<
  string,
  new (
    optimizer: optim.Optimizer,
    options: object,
  ) => { step(metric?: number): void }
>;
const clippers = clip as unknown as Record<string, (argument: unknown) => clip.Clipper>;

const start: Point = [1.5, 1.5];
const loss = ([x, y]: Point) => (1 - x) ** 2 + 100 * (y - x * x) ** 2;
const distance = ([x, y]: Point) => Math.hypot(x - 1, y - 1);
const dense: Gradient = ([x, y]) => [-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)];
// PyTorch's is a sparse tensor; sparse gradients are refused here, so that the other coordinate is a zero.
const sparse: Gradient = (at, step) => {
  const [x, y] = dense(at, step);
  return step % 2 === 0 ? [0, y] : [x, 0];
};

/** The point after 2000 steps, as many as in PyTorch's test. */
function minimise(
  name: string,
  options: Options,
  gradient: Gradient,
  { shape = [2] }: Pick<Setting, 'shape'> = {},
  schedule: Schedule = [],
): Point {
  const param = torch.tensor(start).view(shape).detach().requiresGrad_();
  const optimizer = new optimizers[name]!([param], options);
  const schedulings = schedule.map(([kind, own]) => new schedulers[kind]!(optimizer, own));
  const at = () => [...param.detach().toTypedArray<Float32Array<ArrayBuffer>>()] as unknown as Point;
  for (let step = 0; step < 2000; step++) {
    param.grad = torch.tensor(Float32Array.from(gradient(at(), step))).view(shape);
    optimizer.step();
    for (const scheduling of schedulings) {
      if (scheduling instanceof optim.lrScheduler.ReduceLROnPlateau) scheduling.step(loss(at()));
      else scheduling.step();
    }
  }
  // Some keep their result apart from the point where gradients are taken.
  if ('eval' in optimizer && typeof optimizer.eval === 'function') optimizer.eval();
  return at();
}

/** PyTorch's condition, and 99 % of the way down; a point that is not finite meets neither. */
function expectMinimised(end: Point, stops?: string): void {
  expect(loss(end), 'loss').most(loss(start) / 100);
  if (stops === undefined) expect(distance(end), 'distance').most(distance(start));
}

describe('optim: Rosenbrock', () => {
  it('has settings for every optimizer, and no others', () => {
    expect(Object.keys(settings).sort()).deep.equal(Object.keys(optimizers).sort());
  });

  for (const [name, setting] of Object.entries(settings)) {
    const { from, sparseStops, schedule: own = schedule } = setting;
    const variants = [
      ['', dense, setting.dense, undefined],
      [', sparse', sparse, setting.sparse ?? setting.dense, sparseStops],
    ] as const;
    for (const [variant, gradient, list, stops] of variants) {
      const ends = stops === undefined ? '' : `, in the valley (${stops})`;
      for (const options of list) {
        it(`${name} ${JSON.stringify(options)}, ${from}${variant}${ends}`, () => {
          expectMinimised(minimise(name, options, gradient, setting), stops);
        });
      }
      it(`${name} ${JSON.stringify(list[0])}, ${from}${variant}, with ${own.map(([kind]) => kind).join(' and ')}${ends}`, () => {
        expectMinimised(minimise(name, list[0]!, gradient, setting, own), stops);
      });
    }
  }

  for (const [name, options] of Object.entries(ascents)) {
    it(`${name} ${JSON.stringify(options)} climbs`, () => {
      expect(loss(minimise(name, options, sparse))).above(loss(start));
    });
  }

  for (const { optimizer, options, clipper, needed, denseOnly } of clipped) {
    const [kind, argument] = clipper;
    const what = `${optimizer} ${JSON.stringify(options)} with clip.${kind}(${JSON.stringify(argument)})`;
    for (const [variant, gradient] of Object.entries(denseOnly === undefined ? { dense, sparse } : { dense })) {
      it(`${what}, ${denseOnly === undefined ? variant : `dense only: ${denseOnly}`}`, () => {
        expectMinimised(minimise(optimizer, { ...options, clip: clippers[kind]!(argument) }, gradient));
      });
    }
    if (!needed) continue;
    it(`${what}: not without it`, () => {
      expect(distance(minimise(optimizer, options, dense))).not.most(distance(start));
    });
  }
});
