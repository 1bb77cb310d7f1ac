import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { native } from '../binding/index.js';
import { arrayOf, callable, check, flag, kind, oneOf, synchronous, text } from '../check.js';
import { requireCuda } from '../cuda/available.js';
import { isAvailable } from '../cuda/device.js';
import { TorchClipError } from '../errors.js';
import { type PathLike, pathOf, replaceFile, writeAll } from '../io/file.js';
import { optionsOf } from '../options.js';
import { isThenable, refuseLater } from '../sync.js';
import { averagesOf, type EventAverages } from './averages.js';
import { eventsOf, type ProfilerEvent } from './events.js';
import { ProfilerAction } from './schedule.js';
import type { NativeRegion, NativeTrace } from './trace.js';

/** What is recorded: operators and regions on the host, or kernels and copies on GPUs. */
export const ProfilerActivity = { CPU: 'cpu', CUDA: 'cuda' } as const;
/** One of {@link ProfilerActivity}. */
export type ProfilerActivity = (typeof ProfilerActivity)[keyof typeof ProfilerActivity];

/**
 * What is recorded where nothing else is asked for: the host, and the GPUs where there are some.
 *
 * @example
 * torch.profiler.supportedActivities().has('cuda');
 */
export function supportedActivities(): Set<ProfilerActivity> {
  return new Set(isAvailable() ? ['cpu', 'cuda'] : ['cpu']);
}

/**
 * Whether this libtorch has Kineto, which records; without it a {@link Profile} cannot start.
 *
 * @example
 * if (torch.profiler.kinetoAvailable()) torch.profiler.profile(() => model.forward(x));
 */
export function kinetoAvailable(): boolean {
  return native.profilerAvailable();
}

/** Options of a {@link Profile}. */
export interface ProfileOptions {
  /** Default {@link supportedActivities}; where there is no GPU, `'cuda'` beside `'cpu'` records nothing, and alone is refused. */
  activities?: readonly ProfilerActivity[];
  /** Whether the shapes of arguments are kept; default false. */
  recordShapes?: boolean;
  /** Whether allocations are counted; default false. */
  profileMemory?: boolean;
  /** Whether additions and multiplications of matrix products and convolutions are counted; it records shapes as well. Default false. */
  withFlops?: boolean;
  /** Which steps are recorded, as {@link schedule} says; default all. */
  schedule?: (step: number) => ProfilerAction;
  /** Called with the profile when a trace is complete, which it may read and not start, step or stop; default none. */
  onTraceReady?: (profile: Profile) => void;
}

const records = (action: ProfilerAction) => action === 'record' || action === 'recordAndSave';

const activities = kind<readonly ProfilerActivity[]>(
  'an array of one or more of "cpu" and "cuda"',
  (value) => arrayOf(oneOf('cpu', 'cuda')).accepts(value) && value.length > 0,
);
const readProfile = optionsOf('profiler.Profile', {
  activities: [activities, undefined],
  recordShapes: [flag, false],
  profileMemory: [flag, false],
  withFlops: [flag, false],
  schedule: [synchronous<(step: number) => ProfilerAction>(), undefined],
  onTraceReady: [synchronous<(profile: Profile) => void>(), undefined],
});

/**
 * A session of libtorch's profiler (Kineto): the operators that run on this thread between {@link start} and {@link stop}, with
 * their times, and the kernels that they start on GPUs. A process has one session at a time.
 *
 * It may last across an `await`; what else runs on this thread meanwhile is recorded as well. It cannot start, step or stop within a hook
 * or another function that libtorch calls in the middle of its work.
 *
 * @example
 * const profile = new torch.profiler.Profile({ recordShapes: true });
 * profile.start();
 * for (const [x, y] of loader) step(x, y);
 * profile.stop();
 * console.log(profile.keyAverages().table({ sortBy: 'selfCpuTimeTotal', rowLimit: 10 }));
 * profile.exportChromeTrace('trace.json'); // for chrome://tracing or ui.perfetto.dev
 * @see https://pytorch.org/docs/stable/profiler.html
 */
export class Profile implements Disposable {
  readonly #options: ReturnType<typeof readProfile>;
  #running = false;
  /** Whether libtorch records for this profile now. */
  #session = false;
  /** The option whose function is running. */
  #calls: 'schedule' | 'onTraceReady' | null = null;
  #step = 0;
  #action: ProfilerAction = 'none';
  #region: NativeRegion | undefined;
  #trace: NativeTrace | undefined;
  #events: ProfilerEvent[] | undefined;
  #json: Buffer | undefined;

  constructor(options: ProfileOptions = {}) {
    this.#options = readProfile(options);
  }

