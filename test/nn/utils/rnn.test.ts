import { expect } from 'chai';
import fc from 'fast-check';
import torch, { nn, type Tensor } from '../../../lib/index.js';
import { refusalOf } from '../../support.js';

const { invertPermutation } = nn.utils.rnn;
const whole = (values: readonly number[]) => torch.tensor(values.map(BigInt), { dtype: torch.int64 });

describe('invertPermutation', () => {
  it('undoes a permutation, and refuses what is none', () => {
    const positions = fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 5 });
    const some = fc.oneof(
      positions,
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
      fc.shuffledSubarray([0, 1], { minLength: 2 }),
    );
    fc.assert(
      fc.property(some, (values) => {
        const isPermutation = [...values].sort((a, b) => a - b).every((value, i) => value === i);
        if (isPermutation) {
          const inverse = invertPermutation(whole(values))!.tolist() as number[];
          expect(values.map((value) => inverse[value])).deep.equal(values.map((_, i) => i));
        } else {
          expect(refusalOf(() => invertPermutation(whole(values))).code).equal('ERR_ARGUMENT');
        }
      }),
    );
  });

  it('refuses other dtypes and dimensions', () => {
    const others: Tensor[] = [torch.tensor([0, 1]), whole([0]).view([1, 1]), torch.tensor(0n)];
    for (const t of others) expect(refusalOf(() => invertPermutation(t)).code).equal('ERR_ARGUMENT');
    expect(invertPermutation(null)).equal(null);
  });
});
