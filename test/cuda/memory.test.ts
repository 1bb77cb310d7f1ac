import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect } from 'chai';
import torch, { cuda } from '../../lib/index.js';
import { onGpu } from './support.js';

const mb = 1 << 20;
const bytes = (count: number) => torch.empty([count], { dtype: torch.uint8, device: 'cuda' });

describe('cuda: memory that was dropped', () => {
  onGpu('no collection runs for an allocation that there is room for', async () => {
    cuda.emptyCache();
    const [free, total] = cuda.memGetInfo();
    expect(free, 'this test needs a GPU that is mostly free').above(total / 4 + 2048 * mb);
    // The first after what other tests have made may collect.
    bytes(64 * mb).dispose();
    let forced = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail } = entry as unknown as { detail: { flags: number } };
        if ((detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) forced++;
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    const held = Array.from({ length: 16 }, () => bytes(64 * mb));
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    observer.disconnect();
    for (const t of held) t.dispose();
    expect(forced).equal(0);
  });

  onGpu(
    'a synchronous loop that drops tensors of 1 MB runs in an eighth of the memory, with few full collections',
    async function () {
      this.timeout(120_000);
      torch.collectGarbage();
      cuda.emptyCache();
      const before = cuda.memoryReserved();
      cuda.resetPeakMemoryStats();
      const [, total] = cuda.memGetInfo();
      let full = 0;
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { detail } = entry as unknown as { detail: { kind: number } };
          if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
        }
      });
      observer.observe({ entryTypes: ['gc'] });
      // Half of the memory, if nothing were collected.
      for (let i = 0; i < total / 2 / mb; i++) bytes(mb);
      for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
      observer.disconnect();
      expect(cuda.maxMemoryReserved() - before).below(total / 8);
      expect(full).below(20);
    },
  );
});
