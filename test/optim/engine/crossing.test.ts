import { expect } from 'chai';
import torch from '../../../lib/index.js';
import type { OptimizerStateDict } from '../../../lib/optim/index.js';
import { isTensor, type Tensor } from '../../../lib/tensor.js';
import { type Bytes, decode, golden } from '../../support.js';
import { flat, make, parameters, relative, setGradients } from '../support.js';

interface Case {
  optimizer: string;
  /** How many steps PyTorch had taken when it saved, and at the end. */
  steps: [number, number];
  stateDict: {
    state: Record<string, Record<string, Bytes | null>>;
    param_groups: ({ params: number[] } & Record<string, unknown>)[];
  };
  before: number[];
  after: number[];
}

// These only choose which of its loops PyTorch runs; the result does not depend on them.
const loops = ['foreach', 'fused', 'capturable', 'differentiable'];
// PyTorch keeps some numbers in float32, this package in float64.
const tolerance: Record<string, number> = { NAdam: 1e-7, ASGD: 1e-7 };

const mapped = <A, B>(object: Record<string, A>, f: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, f(value)]));

describe("optim: PyTorch's state dicts", () => {
  for (const [name, saved] of Object.entries(golden<Record<string, Case>>('crossing'))) {
    const load = () => {
      const groups = parameters(torch.float64);
      const params = groups.flat();
      const sizes = params.map((p) => p.numel());
      const values = torch.tensor(saved.before, { dtype: torch.float64 }).split(sizes);
      torch.noGrad(() => {
        for (const [i, p] of params.entries()) p.copy_(values[i]!.view(p.shape));
      });
      const optimizer = make({ optimizer: saved.optimizer, options: {} }, groups);
      const state = mapped(saved.stateDict.state, (slots) => mapped(slots, (slot) => slot && decode(slot)));
      optimizer.loadStateDict({ ...saved.stateDict, state } as OptimizerStateDict);
      return { groups, optimizer };
    };

    it(`${name}: a run goes on here as it does there`, () => {
      const { groups, optimizer } = load();
      for (let t = saved.steps[0] + 1; t <= saved.steps[1]; t++) {
        setGradients(groups, t);
        optimizer.step();
      }
      expect(relative(flat(groups), saved.after)).below(tolerance[name] ?? 1e-12);
    });

    it(`${name}: what is loaded is saved under the same names`, () => {
      const dict = load().optimizer.stateDict();
      const values = (t: Tensor) => ({ shape: t.shape, values: t.to(torch.float64).tolist() });
      expect(mapped(dict.state, (slots) => mapped(slots, (slot) => isTensor(slot) && values(slot)))).deep.equal(
        mapped(saved.stateDict.state, (slots) => mapped(slots, (slot) => values(decode(slot!)))),
      );
      const groups = saved.stateDict.param_groups.map((group) =>
        Object.fromEntries(Object.entries(group).filter(([option]) => !loops.includes(option))),
      );
      expect(dict.param_groups).deep.equal(groups);
    });
  }
});
