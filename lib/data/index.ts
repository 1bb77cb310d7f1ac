export { BatchSampler, DistributedSampler } from './batch-sampler.js';
export { type Collated, type Converted, collate, defaultCollate, defaultConvert } from './collate.js';
export { ConcatDataset, StackDataset } from './combine.js';
export { Dataset, Subset, TensorDataset } from './dataset.js';
export { ChainDataset, IterableDataset, type IterableSource } from './iterable.js';
export { DataLoader } from './loader.js';
export type { DataLoaderOptions } from './loader-options.js';
export type { LoaderState } from './loader-position.js';
export { Prefetcher, type PrefetcherOptions } from './prefetcher.js';
export * from './readers/index.js';
export {
  RandomSampler,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './sampler.js';
export { randomSplit } from './split.js';
export { getWorkerInfo, type WorkerInfo } from './workers/info.js';
