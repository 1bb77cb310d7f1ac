import { expect } from 'chai';
import { advance, begin, golden, lrs, momenta, table } from './support.js';

/** The values and PyTorch's, group by group. */
function expectClose(got: readonly number[], want: readonly (number | undefined)[], where: string): void {
  got.forEach((x, i) => {
    // A schedule that ends in 0 ends, by rounding, in something far below any rate.
    expect(Math.abs(x - want[i]!), `${where}: ${x}, ${want[i]}`).at.most(1e-15 * Math.abs(want[i]!) + 1e-30);
  });
}

describe('optim.lrScheduler: 200 steps as in PyTorch', () => {
  for (const [name, spec] of Object.entries(table.cases)) {
    const want = golden[name]!;
    it(name, () => {
      const run = begin(spec);
      for (let t = 0; t <= table.steps; t++) {
        if (t > 0) advance(spec, run, t);
        expectClose(
          lrs(run),
          want.lr.map((rates) => rates[t]),
          `step ${t}`,
        );
        if (want.momentum) {
          expectClose(
            momenta(run),
            want.momentum.map((values) => values[t]),
            `momentum at step ${t}`,
          );
        }
        expect(run.scheduler.getLastLr()).deep.equal(lrs(run));
      }
    });

    it(`${name}: PyTorch's state dict is ours, and goes on where it was saved`, () => {
      const { saved } = table;
      const first = begin(spec);
      for (let t = 1; t <= saved; t++) advance(spec, first, t);
      const ours = JSON.parse(JSON.stringify(first.scheduler.stateDict()));
      expectSameState(ours, want.state);

      const run = begin(spec);
      run.optimizer.loadStateDict(first.optimizer.stateDict());
      run.scheduler.loadStateDict(want.state);
      for (let t = saved + 1; t <= table.steps; t++) {
        advance(spec, run, t);
        expectClose(
          lrs(run),
          want.lr.map((rates) => rates[t]),
          `step ${t}`,
        );
      }
    });
  }
});

// What PyTorch's dict has beyond: marks of a running step, and counts of schedulers that are made of others.
const marks = ['_get_lr_called_within_step', '_is_initial'];

function expectSameState(ours: unknown, theirs: unknown, where = 'state'): void {
  if (typeof ours === 'number') expectClose([ours], [theirs as number], where);
  else if (Array.isArray(ours)) {
    expect(theirs, where).length(ours.length);
    ours.forEach((value, i) => {
      expectSameState(value, (theirs as unknown[])[i], `${where}[${i}]`);
    });
  } else if (typeof ours === 'object' && ours !== null) {
    const want = theirs as Record<string, unknown>;
    const composite = '_schedulers' in ours;
    const keys = Object.keys(want).filter((key) => !marks.includes(key) && !(composite && key === '_step_count'));
    expect(ours, where).to.have.all.keys(...keys);
    for (const [key, value] of Object.entries(ours)) expectSameState(value, want[key], `${where}.${key}`);
  } else expect(ours, where).equal(theirs);
}
