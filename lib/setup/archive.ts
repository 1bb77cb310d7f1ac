// Archives (zip, and wheels, which are zips): downloading with resumption and checks, unpacking.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { makeFolders, textOf } from './files.js';
import { identify, type Libtorch, libraryFile } from './libtorch.js';
import { bar, megabytes, type Progress } from './progress.js';

/**
 * Downloads `url` to `file`, going on where an interrupted download of the same content stopped.
 *
 * @returns a line that says why it could not be done, or undefined. The length, and the SHA-256 where the server gives it, are checked.
 */
export async function download(url: string, file: string, progress: Progress): Promise<string | undefined> {
  for (let have = sizeOf(file); ; have = sizeOf(file)) {
    try {
      return await attempt(url, file, progress);
    } catch (error) {
      // A connection that broke off after it brought something is worth another.
      if (sizeOf(file) > have && textOf(`${file}.etag`) !== undefined) continue;
      const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
      return `${url}: ${cause?.code ?? cause?.message ?? message}`;
    }
  }
}

async function attempt(url: string, file: string, progress: Progress): Promise<string | undefined> {
  const label = `${file}.etag`;
  const sum = `${file}.sha256`;
  const have = sizeOf(file);
  const etag = have > 0 ? textOf(label) : undefined;
  // With If-Range a server whose content has changed sends it all.
  const headers: Record<string, string> = etag ? { range: `bytes=${have}-`, 'if-range': etag } : {};
  const response = await fetch(url, { headers: { 'accept-encoding': 'identity', ...headers } });
  // Nothing lies beyond what is here: it was complete.
  if (response.status === 416 && response.headers.get('content-range')?.endsWith(`/${have}`)) {
    return verify(url, file, textOf(sum), progress);
  }
  if (!response.ok || response.body === null) return `${url} answered ${response.status}`;
  const start = response.status === 206 ? have : 0;
  const expected = Number(response.headers.get('content-length') ?? 0);
  const total = expected > 0 ? start + expected : 0;
  rmSync(label, { force: true });
  // An answer with the rest of a file does not always announce the whole one's digest again.
  const wanted = sha256Of(response.headers) ?? (start > 0 ? textOf(sum) : undefined);
  if (wanted === undefined) rmSync(sum, { force: true });
  else writeFileSync(sum, wanted);
  if (start === 0) rmSync(file, { force: true });
  // Only a strong tag says that the bytes are the same.
  const tag = response.headers.get('etag');
  if (tag !== null && !tag.startsWith('W/')) writeFileSync(label, tag);

  let bytes = start;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length;
      progress.say(total > 0 ? `${bar(bytes / total)} of ${megabytes(total)}` : megabytes(bytes));
      next(null, chunk);
    },
  });
  await pipeline(response.body as unknown as AsyncIterable<Uint8Array>, count, createWriteStream(file, { flags: 'a' }));
  if (total > 0 && bytes !== total) return `${url}: only ${bytes} of ${total} bytes arrived`;
  return verify(url, file, wanted, progress);
}

async function verify(
  url: string,
  file: string,
  wanted: string | undefined,
  progress: Progress,
): Promise<string | undefined> {
  if (wanted === undefined) return undefined;
  progress.say('checking');
  const got = await digest(file);
  if (got === wanted) return undefined;
  for (const path of [file, `${file}.etag`]) rmSync(path, { force: true });
  return `${url}: its SHA-256 is ${got}, but the server announced ${wanted}`;
}

/** The digest that a server announces: S3's two ways, and the standard one. */
function sha256Of(headers: Headers): string | undefined {
  const hex = headers.get('x-amz-meta-checksum-sha256');
  if (hex !== null) return hex.toLowerCase();
  const standard = /sha-256=:?([\w+/=]+?):?(?:,|$)/.exec(
    headers.get('repr-digest') ?? headers.get('digest') ?? '',
  )?.[1];
  const base64 = headers.get('x-amz-checksum-sha256') ?? standard;
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex');
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** What libtorch an archive or a wheel holds, or undefined; unpacks nothing. */
export async function inspectArchive(file: string): Promise<Omit<Libtorch, 'root'> | undefined> {
  const yauzl = await import('yauzl');
  const archive = await yauzl.openPromise(file);
  const libraries = new Set<string>();
  let about: string | undefined;
  for await (const entry of archive.eachEntry()) {
    // The archive's folder is called libtorch, the wheel's torch.
    const [, name] = /^(?:lib)?torch\/(version\.py|build-version|lib\/[^/]+)$/.exec(entry.fileName) ?? [];
    if (name?.startsWith('lib/')) libraries.add(name.slice(4));
    else if (name === 'version.py' || (name !== undefined && about === undefined)) {
      about = await textFrom(await archive.openReadStreamPromise(entry));
    }
  }
  return libraries.has(libraryFile('torch_cpu')) ? identify(about ?? '', (name) => libraries.has(name)) : undefined;
}

/** Unpacks an archive into `folder`; throws where it is damaged. */
export async function unpack(file: string, folder: string, progress: Progress): Promise<void> {
  const yauzl = await import('yauzl'); // only here: finding libtorch must not pay for it
  const archive = await yauzl.openPromise(file);
  let done = 0;
  for await (const entry of archive.eachEntry()) {
    progress.say(`unpacking ${bar(++done / archive.entryCount)}`);
    const path = join(folder, entry.fileName); // yauzl refuses names that lead out of the folder
    if (entry.fileName.endsWith('/')) {
      makeFolders(path);
      continue;
    }
    makeFolders(dirname(path));
    const mode = entry.externalFileAttributes >>> 16;
    const content = await archive.openReadStreamPromise(entry);
    if ((mode & 0o170000) === 0o120000) {
      const target = await textFrom(content);
      if (normalize(join(dirname(entry.fileName), target)).startsWith('..') || target.startsWith('/')) {
        throw new Error(`${entry.fileName} is a link that leads out of it`);
      }
      symlinkSync(target, path);
      continue;
    }
    let sum = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        sum = crc32(chunk, sum);
        next(null, chunk);
      },
    });
    await pipeline(content, check, createWriteStream(path, { mode: mode & 0o777 || 0o644 }));
    if (sum !== entry.crc32) throw new Error(`${entry.fileName} in it is damaged`);
  }
}

async function textFrom(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
