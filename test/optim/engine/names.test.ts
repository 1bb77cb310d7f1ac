// The names that the engine's C++ and TypeScript's types share.
import { expect } from 'chai';
import type { Placement, StageScope } from '../../../lib/clip/clipper.js';
import { engine } from '../../../lib/engine.js';
import { TorchClipError } from '../../../lib/index.js';
import { ruleOf } from '../../../lib/optim/engine/native-optimizer.js';
import type { NonFinite } from '../../../lib/optim/index.js';

// The compiler sees to it that each record names all of its type.
const scopes: Record<StageScope, true> = { global: true, group: true, tensor: true, row: true };
const placements: Record<Placement, true> = { gradient: true, update: true };
const policies: Record<NonFinite, true> = { propagate: true, skip: true, zero: true, error: true };

describe("the engine's names", () => {
  const lists: [string, readonly string[], object][] = [
    ['scopes', engine.scopes, scopes],
    ['placements', engine.placements, placements],
    ['policies', engine.policies, policies],
  ];
  for (const [what, names, types] of lists) {
    it(`are those of TypeScript's types: ${what}`, () => {
      expect([...names].sort()).deep.equal(Object.keys(types).sort());
    });
  }

  it('are each used once in a list', () => {
    const { rules, clippers, outcomes } = engine;
    for (const names of [rules.map(({ name }) => name), clippers.map(({ name }) => name), outcomes]) {
      expect(new Set(names)).property('size', names.length);
    }
  });

  it('include every rule that is asked for, and an unknown one is an error that says its name', () => {
    for (const [index, { name }] of engine.rules.entries()) expect(ruleOf(name).index).equal(index);
    expect(() => ruleOf('adagard'))
      .throw(TorchClipError, 'the engine has no update rule "adagard"')
      .property('code', 'ERR_INTERNAL');
  });
});
