// What PyTorch has beside its classes.
import { invalidArgument } from '../errors.js';
import { requireCuda } from './available.js';
import { getDeviceCapability, isAvailable } from './device.js';
import { type CaptureOptions, Graph, isCapturing } from './graph.js';

/**
 * Has a graph record what `body` starts, as `with torch.cuda.graph(...)`: {@link Graph.capture}.
 *
 * @example
 * const captured = new torch.cuda.Graph();
 * torch.cuda.graph(captured, () => step(input));
 * captured.replay();
 */
export function graph<T>(target: Graph, body: () => T, options?: CaptureOptions): T {
  if (!(target instanceof Graph)) throw invalidArgument('graph', 'a cuda.Graph', target);
  return target.capture(body, options);
}

/**
 * Whether a graph is being recorded.
 *
 * @example
 * if (!torch.cuda.isCurrentStreamCapturing()) console.log(loss.item());
 */
export const isCurrentStreamCapturing = (): boolean => isCapturing();

/**
 * Starts CUDA, which the first use of a GPU does by itself.
 *
 * @example
 * torch.cuda.init();
 */
export function init(): void {
  requireCuda('cuda.init()');
}

/**
 * Whether CUDA can be used; there is nothing to be started.
 *
 * @example
 * torch.cuda.isInitialized();
 */
export const isInitialized = (): boolean => isAvailable();

/**
 * Whether the current GPU has TF32 arithmetic: from compute capability 8.0 on.
 *
 * @example
 * torch.backends.cuda.matmul.allowTf32 = torch.cuda.isTf32Supported();
 */
export const isTf32Supported = (): boolean => isAvailable() && getDeviceCapability()[0] >= 8;