  /** @throws {TorchClipError} `ERR_STATE` where a session is running in this process. */
  start(): void {
    this.#refuseWithin();
    if (this.#running) throw new TorchClipError('ERR_STATE', 'the profile is running already');
    const action = this.#actionOf(0);
    if (records(action)) this.#begin(0);
    this.#running = true;
    this.#step = 0;
    this.#action = action;
  }

  /** Ends a step of the {@link ProfileOptions.schedule}, and begins the next one. */
  step(): void {
    this.#refuseWithin();
    this.#refuseStopped();
    const action = this.#actionOf(this.#step + 1);
    const [was, is] = [records(this.#action), records(action)];
    const ends = was && (!is || this.#action === 'recordAndSave');
    this.#step++;
    this.#action = action;
    this.#endRegion();
    try {
      // Where an earlier trace could not begin, there is none to end.
      if (ends && this.#session) this.#end();
    } finally {
      if (is && this.#session) this.#beginRegion(this.#step);
      else if (is) this.#begin(this.#step);
    }
  }

  #actionOf(step: number): ProfilerAction {
    const { schedule } = this.#options;
    return schedule === undefined
      ? 'record'
      : check(
          'schedule()',
          this.#call('schedule', () => schedule(step)),
          oneOf(...Object.values(ProfilerAction)),
        );
  }

  #begin(step: number): void {
    const { activities = [...supportedActivities()], recordShapes, profileMemory, withFlops } = this.#options;
    const cpu = activities.includes('cpu');
    if (!cpu) requireCuda('a profile without "cpu"');
    const cuda = activities.includes('cuda') && isAvailable();
    // The operations of a product follow from the shapes of its factors.
    native.profilerStart(cpu, cuda, recordShapes || withFlops, profileMemory, withFlops);
    this.#session = true;
    this.#trace = this.#events = this.#json = undefined;
    if (this.#options.schedule !== undefined) this.#beginRegion(step);
  }

  #beginRegion(step: number): void {
    this.#region = native.regionBegin(`ProfilerStep#${step}`);
  }

  #endRegion(): void {
    if (this.#region !== undefined) native.regionEnd(this.#region);
    this.#region = undefined;
  }

  #end(): void {
    this.#endRegion();
    this.#session = false;
    this.#trace = native.profilerStop();
    this.#events = this.#json = undefined;
    const { onTraceReady } = this.#options;
    if (onTraceReady !== undefined) this.#call('onTraceReady', () => onTraceReady(this));
  }

  #call<T>(option: 'schedule' | 'onTraceReady', body: () => T): T {
    this.#calls = option;
    try {
      return refuseLater(option, body());
    } finally {
      this.#calls = null;
    }
  }

  #refuseWithin(): void {
    if (this.#calls === null) {
      native.profilerCheck();
      return;
    }
    throw new TorchClipError(
      'ERR_STATE',
      `the profile cannot be started, stepped or stopped within its "${this.#calls}"`,
    );
  }

  #refuseStopped(): void {
    if (!this.#running) throw new TorchClipError('ERR_STATE', 'the profile is not running');
  }

  /** Ends the session; the results can then be read. */
  stop(): void {
    this.#refuseWithin();
    this.#refuseStopped();
    this.#running = false;
    this.#action = 'none';
    if (this.#session) this.#end();
  }

  /** Ends the session, if it is running: at the end of the block that has it as `using`. */
  [Symbol.dispose](): void {
    if (this.#running) this.stop();
  }

  /** What ran, in the order in which it began. */
  events(): ProfilerEvent[] {
    this.#events ??= eventsOf(this.#result());
    return this.#events;
  }

  /**
   * The events of each name together, in the order of their first appearance.
   *
   * @param options.groupByInputShape whether events with other shapes are others; default false.
   */
  keyAverages(options: { groupByInputShape?: boolean } = {}): EventAverages {
    return averagesOf(this.events(), readAverages(options).groupByInputShape);
  }

  /**
   * Writes the trace as JSON that chrome://tracing and ui.perfetto.dev open, compressed where the path ends in `.gz`.
   *
   * @throws {TorchClipError} `ERR_FILE` where the file cannot be written.
   */
  exportChromeTrace(path: PathLike): void {
    const target = pathOf(path);
    // libtorch writes a trace once.
    this.#json ??= this.#written(this.#result());
    const content = target.endsWith('.gz') ? gzipSync(this.#json) : this.#json;
    replaceFile(target, (fd) => writeAll(fd, content));
  }

  #written(trace: NativeTrace): Buffer {
    const folder = fs.mkdtempSync(join(tmpdir(), 'torch-clip-trace-'));
    try {
      const written = join(folder, 'trace.json');
      native.profilerSave(trace, written);
      return fs.readFileSync(written);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  #result(): NativeTrace {
    if (this.#trace !== undefined) return this.#trace;
    throw new TorchClipError('ERR_STATE', 'the profile has no results until it is stopped');
  }
}

const readAverages = optionsOf('keyAverages()', { groupByInputShape: [flag, false] });

/**
 * Runs `body` under a {@link Profile} and returns the profile; where `body` throws, so does this. An async function is waited for.
 *
 * @example
 * const profile = torch.profiler.profile(() => model.forward(x).sum().backward());
 * console.log(profile.keyAverages().table());
 */
export function profile<T>(
  body: () => T,
  options?: ProfileOptions,
): T extends PromiseLike<unknown> ? Promise<Profile> : Profile;
export function profile(body: () => unknown, options: ProfileOptions = {}): Profile | Promise<Profile> {
  check('body', body, callable());
  const session = new Profile(options);
  session.start();
  let result: unknown;
  try {
    result = body();
  } catch (error) {
    endAfterFailure(session);
    throw error;
  }
  if (isThenable(result)) {
    return Promise.resolve(result).then(
      () => {
        session.stop();
        return session;
      },
      (error: unknown) => {
        endAfterFailure(session);
        throw error;
      },
    );
  }
  session.stop();
  return session;
}

/** Ends a session whose body has failed: that failure is the one to hear of. */
function endAfterFailure(session: Profile): void {
  try {
    session[Symbol.dispose]();
  } catch {}
}

/**
 * Names what `body` runs, as a region in the trace; an async function is waited for. Without a session it costs next to nothing.
 *
 * @returns what `body` returns.
 *
 * @example
 * const loss = torch.profiler.recordFunction('forward', () => model.forward(x).sum());
 */
export function recordFunction<T>(name: string, body: () => T): T {
  check('name', name, text);
  check('body', body, callable());
  const region = native.regionBegin(name);
  const end = () => native.regionEnd(region);
  let result: T;
  try {
    result = body();
  } catch (error) {
    end();
    throw error;
  }
  if (isThenable(result)) return Promise.resolve(result).finally(end) as T;
  end();
  return result;
}
