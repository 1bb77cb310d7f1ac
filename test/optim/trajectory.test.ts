import { expect } from 'chai';
import torch from '../../lib/index.js';
import { cases, clipperOf, flat, golden, layouts, make, parameters, relative, setGradients } from './support.js';

const tolerance = { float32: 1e-6, float64: 1e-12 } as const;

describe('optim: 100 steps of every rule under every clipper', () => {
  for (const [ruleName, rule] of Object.entries(cases.rules)) {
    for (const [clipName, clipper] of Object.entries(cases.clippers)) {
      const name = `${ruleName} / ${clipName}`;
      const want = golden[name]!;

      for (const dtype of ['float32', 'float64'] as const) {
        for (const [layoutName, layout] of Object.entries(layouts)) {
          it(`${name}, ${dtype}, ${layoutName}, follows the float64 reference`, () => {
            const groups = parameters(torch[dtype], layout);
            const optimizer = make(rule, groups, { clip: clipperOf(clipper) });
            for (let t = 1, at = 0; t <= cases.steps; t++) {
              setGradients(groups, t, t % 2 === 0 ? layout : undefined);
              optimizer.step();
              if (t === golden.checkpoints[at]) {
                expect(relative(flat(groups), want.float64[at]!)).below(tolerance[dtype], `step ${t}`);
                at++;
              }
            }
          });
        }
      }

      for (const [dtype, tolerance] of [
        ['float16', 2e-3],
        ['bfloat16', 2e-2],
      ] as const) {
        it(`${name}, ${dtype} parameters with float32 state`, () => {
          const groups = parameters(torch[dtype]);
          const optimizer = make(rule, groups, { clip: clipperOf(clipper) });
          for (let t = 1; t <= cases.steps; t++) {
            setGradients(groups, t);
            optimizer.step();
          }
          expect(relative(flat(groups), want[dtype])).below(tolerance);
          for (const state of Object.values(optimizer.stateDict().state)) {
            for (const slot of Object.values(state)) expect(slot).property('dtype', torch.float32);
          }
        });
      }
    }
  }
});
