import { check, integer } from '../check.js';
import { optionsOf } from '../options.js';

/** What a profile does in a step: nothing, nothing yet, record, or record and end the trace after it. */
export const ProfilerAction = {
  NONE: 'none',
  WARMUP: 'warmup',
  RECORD: 'record',
  RECORD_AND_SAVE: 'recordAndSave',
} as const;
/** One of {@link ProfilerAction}. */
export type ProfilerAction = (typeof ProfilerAction)[keyof typeof ProfilerAction];

/** Options of {@link schedule}, in steps. */
export interface ScheduleOptions {
  wait: number;
  warmup: number;
  active: number;
  /** How many rounds there are; default 0: no end. */
  repeat?: number;
  /** Steps before the first round; default 0. */
  skipFirst?: number;
}

const readSchedule = optionsOf('profiler.schedule()', {
  wait: [integer(0)],
  warmup: [integer(0)],
  active: [integer(1)],
  repeat: [integer(0), 0],
  skipFirst: [integer(0), 0],
});

/**
 * What a profile does in each step: rounds of `wait` steps without recording, `warmup` steps more, and `active` steps that become one
 * trace. {@link Profile.step} ends a step.
 *
 * @example
 * const profile = new torch.profiler.Profile({ schedule: torch.profiler.schedule({ wait: 1, warmup: 1, active: 3 }) });
 */
export function schedule(options: ScheduleOptions): (step: number) => ProfilerAction {
  const { wait, warmup, active, repeat, skipFirst } = readSchedule(options);
  const round = wait + warmup + active;
  return (step) => {
    const at = check('step', step, integer(0)) - skipFirst;
    if (at < 0 || (repeat > 0 && at >= repeat * round)) return 'none';
    const within = at % round;
    if (within < wait) return 'none';
    if (within < wait + warmup) return 'warmup';
    return within < round - 1 ? 'record' : 'recordAndSave';
  };
}
