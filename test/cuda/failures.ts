// Captures that fail, and what must work afterwards. Each runs in a process of its own, so that it does not affect the others.
//   node --import tsx test/cuda/failures.ts NAME
import { expect } from 'chai';
import torch, { cuda, type Tensor } from '../../lib/index.js';

const modes = ['global', 'thread_local', 'relaxed'] as const;
// A replay writes where its capture did, so these stay.
const kept: Tensor[] = [];
function ones(): Tensor {
  const t = torch.ones([3], { device: 'cuda' });
  kept.push(t);
  return t;
}

/** Reading a value waits, which a capture cannot. */
function fail(graph: cuda.Graph, options: cuda.CaptureOptions = {}, body: () => unknown = () => undefined): void {
  const x = ones();
  const read = () => {
    body();
    return x.add(1).sum().item();
  };
  expect(() => graph.capture(read, options)).throw(torch.TorchClipError);
}

/** The graph captures and replays. */
function succeed(graph: cuda.Graph, options: cuda.CaptureOptions = {}): void {
  const x = ones();
  graph.capture(() => x.add_(1), options);
  graph.replay();
  expect(x.tolist()).deep.equal([2, 2, 2]);
}

export const failures: Record<string, () => void> = {
  'what waits ends a capture, after which the same graph can capture': () => {
    const before = cuda.currentStream();
    for (const captureErrorMode of modes) {
      const graph = new cuda.Graph();
      fail(graph, { captureErrorMode });
      expect(cuda.currentStream().isSame(before)).equal(true);
      expect(ones().sum().item()).equal(3);
      succeed(graph, { captureErrorMode });
      expect(() => graph.capture(() => ones())).throw(/already owns a captured graph/);
      graph.replay();
    }
  },

  'a capture that failed gives its memory back': () => {
    const reserved = () => {
      torch.collectGarbage();
      cuda.emptyCache();
      return cuda.memoryReserved();
    };
    fail(new cuda.Graph());
    const before = reserved();
    for (let i = 0; i < 3; i++) fail(new cuda.Graph(), {}, () => torch.ones([1 << 24], { device: 'cuda' }));
    expect(reserved()).most(before);
  },

  'random numbers are drawn after a capture of some has failed, and in the next one': () => {
    const draw = () => torch.rand([8], { device: 'cuda' });
    const graph = new cuda.Graph();
    fail(graph, {}, draw);
    cuda.manualSeed(3);
    const first = draw().tolist();
    cuda.manualSeed(3);
    expect(draw().tolist()).deep.equal(first);
    const y = graph.capture(draw);
    graph.replay();
    const replayed = y.tolist();
    graph.replay();
    expect(y.tolist()).not.deep.equal(replayed);
    expect(draw().tolist()).not.deep.equal(y.tolist());
  },

  'the graph whose pool a failed capture shared goes on': () => {
    const [owner, sharer] = [new cuda.Graph(), new cuda.Graph()];
    const x = ones();
    const y = owner.capture(() => x.mul(2));
    fail(sharer, { pool: owner });
    owner.replay();
    expect(y.tolist()).deep.equal([2, 2, 2]);
    succeed(sharer, { pool: owner });
    owner.reset();
    sharer.replay();
    cuda.synchronize();
  },
};

const chosen = failures[process.argv[2] ?? ''];
if (chosen !== undefined) {
  chosen();
  console.log('done');
}
