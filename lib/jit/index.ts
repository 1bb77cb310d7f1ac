import { crc32, inflateRawSync } from 'node:zlib';
import { native } from '../binding/index.js';
import { orNull } from '../check.js';
import type { DeviceLike } from '../device.js';
import { describe, TorchClipError } from '../errors.js';
import { type Bad, badFile } from '../io/bad.js';
import { type OpenFile, type PathLike, pathOf, readAll, readingFile } from '../io/file.js';
import { readArchive, type StoredRecord } from '../io/zip.js';
import { device as deviceKind } from '../kinds.js';
import { optionsOf } from '../options.js';
import { own } from '../own.js';
import type { Tensor } from '../tensor.js';
import { type NativeScript, ScriptModule, type ScriptValue } from './script-module.js';

export { ScriptModule, type ScriptValue } from './script-module.js';

/** Options of {@link load}. */
export interface LoadOptions {
  /** Where its tensors are put; default where they were saved from. */
  mapLocation?: DeviceLike | null;
}

const readLoad = optionsOf('jit.load()', { mapLocation: [orNull(deviceKind), null] });

const part = 2 ** 24;

/** Its bytes are those that were written. */
function checkRecord(
  file: OpenFile,
  name: string,
  { position, size, crc, unpacked, method }: StoredRecord,
  bad: Bad,
): void {
  const damaged = () => bad(`its record ${describe(name)} is damaged: the checksum is another`);
  if (method !== 0) {
    // Only code is compressed, of which there is little.
    if (method !== 8 || size > part || unpacked > 8 * part)
      throw bad(`its record ${describe(name)} is compressed in another way`);
    let content: Buffer;
    try {
      content = inflateRawSync(readAll(file, position, size), { maxOutputLength: Math.max(unpacked, 1) });
    } catch {
      throw damaged();
    }
    if (content.length !== unpacked || crc32(content) !== crc) throw damaged();
    return;
  }
  let sum = 0;
  for (let at = 0; at < size; at += part) sum = crc32(readAll(file, position + at, Math.min(part, size - at)), sum);
  if (sum !== crc) throw damaged();
}

/**
 * Loads a model of TorchScript, as `torch.jit.load`, for inference or further training: what `torch.jit.save` wrote in Python, and
 * `module.save` in C++.
 *
 * Such a file is a program. It runs in libtorch's interpreter and knows libtorch's operators alone; still, load only files that you trust: a
 * program may ask for any amount of time and memory, and operators read what they are told to.
 *
 * @returns the model, in training mode where it was saved in it.
 * @throws {TorchClipError} `ERR_FILE` for a file that cannot be read, is damaged, or is none of TorchScript's.
 *
 * @example
 * const model = torch.jit.load<(x: Tensor) => Tensor>('resnet18.pt', { mapLocation: 'cpu' }).eval();
 * const classes = model.forward(images).argmax(1);
 * @see https://pytorch.org/docs/stable/generated/torch.jit.load.html
 */
export function load<F extends (...args: never[]) => unknown = (...inputs: ScriptValue[]) => Tensor>(
  path: PathLike,
  options?: LoadOptions,
): ScriptModule<F> {
  const { mapLocation } = readLoad(options);
  const target = pathOf(path);
  const bad = badFile(target);
  readingFile(target, (file) => {
    const records = readArchive(file, bad);
    const names = [...records.keys()];
    const folder = /^([^/]+\/)constants\.pkl$/;
    const root = names.map((name) => folder.exec(name)?.[1]).find((found) => found !== undefined);
    if (
      root === undefined ||
      !names.includes(`${root}data.pkl`) ||
      !names.some((name) => name.startsWith(`${root}code/`))
    ) {
      throw bad('it is no model of TorchScript; torch.load() reads state dicts and checkpoints');
    }
    for (const [name, record] of records) checkRecord(file, name, record, bad);
  });
  let script: NativeScript;
  try {
    script = native.jitLoad(target, mapLocation === null ? undefined : String(mapLocation));
  } catch (error) {
    if (!(error instanceof TorchClipError) || error.code === 'ERR_OUT_OF_MEMORY') throw error;
    const [reason] = error.message.trim().split('\n');
    throw new TorchClipError('ERR_FILE', `${target} cannot be loaded: libtorch says ${describe(reason)}`, {
      cause: error,
    });
  }
  return new ScriptModule<F>(own, script);
}
