export { readScalars, type Scalars } from './reader.js';
export type { Hparam } from './summary.js';
export { type EventOptions, SummaryWriter, type SummaryWriterOptions } from './writer.js';
