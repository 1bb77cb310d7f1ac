import { expect } from 'chai';
import fc from 'fast-check';
import { optim, TorchClipError } from '../../../lib/index.js';
import { advance, begin, lrs, make, makeOptimizer, momenta, resume, type Spec, table } from './support.js';

const cases = Object.entries(table.cases);
const short = 60;

describe('optim.lrScheduler: state', () => {
  for (const [name, spec] of cases) {
    it(`${name}: resumed at every step, the run is the same`, () => {
      const whole = begin(spec);
      for (let t = 1; t <= short; t++) {
        const resumed = resume(spec, whole);
        advance(spec, resumed, t);
        advance(spec, whole, t);
        expect(lrs(resumed)).deep.equal(lrs(whole), `step ${t}`);
        expect(momenta(resumed)).deep.equal(momenta(whole), `step ${t}`);
        expect(resumed.scheduler.stateDict()).deep.equal(whole.scheduler.stateDict(), `step ${t}`);
      }
    });
  }

  it('resumed anywhere, any number of times, the run is the same to its end', () => {
    const places = fc.uniqueArray(fc.integer({ min: 0, max: table.steps - 1 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...cases), places, ([, spec], stops) => {
        const whole = begin(spec);
        let other = begin(spec);
        for (let t = 1; t <= table.steps; t++) {
          if (stops.includes(t - 1)) other = resume(spec, other);
          advance(spec, whole, t);
          advance(spec, other, t);
        }
        expect(lrs(other)).deep.equal(lrs(whole));
        expect(momenta(other)).deep.equal(momenta(whole));
        expect(other.scheduler.stateDict()).deep.equal(whole.scheduler.stateDict());
      }),
      { numRuns: 60 },
    );
  });

  const step: Spec = { scheduler: 'StepLR', options: { stepSize: 7 } };
  const sequential = table.cases.SequentialLR!;
  const refused: [string, Spec, (state: Record<string, unknown>) => unknown, string][] = [
    ['nothing', step, () => null, '"stateDict" must be a plain object, got null'],
    ['a missing field', step, ({ gamma: _, ...rest }) => rest, '"gamma" must be a finite number >= 0, got undefined'],
    ['a wrong value', step, (s) => ({ ...s, step_size: 0 }), '"step_size" must be an integer >= 1, got 0'],
    [
      'other groups',
      step,
      (s) => ({ ...s, base_lrs: [1] }),
      '"base_lrs" must be an array, for each parameter group a finite number, got [1]',
    ],
    [
      "another scheduler's",
      step,
      (s) => ({ ...s, T_max: 3 }),
      'the state dict has an entry "T_max" that StepLR does not have',
    ],
    [
      'fewer parts',
      sequential,
      (s) => ({ ...s, _schedulers: [] }),
      '"_schedulers" must be an array of 2 state dicts, got []',
    ],
    [
      'a bad part',
      sequential,
      (s) => ({ ...s, last_epoch: 9, _schedulers: [(s._schedulers as unknown[])[0], {}] }),
      '"TMax"',
    ],
    [
      'momentum where none is cycled',
      table.cases['OneCycleLR, SGD']!,
      (s) => ({ ...s, cycle_momentum: false }),
      '"cycle_momentum" must be true, got false',
    ],
    [
      'phases that there are not',
      table.cases['OneCycleLR, SGD']!,
      (s) => ({ ...s, _schedule_phases: [{ end_step: 1 }] }),
      '"_schedule_phases" must be an array of phases',
    ],
    [
      'an unknown mode',
      table.cases.CyclicLR!,
      (s) => ({ ...s, mode: 'square' }),
      '"mode" must be "triangular", "triangular2" or',
    ],
  ];
  for (const [what, spec, spoil, message] of refused) {
    it(`refuses ${what} and changes nothing`, () => {
      const run = begin(spec);
      const before = run.scheduler.stateDict();
      const fails = () => run.scheduler.loadStateDict(spoil(run.scheduler.stateDict()) as never);
      const text = message === '"TMax"' ? '"T_max" must be an integer >= 1, got undefined' : message;
      expect(fails).throw(TorchClipError, text).property('code', 'ERR_STATE');
      expect(run.scheduler.stateDict()).deep.equal(before);
    });
  }

  it('is a copy', () => {
    const { scheduler } = begin({ scheduler: 'MultiStepLR', options: { milestones: [3] } });
    const state = scheduler.stateDict() as { base_lrs: number[]; milestones: Record<number, number> };
    state.base_lrs[0] = 7;
    state.milestones[5] = 1;
    scheduler.getLastLr()[0] = 7;
    expect(scheduler.stateDict()).deep.include({ base_lrs: table.lrs, milestones: { 3: 1 }, _last_lr: table.lrs });
  });

  it("lives in the optimizer's groups under PyTorch's names", () => {
    const spec = table.cases['OneCycleLR, SGD']!;
    const { optimizer } = begin(spec);
    const saved = optimizer.stateDict();
    expect(saved.param_groups[0]).include({ initial_lr: 0.5 / 25, max_lr: 0.5, min_lr: 0.5 / 25 / 1e4 });
    expect(saved.param_groups[0]).include({ max_momentum: 0.95, base_momentum: 0.85, momentum: 0.95 });

    const fresh = makeOptimizer(spec);
    fresh.loadStateDict(saved);
    expect(fresh.paramGroups[0]).include({ initialLr: 0.5 / 25, maxLr: 0.5, maxMomentum: 0.95, baseMomentum: 0.85 });
  });

  it('lastEpoch goes on from the optimizer alone', () => {
    for (const spec of [step, table.cases['OneCycleLR, SGD']!, table.cases.CyclicLR!]) {
      const whole = begin(spec);
      for (let t = 1; t <= 20; t++) advance(spec, whole, t);
      const optimizer = makeOptimizer(spec);
      optimizer.loadStateDict(whole.optimizer.stateDict());
      const scheduler = make({ ...spec, options: { ...spec.options, lastEpoch: 20 } }, optimizer);
      advance(spec, whole, 21);
      expect(scheduler.getLastLr()).deep.equal(lrs(whole));
    }
    expect(() => new optim.lrScheduler.StepLR(makeOptimizer(), { stepSize: 3, lastEpoch: 4 })).throw(
      TorchClipError,
      '"paramGroups[0].initialLr" must be set when lastEpoch >= 0, got undefined',
    );
  });
});
