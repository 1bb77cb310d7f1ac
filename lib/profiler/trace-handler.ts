import { hostname } from 'node:os';
import { join } from 'node:path';
import { flag, kind, orNull, text } from '../check.js';
import { fileError, type PathLike, pathOf } from '../io/file.js';
import { optionsOf } from '../options.js';
import { makeFolders } from '../setup/files.js';
import type { Profile } from './profile.js';

/** Options of {@link tensorboardTraceHandler}. */
export interface TraceHandlerOptions {
  /** What the files' names begin with, another for each process; default `<host>_<process id>`. */
  workerName?: string | null;
  /** Whether the files are compressed; default false. */
  useGzip?: boolean;
}

const name = kind<string>('a string without slashes', (value) => text.accepts(value) && !/[/\\\0]/.test(value));
const readHandler = optionsOf('tensorboardTraceHandler()', {
  workerName: [orNull(name), null],
  useGzip: [flag, false],
});

/**
 * What writes each trace of a profile into a folder, as `torch.profiler.tensorboard_trace_handler`: for `onTraceReady`. TensorBoard's
 * profiler shows the folder, and ui.perfetto.dev each file.
 *
 * @param folder it is made where it is not there.
 * @throws {TorchClipError} `ERR_FILE`, when a trace is complete, where it cannot be written.
 *
 * @example
 * const profile = new torch.profiler.Profile({
 *   schedule: torch.profiler.schedule({ wait: 1, warmup: 1, active: 3, repeat: 2 }),
 *   onTraceReady: torch.profiler.tensorboardTraceHandler('runs/profile'),
 * });
 */
export function tensorboardTraceHandler(folder: PathLike, options?: TraceHandlerOptions): (profile: Profile) => void {
  const path = pathOf(folder, 'folder');
  const { workerName, useGzip } = readHandler(options);
  const worker = workerName || `${hostname()}_${process.pid}`;
  let last = 0n;
  return (profile) => {
    try {
      makeFolders(path);
    } catch (error) {
      throw fileError(path, 'written', error);
    }
    // Nanoseconds, as TensorBoard reads them: the clock here ticks more slowly than traces may follow.
    const now = BigInt(Date.now()) * 1_000_000n;
    last = now > last ? now : last + 1n;
    profile.exportChromeTrace(join(path, `${worker}.${last}.pt.trace.json${useGzip ? '.gz' : ''}`));
  };
}
