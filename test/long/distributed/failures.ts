// Every way in which one rank can fail, in every collective: the others are told in time.
import { type Fault, fails } from '../../distributed/failures.js';

const calls = [
  'allReduce',
  'broadcast',
  'reduce',
  'allGather',
  'allGatherIntoTensor',
  'gather',
  'scatter',
  'reduceScatterTensor',
  'allToAllSingle',
  'recv',
  'barrier',
  'monitoredBarrier',
  'allGatherObject',
  'step',
  'begunStep',
  'backwardStep',
  'stateDict',
  'saveCheckpoint',
];
const faults: Fault[] = ['kill', 'stop', 'throw', 'exit', 'absent'];
// Sizes differ where there are tensors; the other order is a barrier in place of them.
const mistakes: Fault[] = ['shape', 'order'];

describe('when one rank of three', function () {
  this.timeout(120_000);
  for (const call of calls) {
    const hasSize = !/arrier|Object|recv|[sS]tep|state|save/.test(call);
    const possible = mistakes.filter((mistake) => (mistake === 'shape' ? hasSize : !/arrier|recv/.test(call)));
    for (const fault of [...faults, ...possible]) {
      const wait = (call.length + fault.length) % 2 === 0;
      const culprit = (call.length + 2 * fault.length) % 3;
      it(`has the fault "${fault}" in ${call}(), the others are told${wait ? ', blocking' : ''}`, () =>
        fails({ fault, call, culprit, wait, timeout: 5 }));
      // Shares of an exchange may have any size.
      if (mistakes.includes(fault) && hasSize && call !== 'allToAllSingle') {
        it(`has the fault "${fault}" in ${call}(), the others are told before it where each call is compared`, () =>
          fails({ fault, call, culprit, wait, timeout: 5, detail: true }));
      }
    }
  }
});
