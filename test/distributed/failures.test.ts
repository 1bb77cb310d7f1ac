// One of the failures that test/long/distributed goes through in full.
import { fails } from './failures.js';

describe('a rank that', function () {
  this.timeout(60_000);

  it('calls something else makes all fail', () =>
    fails({ fault: 'order', call: 'step', culprit: 1, wait: false, timeout: 20 }));
  it('calls something else makes all fail before the call where each is compared', () =>
    fails({ fault: 'order', call: 'allReduce', culprit: 1, wait: false, timeout: 20, detail: true }));
  it('stands still makes a step fail whose gradients are on their way', () =>
    fails({ fault: 'stop', call: 'begunStep', culprit: 1, wait: false, timeout: 3 }));
  it('is killed makes the others of an allReduce fail at once', () =>
    fails({ fault: 'kill', call: 'allReduce', culprit: 2, wait: false, timeout: 20 }));
});
