import { expect } from 'chai';
import { fuzz } from './run.js';

describe('hostile arguments', () => {
  it('are refused or served in 10,000 random calls of the public API, and never crash the process', async function () {
    this.timeout(300_000);
    const { failures } = await fuzz({ seed: 1, cases: 10_000 });
    expect(failures).to.deep.equal([]);
  });
});
