// One of the failures that test/long/distributed goes through in full.
import { fails } from './failures.js';

describe('a rank that', function () {
  this.timeout(60_000);

  it('is killed makes the others of an allReduce fail at once', () =>
    fails({ fault: 'kill', call: 'allReduce', culprit: 2, wait: false, timeout: 20 }));
});
