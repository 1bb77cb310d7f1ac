export {
  type CommHook,
  DistributedDataParallel,
  type DistributedDataParallelOptions,
  type GradBucket,
  type JoinOptions,
} from './distributed-data-parallel.js';
export { type PowerSGDOptions, PowerSGDState, powerSGDHook } from './power-sgd.js';
