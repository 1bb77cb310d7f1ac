import { expect } from 'chai';
import { schemas } from '../../lib/ops/generated/schemas.js';
import { descriptions } from '../../scripts/gen-ops/descriptions.mjs';
import { evaluate, examples, shown } from '../../scripts/gen-ops/examples.js';

const table = descriptions as ReadonlyMap<string, { text: string; example: string; value: string }>;

describe('the documentation of operators', () => {
  it('describes at least two hundred, all of which there are', () => {
    expect(table.size).to.be.at.least(200);
    expect([...table.keys()].filter((name) => !(name in schemas))).to.deep.equal([]);
  });

  it('is one sentence each', () => {
    for (const [name, { text }] of table) {
      expect(text, name)
        .to.match(/^[A-Z0-9`1e].*[.]$/)
        .and.not.match(/\. [A-Z]/);
    }
  });

  for (const { name, example } of examples) {
    it(`${name}: ${example} gives what is written behind it`, () => {
      expect(shown(evaluate(example))).to.equal(table.get(name)!.value);
    });
  }
});
