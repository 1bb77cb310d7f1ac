// Times of a GPU by its own clock. On a processor, which only a dry run times, the host's.
import torch, { cuda } from '../../lib/index.js';
import { type Contender, here } from '../lib/rounds.js';

export type DeviceName = 'cpu' | 'cuda';

// More than any GPU's second-level cache.
const flushBytes = 256 << 20;

/** A function as a contender: timed by events around all calls, or, `flushed`, around each, after a write that fills the cache. */
export function timed(run: () => unknown, device: DeviceName, flushed = false): Contender {
  if (device === 'cpu') return here(run);
  const flush = torch.empty([flushBytes], { dtype: torch.uint8, device });
  const event = () => new cuda.Event({ enableTiming: true });
  return (iterations) => {
    const pairs = Array.from({ length: flushed ? iterations : 1 }, () => [event(), event()] as const);
    cuda.synchronize();
    for (const [start, end] of pairs) {
      if (flushed) flush.zero_();
      start.record();
      for (let i = 0; i < (flushed ? 1 : iterations); i++) run();
      end.record();
    }
    cuda.synchronize();
    return pairs.reduce((sum, [start, end]) => sum + start.elapsedTime(end), 0) / 1e3;
  };
}

/** What a step starts and how often it waits; null where that cannot be known. */
export interface Work {
  kernels: number | null;
  others: number | null;
  waits: number | null;
}

export interface Captured {
  replay: (() => void) | null;
  work: Work;
  /** Why there is no graph. */
  reason?: string;
}

/** A step as a graph. That it can be captured shows that it waits for nothing: a wait ends a capture. */
export function capture(step: () => unknown, device: DeviceName): Captured {
  const unknown = { kernels: null, others: null, waits: null };
  if (device === 'cpu') return { replay: null, work: unknown, reason: 'no GPU' };
  const graph = new cuda.Graph();
  try {
    graph.capture(step, { captureErrorMode: 'thread_local' });
  } catch (error) {
    return { replay: null, work: unknown, reason: (error as Error).message };
  }
  return { replay: () => graph.replay(), work: { ...graph.nodes, waits: 0 } };
}

/** Gives back what nobody holds, for the process beside this one. */
export function release(device: DeviceName): void {
  globalThis.gc?.();
  if (device === 'cuda') cuda.emptyCache();
}
