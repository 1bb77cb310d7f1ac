import { native } from '../../lib/binding/index.js';
import { cuda } from '../../lib/index.js';

/** Why a test of the GPU cannot run here; undefined where it can. */
const reason = cuda.isAvailable() ? undefined : native.cudaBuilt() ? 'no GPU' : 'a build for the CPU alone';

/** A test that needs a GPU; skipped, with the reason in its title, where there is none. */
export function onGpu(name: string, body: (this: Mocha.Context) => unknown): void {
  if (reason === undefined) it(name, body as Mocha.Func);
  else it.skip(`${name} (skipped: ${reason})`);
}

/** A test of the messages where there is no GPU. */
export function withoutGpu(name: string, body: () => unknown): void {
  if (reason !== undefined) it(name, body as () => void);
  else it.skip(`${name} (skipped: there is a GPU)`);
}

/** A test that needs two GPUs. */
export function onTwoGpus(name: string, body: (this: Mocha.Context) => unknown): void {
  if (reason === undefined && cuda.deviceCount() < 2) it.skip(`${name} (skipped: one GPU)`);
  else onGpu(name, body);
}
