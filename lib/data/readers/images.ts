import { type Dirent, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { types as utilTypes } from 'node:util';
import { integer, oneOf } from '../../check.js';
import { fromTypedArray } from '../../creation/from-typed-array.js';
import { TorchClipError } from '../../errors.js';
import { fileError, type PathLike, pathOf, shown } from '../../io/file.js';
import { present } from '../../memory.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { checkIndex, type Dataset } from '../dataset.js';
import { unreadable } from './source.js';

/** How an image is decoded. */
export interface ImageOptions {
  /** Pixels; default: as the image has, or in proportion to the height. */
  width?: number;
  /** Pixels; default: as the image has, or in proportion to the width. */
  height?: number;
  /** How an image of other proportions fits both sizes: cut (`'cover'`, the default), with borders (`'contain'`) or distorted (`'fill'`). */
  fit?: 'cover' | 'contain' | 'fill';
  /** Three channels (the default), one, or four with the opacity. */
  mode?: 'rgb' | 'gray' | 'rgba';
}

const table = {
  width: [integer(1), undefined],
  height: [integer(1), undefined],
  fit: [oneOf('cover', 'contain', 'fill'), 'cover'],
  mode: [oneOf('rgb', 'gray', 'rgba'), 'rgb'],
} as const;
const readOptions = optionsOf('data.decodeImage()', table);
const readFolderOptions = optionsOf('data.ImageFolder', table);

type Read = ReturnType<typeof readOptions>;

/**
 * A picture (JPEG, PNG, WebP, AVIF, GIF, TIFF, SVG) as a uint8 tensor of `[channels, height, width]`.
 *
 * Needs the package `sharp`.
 *
 * @param source a path, or the bytes of the file.
 * @throws {TorchClipError} `ERR_FILE` where it cannot be read or is not an image; `ERR_PACKAGE_NOT_FOUND`.
 *
 * @example
 * const image = await data.decodeImage('cat.jpg', { width: 224, height: 224 }); // [3, 224, 224]
 */
export async function decodeImage(source: PathLike | Uint8Array, options: ImageOptions = {}): Promise<Tensor> {
  return decoded(source, readOptions(options), 'data.decodeImage()');
}

async function decoded(source: unknown, { width, height, fit, mode }: Read, needed: string): Promise<Tensor> {
  const isBytes = utilTypes.isUint8Array(source);
  const input = isBytes ? present('source', source) : pathOf(source, 'source');
  const { default: sharp } = await peer('sharp', needed, () => import('sharp'));
  try {
    let image = sharp(input);
    if (width !== undefined || height !== undefined) {
      image = image.resize({ ...(width && { width }), ...(height && { height }), fit });
    }
    if (mode === 'gray') image = image.removeAlpha().grayscale().toColourspace('b-w');
    else image = (mode === 'rgba' ? image.ensureAlpha() : image.removeAlpha()).toColourspace('srgb');
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { channels } = info;
    return fromTypedArray(data, { shape: [info.height, info.width, channels] })
      .permute([2, 0, 1])
      .contiguous();
  } catch (error) {
    const { message } = error as Error;
    if (isBytes) throw new TorchClipError('ERR_FILE', `the image cannot be decoded: ${message.split('\n')[0]}`);
    // Sharp has no codes: the system says more about a file that is not there.
    throw unreadable(input as string, 'image', missing(input as string) ?? error);
  }
}

function missing(path: string): unknown {
  try {
    readdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTDIR' ? undefined : error;
  }
  return Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
}

const extensions = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif', '.gif', '.tif', '.tiff', '.bmp', '.svg']);

/**
 * Images in a folder for each class, as torchvision's `ImageFolder`: `root/cat/1.jpg`, `root/dog/2.jpg`.
 *
 * A sample is `[image, label]`: a uint8 tensor of `[channels, height, width]`, and the number of the class as a bigint, which collates
 * to int64. The classes are the folders' names in order. Needs the package `sharp`.
 *
 * @throws {TorchClipError} `ERR_FILE` where the folder cannot be read or holds no images; `ERR_PACKAGE_NOT_FOUND`.
 *
 * @example
 * const images = new data.ImageFolder('train', { width: 64, height: 64 });
 * const loader = new data.DataLoader(images, { batchSize: 32, shuffle: true });
 * for await (const [x, labels] of loader) step(x.float().div(255), labels);
 */
export class ImageFolder implements Dataset<[image: Tensor, label: bigint]> {
  /** The names of the classes, in the order of their numbers. */
  readonly classes: readonly string[];
  /** The images' paths, each with the number of its class. */
  readonly files: readonly (readonly [path: string, label: number])[];
  readonly #options: Read;

  constructor(root: PathLike, options: ImageOptions = {}) {
    this.#options = readFolderOptions(options);
    const folder = pathOf(root, 'root');
    this.classes = entriesOf(folder)
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
    this.files = this.classes.flatMap((name, label) =>
      entriesOf(join(folder, name), true)
        .filter((entry) => entry.isFile() && extensions.has(extname(entry.name).toLowerCase()))
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map((path) => [path, label] as const),
    );
    if (this.files.length === 0) {
      throw new TorchClipError('ERR_FILE', `${shown(folder)} holds no folders with images in them`);
    }
  }

  get length(): number {
    return this.files.length;
  }

  async get(index: number): Promise<[image: Tensor, label: bigint]> {
    const [path, label] = this.files[checkIndex(index, this.length)]!;
    return [await decoded(path, this.#options, 'data.ImageFolder'), BigInt(label)];
  }
}

function entriesOf(folder: string, recursive = false): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive });
  } catch (error) {
    throw fileError(folder, 'read', error);
  }
}
