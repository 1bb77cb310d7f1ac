export * as checkpoint from './checkpoint.js';
export { type Progress, type ProgressOptions, progress, type Shown } from './progress.js';
export * as tensorboard from './tensorboard/index.js';
export { type MlflowOptions, MlflowRun } from './tracking/mlflow.js';
export { type WandbOptions, WandbRun } from './tracking/wandb.js';
export { RunLog, type RunLogOptions } from './watch/log.js';
export { type ReportOptions, report } from './watch/report.js';
export type { RunRecord } from './watch/run.js';
