import { expect } from 'chai';
import torch from '../../../lib/index.js';
import { type Bytes, decode } from '../../support.js';
import { type Case, flat, golden, original, parameters, setGradients, table } from './support.js';

// A few units in the last place: the order of a sum in a norm depends on the machine's vector width.
const tolerance = { float32: 4e-6, float64: 1e-14, bfloat16: 2e-2 } as const;

function expectTrajectory(
  spec: Case,
  dtype: keyof typeof tolerance,
  want: readonly Bytes[],
  coin?: () => number,
): void {
  const groups = parameters(spec, torch[dtype]);
  const optimizer = original(spec, groups, coin);
  for (let t = 1; t <= table.steps; t++) {
    setGradients(spec, groups, t);
    optimizer.step();
    const at = table.checkpoints.indexOf(t);
    if (at < 0) continue;
    const [got, wanted] = [flat(groups).to(torch.float64), decode(want[at]!).to(torch.float64)];
    expect(got.isnan().equal(wanted.isnan()), `NaN where the original has it, step ${t}`).equal(true);
    const error = got.sub(wanted).nanToNum().norm().item() as number;
    expect(error).most(tolerance[dtype] * (wanted.nanToNum().norm().item() as number), `step ${t}`);
  }
}

describe("optim: reference: true follows the originals' codes", () => {
  for (const [name, spec] of Object.entries(table.cases)) {
    for (const [dtype, { params, coins }] of Object.entries(golden[name]!) as [
      keyof typeof tolerance,
      (typeof golden)[string][string],
    ][]) {
      it(`${name}, ${dtype}`, () => {
        torch.manualSeed(3);
        if (coins === undefined) return expectTrajectory(spec, dtype, params);
        const draws = decode(coins).tolist() as number[];
        let next = 0;
        expectTrajectory(spec, dtype, params, () => draws[next++]!);
        expect(next, 'coins thrown').equal(draws.length);
      });
      if (coins !== undefined && dtype === 'float32') {
        it(`${name}, with the coins of the global generator`, () => {
          torch.manualSeed(3);
          expectTrajectory(spec, dtype, params);
        });
      }
    }
  }
});
