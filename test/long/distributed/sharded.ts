// Every rule under every clipper with its state shared by ranks, against the same alone, bit for bit.
import { expect } from 'chai';
import { sentByAll } from '../../distributed/processes.js';

describe('a sharded optimizer', function () {
  this.timeout(3_600_000);

  for (const [size, dtypes] of [
    [1, ['float64']],
    [2, ['bfloat16']],
    [4, ['float32']],
  ] as const) {
    it(`of ${size} ranks has the bits of one process: the whole table in ${dtypes.join(' and ')}`, async () => {
      const sent = await sentByAll(size, 'sharded', { dtypes });
      for (const answers of sent) {
        const { cells, failures } = answers.at(-1) as { cells: number; failures: string[] };
        expect(failures).deep.equal([]);
        expect(cells).least(800);
      }
    });
  }

  it('has them where fully sharded modules have some of the parameters', async () => {
    const sent = await sentByAll(3, 'sharded', { dtypes: ['float32'], averages: false, modules: true });
    for (const answers of sent) {
      const { cells, failures } = answers.at(-1) as { cells: number; failures: string[] };
      expect(failures).deep.equal([]);
      expect(cells).least(800);
    }
  });
});
