// Ranks that call different things without a comparison of each call: they are told what differs, and none crashes.
import { expect } from 'chai';
import { sentByAll } from './processes.js';

const expected: Record<string, [string, string]> = {
  'sizes of an allReduce': ['allReduce of 4 elements of float32, sum', 'allReduce of 8000 elements of float32, sum'],
  'operations of an allReduce': [
    'allReduce of 4 elements of float32, sum',
    'allReduce of 4 elements of float32, product',
  ],
  'dtypes of an allReduce': ['allReduce of 4 elements of float32, sum', 'allReduce of 4 elements of int32, sum'],
  'roots of a broadcast': ['broadcast of 16 bytes from rank 0', 'broadcast of 16 bytes from rank 1'],
  'the order of calls that are under way together': [
    'allReduce of 4 elements of float32, sum',
    'allReduce of 6 elements of float32, sum',
  ],
  'the second call': ['barrier', 'allGather of 8 bytes'],
  'sizes of a message': ['a message of 40 bytes', 'a message of 16 bytes'],
  'sizes of a second message': ['a message of 16 bytes', 'a message of 40 bytes'],
  'a step of a sharded optimizer and an allReduce as large': [
    'a call of a sharded optimizer or module, of 4 numbers',
    'allReduce of 4 elements of int32, max',
  ],
  'a pass of a fully sharded module and an allReduce': [
    'allReduce of 1 element of float32, sum',
    'a call of a sharded optimizer or module, of 4 numbers',
  ],
  'a call beside a message from any rank': ['barrier', 'allReduce of 4 elements of float32, sum'],
  'a backward pass and a barrier': ['allReduce of 4 elements of float32, sum', 'barrier'],
};

describe('two ranks that differ in', function () {
  this.timeout(60_000);
  let sent: unknown[][];
  before(async () => {
    sent = await sentByAll(2, 'differences');
  });

  for (const [what, [first, second]] of Object.entries(expected)) {
    it(`${what} are told what, at that call and at the next`, () => {
      const sentence = `the ranks of the process group call different things: ${first} on rank 0, and ${second} on rank 1; all must make the same calls in the same order`;
      for (const [told] of sent) {
        expect((told as Record<string, unknown>)[what]).deep.equal([
          ['ERR_DISTRIBUTED', sentence],
          ['ERR_DISTRIBUTED', sentence],
        ]);
      }
    });
  }
  it('the shares of an exchange are told which, and go on', () => {
    for (const [, refused] of sent) {
      expect(refused).deep.equal(['ERR_DISTRIBUTED', 'rank 0 sends 4 elements to rank 1, which expects 3']);
    }
  });
  it('the groups that they make are told so, after the time-out', () => {
    const [code, message] = sent[0]![8] as [string, string];
    expect(code).equal('ERR_TIMEOUT');
    expect(message).match(
      /^the process group of rank 0 of 2 was not made within 500 ms: .*; all ranks of the default group make the same groups in the same order, also those that are not in them$/,
    );
  });
  it('when they call it only are not told anything', () => {
    expect(sent.map(([, , late]) => late)).deep.equal([2, 2]);
  });
  it('a call of a group that is being destroyed, beside another that is being made, or on the same port, are told what', () => {
    const sentence =
      'the ranks of the process group call different things: allReduce of 4 elements of float32, sum on rank 0, and barrier on rank 1; all must make the same calls in the same order';
    for (const [, , , under, beside, , , again] of sent) {
      expect([under, beside, again]).deep.equal(Array.from({ length: 3 }, () => ['ERR_DISTRIBUTED', sentence]));
    }
  });
  it('when they call it only leave nothing in the store', () => {
    expect(sent.map(([, , , , , left]) => left)).deep.equal([false, false]);
  });
  it('when a monitoredBarrier ends still call the same behind it', () => {
    expect(sent.map(([, , , , , , doubled]) => doubled)).deep.equal([42, 42]);
  });
});
