// How much of a shape fits on the GPU.
import torch, { cuda } from '../../lib/index.js';
import { stateOf } from '../lib/cases.js';
import { shapes } from '../lib/shapes.js';
import type { DeviceName } from './device.js';
import type { GpuRun } from './runs.js';

// Room for the caches to flush, and for what the allocators leave between blocks.
const spare = 3 * 2 ** 30;
// No model of this size has more layers.
const most = 32;

/** How many copies of the run's shape are measured: 0 where not even one fits. */
export function copiesOf({ shape, dtype, cases, fill = false }: GpuRun, device: DeviceName): number {
  // A dry run only exercises the harness.
  if (device === 'cpu') return fill ? 2 : 1;
  const width = torch[dtype].itemsize;
  const state = Math.max(...cases.map(stateOf));
  // Ours: parameter, gradient, state in fp32. The rivals': state in the parameter's dtype, twice, as foreach has its own, and temporaries.
  const bytes = 2 * width + 4 * state + width * (2 + 2 * state + 4);
  const copies = Math.floor((cuda.memGetInfo()[0] - spare) / (bytes * shapes[shape].elements));
  return Math.max(0, Math.min(copies, fill ? most : 1));
}
