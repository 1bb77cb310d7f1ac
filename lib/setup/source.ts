// What a source on disk holds, before anything of it is copied.
import { statSync } from 'node:fs';
import { inspectArchive } from './archive.js';
import { SetupError } from './child-process.js';
import { inspect, isSupported, type Libtorch, releases, type Variant } from './libtorch.js';

/** What was asked for: a version (or its first parts) and a variant, each where it was named. */
export interface Wanted {
  version?: string;
  variant?: Variant;
}

/** Whether `from` names a path on disk, and none of the sources of the network. */
export const isPath = (from: string | undefined): from is string =>
  from !== undefined && !['pip', 'zip'].includes(from);

/** The version and the variant of a folder with a libtorch, an archive or a wheel; refuses what is not supported or not what was asked for. */
export async function sourceOf(from: string, wanted: Wanted): Promise<Required<Wanted>> {
  const refuse = (what: string, fix: string) => new SetupError(`--from ${from}: ${what}`, { fix });
  const correct =
    'correct --from: pip, zip, or the path of a folder that holds a libtorch, of an archive or of a wheel';
  const stat = statSync(from, { throwIfNoEntry: false });
  if (stat === undefined) throw refuse('no such file or folder', correct);
  let found: Pick<Libtorch, 'version' | 'flavour'> | undefined;
  try {
    found = stat.isFile() ? await inspectArchive(from) : inspect(from);
  } catch (error) {
    throw refuse(`it cannot be unpacked: ${(error as Error).message}`, correct);
  }
  if (found === undefined) throw refuse('there is no libtorch in it', correct);
  const { version, flavour } = found;
  const variant = ({ cpu: 'cpu', cu13: 'cu130' } as const)[flavour];
  if (!isSupported(version) || variant === undefined) {
    throw refuse(
      `torch ${version} (${flavour}) is not supported`,
      `one of ${Object.values(releases).join(', ')} for the CPU or CUDA 13`,
    );
  }
  if (wanted.version !== undefined && !`${version}.`.startsWith(`${wanted.version}.`)) {
    throw refuse(`it holds torch ${version}, and ${wanted.version} was asked for`, 'correct --from, or --torch');
  }
  if (wanted.variant !== undefined && wanted.variant !== variant) {
    throw refuse(
      `it is a build for ${variant}, and ${wanted.variant} was asked for`,
      `correct --from, or ask for ${variant}`,
    );
  }
  return { version, variant };
}
