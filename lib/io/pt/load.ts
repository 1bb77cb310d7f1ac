import { crc32 } from 'node:zlib';
import { anything, check, flag, kind, synchronous } from '../../check.js';
import { type Device, type DeviceLike, parseDevice } from '../../device.js';
import { uint8 } from '../../dtype.js';
import { describe, TorchClipError } from '../../errors.js';
import { Parameter } from '../../nn/parameter.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import { refuseLater } from '../../sync.js';
import type { Tensor } from '../../tensor.js';
import { type Bad, badFile } from '../bad.js';
import { crcOf, deviceOf, mapFile, moved, readTensor } from '../bytes.js';
import { type OpenFile, type PathLike, pathOf, readAll, readingFile } from '../file.js';
import { isPlain, setOwn } from '../plain.js';
import { readArchive, type StoredRecord } from '../zip.js';
import { Dict, Global, PySet, StorageRef, TensorRef, Tuple } from './model.js';
import { unpickle } from './unpickle.js';

/** Where tensors are put: all on one device, or by the device that they were saved from. */
export type MapLocation = DeviceLike | Readonly<Record<string, DeviceLike>> | ((location: string) => DeviceLike);

/** Options of {@link load}. */
export interface LoadOptions {
  /** Default: where they were saved from, such as `'cuda:0'`; an error where that is not there. */
  mapLocation?: MapLocation;
  /** Maps the file instead of reading it: tensors on the CPU come into memory when they are looked at. Default false. */
  mmap?: boolean;
  /** Always true, the default: nothing in a file is ever run. It stands here for those who know it from Python. */
  weightsOnly?: true;
}

const readOptions = optionsOf('load()', {
  mapLocation: [anything, undefined],
  mmap: [flag, false],
  weightsOnly: [kind<true>('true, as nothing in a file is ever run', (value) => value === true), true],
});

/**
 * Reads what {@link save}, or Python's `torch.save`, has written: tensors and plain containers, and nothing else.
 *
 * Dicts whose keys are all texts become objects without a prototype, other dicts Maps; lists and tuples arrays; integers beyond the safe
 * ones bigints; `bytes` a Uint8Array. The `state` of an optimizer is an object, too. Tensors that shared memory share it again.
 *
 * @throws {TorchClipError} `ERR_FILE` for a file that cannot be read, is damaged, was written by something else than
 * `torch.save` since PyTorch 1.6, or asks for anything but tensors and plain containers, which is named; `ERR_DEVICE` where
 * the tensors' device is not there.
 *
 * @example
 * const { model, optimizer, epoch } = torch.load<Checkpoint>('checkpoint.pt', { mapLocation: 'cpu' });
 */
export function load<T = unknown>(path: PathLike, options: LoadOptions = {}): T {
  const { mapLocation, mmap } = readOptions(options);
  const locate = locator(mapLocation as MapLocation | undefined);
  return readingFile(pathOf(path), (file) => {
    const bad = badFile(file.path);
    refuseOthers(file, bad);
    const records = readArchive(file, bad);
    const [folder, pickle] = pickleOf(records, bad);
    for (const [name, { method }] of records) {
      if (method !== 0)
        throw bad(
          `its record ${describe(name)} is compressed: unpack the archive and pack it again without compression`,
        );
    }
    checkByteOrder(file, records.get(`${folder}byteorder`), bad);
    const bytes = readAll(file, pickle.position, pickle.size);
    const storages = new Storages(file, folder, records, mmap, locate, bad);
    if (crc32(bytes) !== pickle.crc) throw bad('its pickle is damaged: the checksum does not match');
    return new Converter(storages, bad).convert(unpickle(bytes, bad)) as T;
  });
}

