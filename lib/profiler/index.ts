export { type EventAverage, EventAverages, type SortBy, type TableOptions } from './averages.js';
export type { ProfilerEvent } from './events.js';
export {
  kinetoAvailable,
  Profile,
  type ProfileOptions,
  ProfilerActivity,
  profile,
  recordFunction,
  supportedActivities,
} from './profile.js';
export { ProfilerAction, type ScheduleOptions, schedule } from './schedule.js';
export { type TraceHandlerOptions, tensorboardTraceHandler } from './trace-handler.js';
