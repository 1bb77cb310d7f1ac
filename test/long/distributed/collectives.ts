import { agree } from '../../distributed/agree.js';

describe('the collectives', function () {
  this.timeout(300_000);
  it('give the same where calls are compared', () => agree(3, { TORCH_DISTRIBUTED_DEBUG: 'DETAIL' }));
  for (const size of [1, 2, 3]) it(`give each of ${size} ranks what PyTorch says`, () => agree(size));
});
