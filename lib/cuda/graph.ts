import { native } from '../binding/index.js';
import { instance, oneOf, orNull } from '../check.js';
import { optionsOf } from '../options.js';
import { collectGarbage } from '../runtime.js';
import { refuseAsync, refusePromise } from '../sync.js';
import { requireCuda } from './available.js';
import { synchronize } from './device.js';
import { stream } from './guards.js';
import { emptyCache } from './memory.js';
import { Stream } from './stream.js';

declare const brand: unique symbol;
type NativeGraph = { readonly [brand]: 'graph' };

declare module '../binding/index.js' {
  interface Native {
    cudaNewGraph(): NativeGraph;
    cudaGraphBegin(graph: NativeGraph, mode: number, other: NativeGraph | null): void;
    cudaGraphEnd(graph: NativeGraph): void;
    cudaGraphNodes(graph: NativeGraph): [kernels: number, others: number];
    cudaGraphReplay(graph: NativeGraph): void;
    cudaGraphReset(graph: NativeGraph): void;
  }
}

// In the order of CUDA's enumeration.
const modes = ['global', 'thread_local', 'relaxed'] as const;

interface Owner {
  beforeReplay(): void;
}

// Of the graph that is being captured.
let holding: Set<Owner> | undefined;

/** @internal Keeps `owner` alive as long as the graph that is being captured, which uses its memory and calls its `beforeReplay`. */
export function holdInGraph(owner: Owner): void {
  holding?.add(owner);
}

/** @internal Whether a graph is being captured. */
export const isCapturing = (): boolean => holding !== undefined;

/** Options of {@link Graph.capture}. */
export interface CaptureOptions {
  /** The stream to capture in; default a new one. */
  stream?: Stream;
  /** A graph whose memory this one may use again: the two are replayed in the order they were captured in. Default: null. */
  pool?: Graph | null;
  /** Which calls of CUDA end the capture with an error: unsafe ones of any thread (`'global'`, the default), of this one, or none. */
  captureErrorMode?: (typeof modes)[number];
}

/**
 * Work on a GPU that is recorded once and then started as a whole, without the host's part of it.
 *
 * A capture runs nothing. A replay reads and writes the very tensors that the capture saw, so new input is copied into
 * them. Do a few rounds in a side stream before: what is made only the first time must not be captured.
 *
 * @example
 * const graph = new torch.cuda.Graph();
 * const y = graph.capture(() => model.forward(x));
 * x.copy_(next);
 * graph.replay(); // y has the new result
 * @throws {TorchClipError} `ERR_CUDA_UNAVAILABLE` where there is no GPU.
 * @see https://pytorch.org/docs/stable/generated/torch.cuda.CUDAGraph.html
 */
export class Graph {
  readonly #native: NativeGraph;
  readonly #held = new Set<Owner>();

  constructor() {
    requireCuda('cuda.Graph');
    this.#native = native.cudaNewGraph();
  }

  /**
   * Records what `body` starts. Where `body` throws, or starts what cannot be captured, the graph is as new.
   *
   * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
   * @returns what `body` returns; its tensors are filled by {@link replay}.
   */
  capture<T>(body: () => T, options: CaptureOptions = {}): T {
    refuseAsync('cuda.Graph.capture', body);
    const { stream: chosen = new Stream(), pool, captureErrorMode } = readCapture(options);
    const mode = modes.indexOf(captureErrorMode);
    synchronize(chosen.device);
    // Memory that is free now cannot be used by the graph, which has a pool of its own.
    collectGarbage();
    emptyCache();
    return stream(chosen, () => {
      native.cudaGraphBegin(this.#native, mode, pool === null ? null : pool.#native);
      const outer = holding;
      holding = this.#held;
      let result: T;
      try {
        result = refusePromise('cuda.Graph.capture', body());
      } catch (error) {
        this.#abandon();
        throw error;
      } finally {
        holding = outer;
      }
      this.#end();
      return result;
    });
  }

  /** @internal The kernels that were recorded, and what else: copies and fills. */
  get nodes(): { kernels: number; others: number } {
    const [kernels, others] = native.cudaGraphNodes(this.#native);
    return { kernels, others };
  }

  /** Starts the recorded work in the current stream; steps of optimizers go by the options that their groups have now. */
  replay(): void {
    for (const owner of this.#held) owner.beforeReplay();
    native.cudaGraphReplay(this.#native);
  }

  /** Drops the recorded work and its memory; the graph can then capture again. */
  reset(): void {
    native.cudaGraphReset(this.#native);
    this.#held.clear();
  }

  #end(): void {
    try {
      native.cudaGraphEnd(this.#native);
    } catch (error) {
      this.reset();
      throw error;
    }
  }

  #abandon(): void {
    try {
      native.cudaGraphEnd(this.#native);
    } catch {
      // What ended the capture is the error to tell of.
    }
    this.reset();
  }
}

const readCapture = optionsOf('cuda.Graph.capture()', {
  stream: [instance(Stream, 'a cuda.Stream'), undefined],
  pool: [orNull(instance(Graph, 'a cuda.Graph')), null],
  captureErrorMode: [oneOf(...modes), 'global'],
});
