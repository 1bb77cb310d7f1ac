// A character-level GPT and a CNN over ranks, under DistributedDataParallel with an unsharded and a sharded optimizer, beside one
// process on the whole batch.
import { expect } from 'chai';
import { sentByAll } from '../../distributed/processes.js';

describe('training over ranks', function () {
  this.timeout(1_200_000);
  for (const size of [1, 2, 4]) {
    it(`gives what one process gives on the whole batch: ${size} ranks`, async () => {
      for (const answers of await sentByAll(size, 'models')) {
        const found = answers.at(-1) as Record<string, number>;
        expect(Object.keys(found)).length(8);
        for (const [name, apart] of Object.entries(found)) {
          expect(apart, name).below(name.includes('float64') ? 1e-12 : 1e-6);
        }
      }
    });
  }
});
