import type { DeviceLike } from '../../device.js';
import { describe, TorchClipError } from '../../errors.js';
import { device as deviceKind } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { deviceOf, moved, readTensor } from '../bytes.js';
import { beside, type PathLike, pathOf, readAll, readingFile, shown } from '../file.js';
import { isPlain } from '../plain.js';
import { duplicateKey, headerLimit, readHeader } from './header.js';

/** Options of {@link loadSafetensors}. */
export interface LoadSafetensorsOptions {
  /** Where the tensors are put; default: `'cpu'`. */
  device?: DeviceLike;
}

const readOptions = optionsOf('io.loadSafetensors()', { device: [deviceKind, 'cpu'] });

/**
 * Reads the tensors of a safetensors file, or of all files of an index (`model.safetensors.index.json`).
 *
 * What the format's reference implementation refuses is refused: tensors that overlap, holes between them, left-over bytes,
 * keys that stand twice. A name of a tensor that was saved under another name, too, gives the same memory.
 *
 * @returns the tensors by name, in an object without a prototype.
 * @throws {TorchClipError} `ERR_FILE` when the file cannot be read or is not a proper safetensors file.
 *
 * @example
 * model.loadStateDict(torch.io.loadSafetensors('model.safetensors'));
 */
export function loadSafetensors(path: PathLike, options: LoadSafetensorsOptions = {}): Record<string, Tensor> {
  const device = deviceOf('device', readOptions(options).device);
  const target = pathOf(path);
  // No prototype: a tensor may be called "__proto__".
  const tensors = Object.create(null) as Record<string, Tensor>;
  const { files, check } = shardsOf(target);
  for (const file of files) readInto(file, device, tensors);
  check((name) => name in tensors);
  return tensors;
}

/** The files of an index, or the one file itself, and a check that they hold what the index says. */
export function shardsOf(target: string): { files: string[]; check(has: (name: string) => boolean): void } {
  if (!target.endsWith('.index.json')) return { files: [target], check: () => {} };
  const shards = readIndex(target);
  return {
    files: [...new Set(shards.values())].map((file) => beside(target, file)),
    check: (has) => {
      for (const [name, file] of shards) {
        if (!has(name)) {
          throw new TorchClipError(
            'ERR_FILE',
            `${shown(target)} names a tensor ${describe(name)} that ${file} does not hold`,
          );
        }
      }
    },
  };
}

/** The error for a tensor that two files of an index hold. */
export const heldTwice = (path: string, name: string): TorchClipError =>
  new TorchClipError(
    'ERR_FILE',
    `${shown(path)} holds ${describe(name)}, which an earlier file of the index holds as well`,
  );

function readInto(path: string, device: ReturnType<typeof deviceOf>, tensors: Record<string, Tensor>): void {
  readingFile(path, (file) => {
    const { entries, metadata } = readHeader(file);
    for (const [name, { position, shape, dtype }] of entries) {
      if (name in tensors) throw heldTwice(path, name);
      tensors[name] = moved(readTensor(file, position, shape, dtype), device);
    }
    for (const [name, first] of sharedNames(metadata, entries)) tensors[name] = tensors[first]!.detach();
  });
}

/** The names in a file's metadata that stand for tensors under other names. */
export function* sharedNames(
  metadata: Readonly<Record<string, string>>,
  entries: ReadonlyMap<string, unknown>,
): Generator<[name: string, first: string]> {
  for (const [name, first] of Object.entries(metadata)) {
    if (name !== 'format' && entries.has(first) && !entries.has(name)) yield [name, first];
  }
}

/** The file of each tensor. The files lie beside the index: a path in it could lead anywhere. */
function readIndex(path: string): Map<string, string> {
  const bad = (what: string) =>
    new TorchClipError('ERR_FILE', `${shown(path)} is not a proper index of safetensors files: ${what}`);
  return readingFile(path, (file) => {
    if (file.size > headerLimit) throw bad(`it has ${file.size} bytes`);
    const text = readAll(file, 0, file.size).toString('utf8');
    let weights: unknown;
    try {
      weights = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map;
    } catch {
      throw bad('it is not JSON');
    }
    if (!isPlain(weights)) throw bad('it has no weight_map');
    const twice = duplicateKey(text);
    if (twice !== undefined) throw bad(`it has the key ${describe(twice)} twice`);
    return new Map(
      Object.entries(weights).map(([name, shard]) => {
        if (typeof shard === 'string' && /^[^/\\\0]+\.safetensors$/.test(shard)) return [name, shard];
        throw bad(`the tensor ${describe(name)} is in ${describe(shard)}, which names no safetensors file beside it`);
      }),
    );
  });
}
