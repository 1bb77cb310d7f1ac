export {
  type CommHook,
  DistributedDataParallel,
  type DistributedDataParallelOptions,
  type GradBucket,
  type JoinOptions,
} from './distributed-data-parallel.js';
