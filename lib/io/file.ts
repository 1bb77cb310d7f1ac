// Files that are replaced as a whole or not at all, and files that are read at any offset.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { invalidArgument, TorchClipError } from '../errors.js';
import { host, isAlive, startOf } from '../setup/owner.js';

/** Where a file is: a path or a `file:` URL. */
export type PathLike = string | URL;

/** The path that an argument names. */
export function pathOf(path: unknown, name = 'path'): string {
  // Of this realm or another.
  const isUrl = Object.prototype.toString.call(path) === '[object URL]';
  const named = isUrl ? pathOfUrl((path as URL).href, name) : path;
  if (typeof named !== 'string' || named === '') throw invalidArgument(name, 'a path or a file: URL', path);
  if (named.includes('\0')) throw invalidArgument(name, 'a path without null bytes', named);
  if (!isUrl && /^file:\/\//i.test(named)) {
    const text = JSON.stringify(shown(named));
    throw badUrl(name, 'a path or a file: URL', `the string ${text}: pass new URL(${text})`);
  }
  return named;
}

const badUrl = (name: string, expected: string, got: string): TorchClipError =>
  new TorchClipError('ERR_ARGUMENT', `"${name}" must be ${expected}, got ${got}`);

/** What a URL must be, by the code of Node's error for one that is not. */
const urlRules: Record<string, string> = {
  ERR_INVALID_URL_SCHEME: 'a path or a file: URL',
  ERR_INVALID_FILE_URL_HOST: 'a file: URL without a host',
  ERR_INVALID_FILE_URL_PATH: 'a file: URL of an absolute path without encoded slashes',
};

function pathOfUrl(href: unknown, name: string): string {
  if (typeof href !== 'string') throw invalidArgument(name, 'a path or a file: URL', href);
  try {
    return fileURLToPath(href);
  } catch (error) {
    const rule = urlRules[(error as NodeJS.ErrnoException).code ?? ''] ?? 'a file: URL whose path is encoded in UTF-8';
    throw badUrl(name, rule, `the URL ${JSON.stringify(shown(href))}`);
  }
}

/** Throws for a path that can only be a folder's, because of how it ends: no file of that name is made. */
export function checkNamesFile(path: string): void {
  const last = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf(sep)) + 1);
  if (!['', '.', '..'].includes(last)) return;
  throw new TorchClipError('ERR_FILE', `${shown(path)} cannot be written: its ending makes it the path of a folder`);
}

/** The path of a file beside another. Not joined: that would drop a link from before a "..". */
export const beside = (path: string, name: string): string => path.slice(0, path.length - basename(path).length) + name;

