import { expect } from 'chai';
import torch from '../../../lib/index.js';
import { clippers, deviation, families, goldenOf, layouts, rulesOf, tolerance } from '../support.js';

// `npm run conformance` visits every dtype in every layout; here each dtype takes one, in turn.
const names = Object.keys(layouts);
let turn = 0;

describe('optim: every rule under every clipper', () => {
  for (const family of families) {
    const golden = goldenOf(family);
    for (const [ruleName, rule] of Object.entries(rulesOf(family))) {
      for (const [clipName, clipper] of Object.entries(clippers)) {
        const name = `${ruleName} / ${clipName}`;
        it(`${name} follows the float64 reference`, () => {
          for (const dtype of [torch.float64, torch.float32, torch.bfloat16]) {
            const layout = names[turn++ % names.length]!;
            const error = deviation(rule, clipper, dtype, layout, golden.checkpoints, golden[name]!);
            expect(error).below(tolerance[dtype.name]!, `${dtype.name}, ${layout}`);
          }
        });
      }
    }
  }
});
