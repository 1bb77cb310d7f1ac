import { expect } from 'chai';
import torch from '../../lib/index.js';
import { onGpu } from './support.js';

const dtypes = ['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'uint8', 'bool', 'complex64'] as const;

// The contract is the same on the GPU, which fulfils it in another way.
function contract(test: typeof onGpu, device: 'cpu' | 'cuda'): void {
  for (const dtype of dtypes) {
    test(`values of ${dtype} come as they do when waited for`, async () => {
      const t = torch.arange(6).reshape([2, 3]).t().to({ dtype: torch[dtype], device });
      expect(await t.toTypedArrayAsync()).deep.equal(t.toTypedArray());
      const one = t.select(0, 2).select(0, 1);
      expect(await one.itemAsync()).deep.equal(one.item());
    });
  }

  test('conjugates and negatives come as they are', async () => {
    const z = torch.tensor([{ re: 1, im: 2 }], { device });
    expect(await z.conj().itemAsync()).deep.equal({ re: 1, im: -2 });
    expect(Array.from(await z.conj().toTypedArrayAsync<Float32Array<ArrayBuffer>>())).deep.equal([1, -2]);
  });

  test('what is written later is not seen', async () => {
    const t = torch.ones([100_000], { device });
    const pending = t.sum().itemAsync();
    t.zero_();
    expect(await pending).equal(100_000);
  });

  test('several at once, and the event loop goes on', async () => {
    const t = torch.ones([1000], { device });
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => t.mul(i).sum().itemAsync()));
    expect(all).deep.equal(Array.from({ length: 20 }, (_, i) => 1000 * i));
    await new Promise((resolve) => setImmediate(resolve));
    expect(turned).equal(true);
  });

  test('more than one element is refused', async () => {
    let error: unknown;
    try {
      await torch.ones([2], { device }).itemAsync();
    } catch (caught) {
      error = caught;
    }
    expect(error).property('code', 'ERR_SHAPE');
  });

  test('a tensor that is disposed of meanwhile arrives', async () => {
    const t = torch.ones([3], { device });
    const pending = t.toTypedArrayAsync<Float32Array<ArrayBuffer>>();
    t.dispose();
    expect(Array.from(await pending)).deep.equal([1, 1, 1]);
  });
}

describe('transfers that nobody waits for: cpu', () => contract(it as unknown as typeof onGpu, 'cpu'));

describe('transfers that nobody waits for: cuda', () => {
  contract(onGpu, 'cuda');

  onGpu('pinned memory goes to the GPU without waiting', () => {
    const host = torch.arange(1000).to(torch.float32).pinMemory();
    expect(host.isPinned()).equal(true);
    expect(torch.zeros([2], { pinMemory: true }).isPinned()).equal(true);
    const there = host.to({ device: 'cuda', nonBlocking: true });
    expect(there.sum().item()).equal(499_500);
  });
});
