export {
  type CommHook,
  DistributedDataParallel,
  type DistributedDataParallelOptions,
} from './distributed-data-parallel.js';
