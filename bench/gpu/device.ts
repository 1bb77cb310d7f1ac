// Times a GPU by its own clock; in a dry run, on the processor, by the host's.
import torch, { cuda } from '../../lib/index.js';
import { type Contender, here } from '../lib/rounds.js';

export type DeviceName = 'cpu' | 'cuda';

// More than any GPU's second-level cache.
const flushBytes = 256 << 20;

/** A function as a contender: timed by events around all calls, or, if `flushed`, around each call, after a write that fills the cache. */
export function timed(run: () => unknown, device: DeviceName, flushed = false): Contender {
  if (device === 'cpu') return here(run);
  const flush = torch.empty([flushed ? flushBytes : 0], { dtype: torch.uint8, device });
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

/** How many kernels a step launches and how often it waits; null where that cannot be known. */
export interface Work {
  kernels: number | null;
  others: number | null;
  waits: number | null;
}

export interface Captured {
  replay: (() => void) | null;
  work: Work;
  /** Why there is no graph, or where the step waits. */
  reason: string | undefined;
}

/** How often a step waits, at least: under the sync debug mode 'error' the first wait throws. */
function waitsOf(step: () => unknown): { waits: number; reason?: string } {
  cuda.setSyncDebugMode('error');
  try {
    step();
    return { waits: 0 };
  } catch (error) {
    const reason = (error as Error).message;
    if (!/synchroniz/i.test(reason)) throw error;
    return { waits: 1, reason };
  } finally {
    cuda.setSyncDebugMode('default');
  }
}

/** A step as a graph, whose nodes are its launches. Only a step that waits for nothing can be captured. */
export function capture(step: () => unknown, device: DeviceName): Captured {
  const nothing = { kernels: null, others: null };
  if (device === 'cpu') return { replay: null, work: { ...nothing, waits: null }, reason: 'no GPU' };
  const { waits, reason } = waitsOf(step);
  const graph = new cuda.Graph();
  try {
    graph.capture(step, { captureErrorMode: 'thread_local' });
  } catch (error) {
    return { replay: null, work: { ...nothing, waits }, reason: (error as Error).message };
  }
  return { replay: () => graph.replay(), work: { ...graph.nodes, waits }, reason };
}

/** Releases memory that is no longer held, for the process beside this one. */
export function release(device: DeviceName): void {
  globalThis.gc?.();
  if (device === 'cuda') cuda.emptyCache();
}