function locator(mapLocation: MapLocation | undefined): (location: string) => Device {
  const saved = (location: string) => {
    const device = parseDevice(location);
    if (device !== undefined) return device;
    throw new TorchClipError(
      'ERR_DEVICE',
      `a tensor was saved on ${describe(location)}, which is not available: set mapLocation to 'cpu'`,
    );
  };
  if (mapLocation === undefined) return saved;
  if (typeof mapLocation === 'function') {
    check('mapLocation', mapLocation, synchronous());
    return (location) => deviceOf('the result of mapLocation', refuseLater('mapLocation', mapLocation(location)));
  }
  if (isPlain(mapLocation)) {
    const devices = new Map(
      Object.entries(mapLocation).map(([from, to]) => [
        from,
        deviceOf(`mapLocation[${describe(from)}]`, to as DeviceLike),
      ]),
    );
    return (location) => devices.get(location) ?? saved(location);
  }
  const device = deviceOf('mapLocation', mapLocation as DeviceLike);
  return () => device;
}

/** Says what a file is that is not an archive of torch.save, as far as its first bytes tell. */
function refuseOthers(file: OpenFile, bad: Bad): void {
  const again = 'open it in Python and save it again with torch.save';
  const head = readAll(file, 0, Math.min(file.size, 1024));
  if (head.length === 0) throw bad('it is empty');
  if (head.subarray(0, 4).equals(Buffer.from('PK\x03\x04', 'latin1'))) return;
  if (head[0] === 0x80) throw bad(`it is in PyTorch's format from before version 1.6: ${again}`);
  if (head.toString('latin1', 257, 262) === 'ustar')
    throw bad(`it is in PyTorch's oldest format, a tar archive: ${again}`);
  if (head.toString('latin1', 8, 9) === '{')
    throw bad('it looks like a safetensors file, which io.loadSafetensors reads');
  throw bad('it is not an archive of torch.save');
}

function pickleOf(records: ReadonlyMap<string, StoredRecord>, bad: Bad): [folder: string, pickle: StoredRecord] {
  for (const [name, record] of records) {
    const [, folder] = /^([^/]+\/)data\.pkl$/.exec(name) ?? [];
    if (folder === undefined) continue;
    if (records.has(`${folder}constants.pkl`)) throw bad('it is a TorchScript program, not a file of torch.save');
    return [folder, record];
  }
  throw bad('it has no data.pkl, so that torch.save did not write it');
}

function checkByteOrder(file: OpenFile, record: StoredRecord | undefined, bad: Bad): void {
  if (record === undefined) return;
  const order = readAll(file, record.position, Math.min(record.size, 16)).toString('latin1');
  if (order === 'little') return;
  throw bad(
    order === 'big' ? 'it was saved on a big-endian machine: save it again on another' : 'its byte order is unknown',
  );
}

/** The storages of a file, each read once, when the first tensor asks for it. */
class Storages {
  readonly #read = new Map<string, Tensor>();
  #mapped: Tensor | undefined;

  constructor(
    readonly file: OpenFile,
    readonly folder: string,
    readonly records: ReadonlyMap<string, StoredRecord>,
    readonly mmap: boolean,
    readonly locate: (location: string) => Device,
    readonly bad: Bad,
  ) {}

  /** The bytes of a storage on the device that the user wants; they begin at a multiple of any element's size. */
  bytes({ key, location, count, dtype }: StorageRef): Tensor {
    const device = this.locate(location);
    const name = `${key} ${device}`;
    let bytes = this.#read.get(name);
    if (bytes === undefined) {
      bytes = this.#load(key, device);
      this.#read.set(name, bytes);
    }
    if (count * (dtype?.itemsize ?? 1) > bytes.nbytes) {
      throw this.bad(`its record data/${key} has ${bytes.nbytes} bytes, and the pickle says that it has more`);
    }
    return bytes;
  }

