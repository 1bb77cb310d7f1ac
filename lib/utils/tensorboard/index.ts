export { readScalars, type Scalars } from './reader.js';
export type { Hparam } from './summary.js';
export { type EventOptions, SummaryWriter } from './writer.js';
