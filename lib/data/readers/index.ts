export { ArrowDataset, type ArrowOptions } from './arrow.js';
export { CsvDataset, type CsvOptions, type CsvRow, type CsvType } from './csv.js';
export { decodeImage, ImageFolder, type ImageOptions } from './images.js';
export { JsonlDataset } from './jsonl.js';
export { ParquetDataset, type ParquetOptions } from './parquet.js';
export type { Paths } from './source.js';
export { TokenBlocks, Tokenizer } from './text.js';
export { WebDataset, type WebDatasetOptions, type WebSample } from './webdataset.js';
