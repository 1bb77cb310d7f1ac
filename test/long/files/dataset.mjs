// The dataset of the loader's and the resumed runs: `size` items, each of which takes some computing.
import torch, { data } from '../../../dist/index.js';

/** A number that takes `rounds` of mixing. */
export function mixed(index, rounds) {
  let x = index ^ 0x9e3779b9;
  for (let i = 0; i < rounds; i++) x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i;
  return (x >>> 0) / 2 ** 32;
}

export default ({ size, rounds = 0, throwsAt = -1, noisy = false }) => ({
  length: size,
  get: (index) => {
    if (index === throwsAt) throw new RangeError(`no item ${index}`);
    const value = mixed(index, rounds);
    const x = torch.full([8], value);
    const { generator } = data.getWorkerInfo() ?? {};
    return { index: BigInt(index), value, x: noisy ? x.add(torch.randn([8], { generator }).mul(0.1)) : x };
  },
});
