// Loads libtorch and a binary in a process of its own, so that what crashes or hangs is that one.
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { neutralFolder } from '../setup/programs.js';

/** A GPU as CUDA describes it. */
export interface TriedGpu {
  name: string;
  major: number;
  minor: number;
  totalMemory: number;
}

/** What the binary said in a process of its own. */
export interface Answer {
  /** Of the libtorch that was loaded. */
  version: string;
  /** The version of libtorch that it was compiled for; an old binary does not know it, nor the next. */
  compiledFor: string | undefined;
  /** The version of torch-clip that it was compiled for. */
  package: string | undefined;
  cudaBuilt: boolean;
  /** Of a binary with CUDA: the GPUs that it can use, and what CUDA says where there is none, or of the first that fails. */
  cuda?: { gpus: TriedGpu[]; error?: string };
}

/** The end of a trial: an answer, the part that could not be loaded, or a process that did not come to an end of its own. */
export type Outcome =
  | { answer: Answer }
  | { failed: 'loader' | 'libtorch' | 'addon'; why: string }
  | { ended: string; said: string; asking: boolean };

// Plain CommonJS for `node -e`: it must run where only Node is. The paths are part of it, as Deno puts a file of its own among the arguments.
const scriptFor = (paths: string[]) => `
const { readFileSync, realpathSync, writeSync } = require('node:fs');
const { basename } = require('node:path');
const [loader, addon, ...libraries] = ${JSON.stringify(paths)};
const write = (report) => writeSync(1, '\\n' + JSON.stringify(report) + '\\n');
const say = (report) => { write(report); process.exit(0); };
const attempt = (failed, action) => { try { return action(); } catch (error) { say({ failed, why: error.message }); } };
const { open } = attempt('loader', () => require(loader));
for (const path of libraries) {
  const refused = open(path);
  if (refused !== undefined) say({ failed: 'libtorch', why: refused });
}
const native = attempt('addon', () => require(addon));
let maps = '';
try { maps = readFileSync('/proc/self/maps', 'utf8'); } catch {}
const mapped = new Set(Array.from(maps.matchAll(/ (\\/.*)$/gm), ([, path]) => path));
for (const path of libraries) {
  const chosen = realpathSync(path);
  const other = [...mapped].find((file) => file !== chosen && basename(file) === basename(path) && !/gomp/.test(file));
  if (other !== undefined) say({ failed: 'libtorch', why: 'the process has another ' + basename(path) + ', too: ' + other });
}
const answer = {
  version: native.libtorchVersion(),
  compiledFor: native.compiledFor?.(),
  package: native.packageVersion?.(),
  cudaBuilt: native.cudaBuilt(),
};
if (answer.cudaBuilt) {
  write({ asking: true });
  const gpus = [];
  const warnings = [];
  let error;
  try {
    native.init(class extends Error { constructor(code, message) { super(message); } }, () => {}, (text) => warnings.push(text));
    const count = native.cudaDeviceCount();
    // Asking for the properties of a GPU that does not exist brings CUDA's own explanation.
    for (let i = 0; i < Math.max(count, 1); i++) {
      const { name, major, minor, totalMemory } = native.cudaProperties(i);
      // A context takes its time: that of the first tells whether the driver works.
      if (i === 0) native.cudaMemoryInfo(i);
      gpus.push({ name, major, minor, totalMemory });
    }
  } catch (e) {
    error = [e.message, ...warnings].map((text) => text.split('\\n')[0]).join('; ');
  }
  answer.cuda = { gpus, error };
}
say({ answer });
`;

const guard = 'TORCH_CLIP_TRIAL';

/**
 * Ends a process that was started for a trial but runs the application: a single executable, say, which takes no script.
 *
 * It would try the binary in turn, and so on without end; and the application must not run twice.
 */
export function endIfTrial(env: NodeJS.ProcessEnv = process.env): void {
  if (!env[guard] || Number(env[guard]) !== process.ppid) return;
  writeSync(1, '\n{"application":true}\n');
  process.kill(process.pid, 'SIGKILL'); // also from a worker thread, which could not exit for the process
}

/** Tries a binary, given its loader, itself and libtorch's libraries by absolute paths; undefined where no process can be started for it, and there is nothing to learn. */
export function trial(paths: string[], env: NodeJS.ProcessEnv, seconds: number): Outcome | undefined {
  // Inside of a trial, and in an executable that is the application.
  if (env[guard] || process.getBuiltinModule?.('node:sea')?.isSea()) return undefined;
  const child = (() => {
    try {
      return spawnSync(process.execPath, ['-e', scriptFor(paths)], {
        cwd: neutralFolder,
        // What the user's process preloads is its own affair; Electron is Node only when told so.
        env: { ...env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1', [guard]: String(process.pid) },
        encoding: 'utf8',
        timeout: seconds * 1000,
        killSignal: 'SIGKILL',
      });
    } catch {
      return undefined;
    }
  })();
  const late = (child?.error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
  if (child === undefined || (child.error && !late)) return undefined;
  const last = lastOf(child.stdout);
  if (!late && last.application) return undefined;
  if (!late && (last.answer || last.failed)) return last as unknown as Outcome;
  return {
    ended: late ? `gave no answer within ${seconds} s` : `crashed (${child.signal ?? `exit code ${child.status}`})`,
    said: child.stderr.trim().split('\n').slice(-3).join(' '),
    asking: last.asking === true,
  };
}

function lastOf(stdout: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  } catch {
    return {};
  }
}
