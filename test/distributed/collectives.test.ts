// All collectives: in a group of one, and between two and four processes.
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import torch from '../../lib/index.js';
import { agree } from './agree.js';
import { cases } from './cases.js';
import { scoped } from './scoped.js';

const { distributed } = torch;

describe('the collectives', function () {
  this.timeout(120_000);

  it('of one rank alone give what PyTorch says, awaited, blocking and in scopes', async () => {
    await distributed.initProcessGroup({ store: new distributed.HashStore(), rank: 0, worldSize: 1, timeout: 60 });
    try {
      for (const [wait, functions] of [
        [false, distributed],
        [true, distributed],
        [false, scoped],
      ] as const) {
        const place = { rank: 0, size: 1, how: { wait } };
        for (const one of cases.filter(({ least = 1 }) => least === 1)) {
          const [got, expected] = [await one.run(functions, place), one.expected(place)];
          if (!isDeepStrictEqual(got, expected)) expect(got, one.name).deep.equal(expected);
        }
      }
    } finally {
      await distributed.destroyProcessGroup();
    }
  });

  it('between processes give the same: four ranks', () => agree(4));
});