/** A path for a message: shortened in the middle where it is very long. */
export function shown(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 100)}...${path.slice(-80)}`;
}

const reasons: Record<string, string> = {
  EACCES: 'permission is denied',
  EPERM: 'the operation is not permitted',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it is a file, not a folder',
  ENAMETOOLONG: 'a name in the path is too long',
  ELOOP: 'it is a symbolic link that leads back to itself',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large',
  EROFS: 'the file system is read-only',
  EMFILE: 'the process has too many open files',
  ENFILE: 'the system has too many open files',
  EPIPE: 'the pipe has no reader any more',
  ENXIO: 'nothing is at the other end',
  EIO: 'the device reports an error',
  EINVAL: 'the path or the operation is not valid there',
  ENDED: 'it became shorter meanwhile',
  ERR_INVALID_ARG_VALUE: 'the path holds a null byte',
};

/** The error for a file that cannot be `done`; one of ours passes as it is. */
export function fileError(path: string, done: 'read' | 'written', error: unknown): unknown {
  if (error instanceof TorchClipError) return error;
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  // An error without a code did not come from a file: a getter or a closure of the user's threw.
  if (typeof code !== 'string') return error;
  const why = reasons[code] ?? `the system says ${code}`;
  return new TorchClipError('ERR_FILE', `${shown(path)} cannot be ${done}: ${why}`, { cause: error });
}

/** Whether a folder is there. */
export function isFolder(path: string): boolean {
  try {
    return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw fileError(path, 'read', error);
  }
}

/** Throws for what a native function of files returned: 0, an errno, or -1 where the file ended. */
export function checkMoved(result: number): void {
  if (result === 0) return;
  const code = result < 0 ? 'ENDED' : getSystemErrorName(-result);
  throw Object.assign(new Error(code), { code });
}

/** Writes all of `data`, also to a pipe that is full for the moment. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    try {
      at += fs.writeSync(fd, data, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

// The name of a temporary file says whose it is, and has a random part that no one can foresee or share.
const who = createHash('sha256').update(host).digest('hex').slice(0, 12);
const temporary = /^\.torch-clip-([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{24}\.tmp$/;
/** A name for what is being written: {@link sweep} knows it, and whose it is. */
export const temporaryName = (): string =>
  `.torch-clip-${who}-${process.pid}-${startOf(process.pid) ?? 0}-${randomBytes(12).toString('hex')}.tmp`;

/** Deletes what killed processes left: those of this machine that are gone, and those of others after a day. */
export function sweep(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    const [, owner, pid, start] = temporary.exec(name) ?? [];
    if (owner === undefined) continue;
    const path = join(folder, name);
    try {
      const stat = fs.lstatSync(path);
      if (!stat.isFile() && !stat.isDirectory()) continue;
      const there =
        owner === who
          ? isAlive(Number(pid)) && [undefined, start].includes(startOf(Number(pid)))
          : stat.mtimeMs > Date.now() - 86_400_000;
      if (!there) fs.rmSync(path, { recursive: true });
    } catch {
      // Somebody else deleted it, or only its owner may.
    }
  }
}

/** The file that a path leads to through symbolic links; the last one may lead nowhere yet. */
function followed(path: string): string {
  let at = path;
  for (let links = 0; links < 40; links++) {
    checkNamesFile(at);
    // The system goes up from where a link leads, whereas resolve() and realpathSync() drop the link with the "..".
    const here = join(fs.realpathSync.native(dirname(at)), basename(at));
    if (!fs.lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink()) return here;
    const link = fs.readlinkSync(here);
    at = isAbsolute(link) ? link : `${dirname(here)}/${link}`;
  }
  throw Object.assign(new Error('ELOOP'), { code: 'ELOOP' });
}

/** A file that is being written: beside the old one until it is whole, or in place where that cannot be. */
class Replacement {
  readonly fd: number;
  /** Where the bytes go, and whose name they get; undefined for what is written in place. */
  readonly #unfinished: string | undefined;
  readonly #target: string;

  constructor(path: string) {
    const there = fs.statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    checkNamesFile(path);
    // A pipe or a device is written to, and so is a file without a name, as /dev/stdout may be.
    this.#target = there === undefined || there.isFile() ? followed(path) : path;
    const isNamed = there === undefined || (there.isFile() && fs.existsSync(this.#target));
    if (!isNamed) {
      this.fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_TRUNC);
      return;
    }
    // A rename does not ask whether the old file may be written.
    if (there !== undefined) fs.accessSync(this.#target, fs.constants.W_OK);
    const folder = dirname(this.#target);
    const unfinished = join(folder, temporaryName());
    try {
      sweep(folder);
    } catch {
      // A folder that may not be listed may still take files.
    }
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants;
    try {
      this.fd = fs.openSync(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, there === undefined ? 0o666 : 0o600);
    } catch (error) {
      // The file may be written although its folder takes no other.
      if (there === undefined || !['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) {
        throw error;
      }
      this.fd = fs.openSync(this.#target, fs.constants.O_WRONLY | fs.constants.O_TRUNC);
      return;
    }
    this.#unfinished = unfinished;
    if (there !== undefined) this.#liken(there);
  }

  /** Gives the new file the owner and the mode of the old one; a mode that would let in others without its owner is left out. */
  #liken({ uid, gid, mode }: fs.Stats): void {
    const own = fs.fstatSync(this.fd);
    let owned = own.uid === uid && own.gid === gid;
    if (!owned) {
      try {
        fs.fchownSync(this.fd, uid, gid);
        owned = true;
      } catch {
        // Only root gives files away.
      }
    }
    fs.fchmodSync(this.fd, owned ? mode & 0o7777 : mode & 0o777);
  }

  /** Brings the content to the disk behind what else goes on, which is most of what {@link finish} waits for. */
  sync(): Promise<void> {
    if (this.#unfinished === undefined) return Promise.resolve();
    return new Promise((done, fail) => fs.fsync(this.fd, (error) => (error ? fail(error) : done())));
  }

  /** Makes the new content the file's: it is on the disk before the name changes. */
  finish(): void {
    if (this.#unfinished === undefined) {
      fs.closeSync(this.fd);
      return;
    }
    fs.fsyncSync(this.fd);
    fs.closeSync(this.fd);
    try {
      fs.renameSync(this.#unfinished, this.#target);
    } catch (error) {
      // A file that is a mount point by itself, as a container may be given one, can only be written in place.
      if (!['EBUSY', 'EXDEV'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      fs.copyFileSync(this.#unfinished, this.#target);
      fs.unlinkSync(this.#unfinished);
    }
    syncFolder(dirname(this.#target));
  }

  /** Leaves the old file as it was. */
  cancel(): void {
    try {
      fs.closeSync(this.fd);
    } catch {
      // It is closed already where the rename failed.
    }
    if (this.#unfinished !== undefined) fs.rmSync(this.#unfinished, { force: true });
  }
}

/** Has the name on the disk, too; some file systems have no such thing. */
export function syncFolder(folder: string): void {
  try {
    const fd = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // The file itself is there.
  }
}

/**
 * Writes a file so that its path has the old content or the new one, whole, whatever happens on the way.
 *
 * Symbolic links are followed; pipes, devices and files that are mount points are written in place; mode and owner stay.
 *
 * @throws {TorchClipError} `ERR_FILE` where the file cannot be written; what `write` throws otherwise.
 */
export function replaceFile(path: string, write: (fd: number) => void): void {
  let replacement: Replacement | undefined;
  try {
    replacement = new Replacement(path);
    write(replacement.fd);
    replacement.finish();
  } catch (error) {
    replacement?.cancel();
    throw fileError(path, 'written', error);
  }
}

/** {@link replaceFile} with a `write` that takes its time. */
export async function replaceFileAsync(path: string, write: (fd: number) => Promise<void>): Promise<void> {
  let replacement: Replacement | undefined;
  try {
    replacement = new Replacement(path);
    await write(replacement.fd);
    await replacement.sync();
    replacement.finish();
  } catch (error) {
    replacement?.cancel();
    throw fileError(path, 'written', error);
  }
}

/** A file that is open for reading. */
export interface OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly size: number;
}

/** Opens a regular file, has `read` read it and closes it. */
export function readingFile<T>(path: string, read: (file: OpenFile) => T): T {
  try {
    const file = openFile(path);
    try {
      return read(file);
    } finally {
      fs.closeSync(file.fd);
    }
  } catch (error) {
    throw fileError(path, 'read', error);
  }
}

/** Opens a regular file; anything else is refused, since it cannot be read at any offset, and a pipe would be waited for. */
export function openFile(path: string): OpenFile {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return { path, fd, size: stat.size };
  fs.closeSync(fd);
  if (stat.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
  throw new TorchClipError('ERR_FILE', `${shown(path)} cannot be read: it is a pipe or a device, not a regular file`);
}

/** Bytes of an open file. */
export function readAll({ fd }: OpenFile, position: number, length: number): Buffer {
  const data = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const n = fs.readSync(fd, data, at, Math.min(length - at, 1 << 30), position + at);
    checkMoved(n === 0 ? -1 : 0);
    at += n;
  }
  return data;
}
