// A collective that some ranks have finished when another one calls something else.
import { expect } from 'chai';
import { sentByAll } from '../../distributed/processes.js';

describe('four ranks of which one calls a barrier in place of a broadcast that others have finished', function () {
  this.timeout(120_000);
  it('are told what, where they wait', async () => {
    const sentence =
      'the ranks of the process group call different things: broadcast of 16 bytes from rank 0 on rank 1, and barrier on rank 3; all must make the same calls in the same order';
    const told = ['ERR_DISTRIBUTED', sentence];
    expect(await sentByAll(4, 'parted')).deep.equal([[['nothing']], [told], [['nothing']], [told]]);
  });
});