  #load(key: string, device: Device): Tensor {
    const record = this.records.get(`${this.folder}data/${key}`);
    if (record === undefined) throw this.bad(`it has no record data/${key.slice(0, 40)}`);
    const { position, size, crc } = record;
    if (device.type === 'meta') return empty([size], { dtype: uint8, device });
    if (this.mmap && size > 0) {
      this.#mapped ??= mapFile(this.file);
      const part = this.#mapped.narrow(0, position, size);
      if (device.type !== 'cpu') return part.to({ device });
      return position % 16 === 0 ? part : part.clone();
    }
    const bytes = readTensor(this.file, position, [size], uint8);
    if (crcOf(bytes) !== crc) throw this.bad(`its record data/${key} is damaged: the checksum does not match`);
    return moved(bytes, device);
  }
}

/** Turns what the pickle describes into JavaScript's values; one object stays one object. */
class Converter {
  readonly #made = new Map<object, unknown>();
  /** Containers that are made and not filled yet: without recursion, which deep nesting would overflow. */
  readonly #open: (() => void)[] = [];

  constructor(
    readonly storages: Storages,
    readonly bad: Bad,
  ) {}

  convert(root: unknown): unknown {
    const value = this.#value(root);
    for (let fill = this.#open.pop(); fill !== undefined; fill = this.#open.pop()) fill();
    return value;
  }

  #value(source: unknown): unknown {
    if (typeof source !== 'object' || source === null) return source;
    if (this.#made.has(source)) return this.#made.get(source);
    const made = this.#make(source);
    this.#made.set(source, made);
    return made;
  }

  #make(source: object): unknown {
    if (source instanceof TensorRef) return this.#tensor(source);
    if (source instanceof Dict) return this.#dict(source);
    if (source instanceof PySet) {
      const set = new Set();
      this.#open.push(() => {
        for (const item of source.items) set.add(this.#value(item));
      });
      return set;
    }
    if (source instanceof Tuple || Array.isArray(source)) {
      const items = source instanceof Tuple ? source.items : source;
      const array: unknown[] = [];
      this.#open.push(() => {
        for (const item of items) array.push(this.#value(item));
      });
      return array;
    }
    if (source instanceof Global || source instanceof StorageRef) {
      throw this.bad('its pickle holds a class or a bare storage among its values');
    }
    return source; // a complex number, bytes, a dtype or a device
  }

  #dict({ keys, values }: Dict): unknown {
    const isObject = keys.every((key) => typeof key === 'string');
    if (!isObject) {
      const map = new Map();
      this.#open.push(() => {
        for (const [i, key] of keys.entries()) map.set(this.#value(key), this.#value(values[i]));
      });
      return map;
    }
    const object = Object.create(null) as Record<string, unknown>;
    // What an optimizer keeps of each parameter has the parameters' numbers for keys, as JavaScript's objects have them.
    const ofOptimizer = keys.includes('param_groups') && keys.includes('state');
    this.#open.push(() => {
      for (const [i, key] of keys.entries()) {
        const value = values[i];
        const isState =
          ofOptimizer && key === 'state' && value instanceof Dict && value.keys.every(Number.isSafeInteger);
        setOwn(object, key as string, isState ? this.#numbered(value) : this.#value(value));
      }
    });
    return object;
  }

  #numbered({ keys, values }: Dict): unknown {
    const object = Object.create(null) as Record<string, unknown>;
    for (const [i, key] of keys.entries()) object[String(key)] = this.#value(values[i]);
    return object;
  }

  #tensor({ storage, dtype, offset, shape, stride, isConj, isNeg, requiresGrad, isParameter }: TensorRef): Tensor {
    const bytes = this.storages.bytes(storage);
    // What is left over at the end of a storage of wider elements belongs to none.
    const whole = bytes.narrow(0, 0, bytes.nbytes - (bytes.nbytes % dtype.itemsize));
    const start = whole.storageOffset() / dtype.itemsize;
    let tensor = whole.view(dtype).asStrided(shape, stride, start + offset);
    if (isConj) tensor = tensor.conj();
    if (isNeg) tensor = tensor.neg(); // the sign as a mere mark is not made here
    if (isParameter) return new Parameter(tensor, requiresGrad);
    return requiresGrad ? tensor.detach().requiresGrad_() : tensor;
  }
}
