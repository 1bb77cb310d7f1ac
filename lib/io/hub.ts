import { readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { flag, kind, oneOf, text } from '../check.js';
import { describe, invalidArgument, TorchClipError } from '../errors.js';
import { peer } from '../optional-package.js';
import { optionsOf } from '../options.js';
import { makeFolders } from '../setup/files.js';
import { fileError, pathOf, replaceFile, writeAll } from './file.js';

/** Which files of the Hugging Face hub are meant, and where they are kept. */
export interface HubOptions {
  /** What the repository holds; default `'model'`. */
  type?: 'model' | 'dataset' | 'space';
  /** A branch, a tag or a commit; default `'main'`. */
  revision?: string;
  /** The cache's folder, which Python's huggingface_hub shares; default: as there, `~/.cache/huggingface/hub` or what `HF_HUB_CACHE` or `HF_HOME` says. */
  cacheDir?: string;
  /** For what is private; default: `HF_TOKEN` of the environment. */
  token?: string;
  /** Another server; default: `HF_ENDPOINT` of the environment, or https://huggingface.co. */
  endpoint?: string;
  /** Only what the cache has; default: whether `HF_HUB_OFFLINE` is set. */
  localFilesOnly?: boolean;
}

const revisionName = kind<string>(
  'the name of a branch or a tag, or a commit',
  (value) => typeof value === 'string' && /^[\w][\w.\-/]*$/.test(value) && !value.split('/').includes('..'),
);
const readOptions = optionsOf('io.hubDownload()', {
  type: [oneOf('model', 'dataset', 'space'), 'model'],
  revision: [revisionName, 'main'],
  cacheDir: [text, undefined],
  token: [text, undefined],
  endpoint: [text, undefined],
  localFilesOnly: [flag, undefined],
});

/**
 * A file of a repository of the Hugging Face hub: fetched into the cache once, and found there afterwards.
 *
 * Needs the package `@huggingface/hub`. The cache has the layout of Python's huggingface_hub, so that what either fetched is there for
 * both. Where the hub cannot be reached, the file that the revision had last is given.
 *
 * @param repo such as `'openai-community/gpt2'`.
 * @param path of the file in the repository.
 * @returns the path of the file.
 * @throws {TorchClipError} `ERR_FILE` where there is no such file or it can be had neither from the hub nor from the cache;
 * `ERR_PACKAGE_NOT_FOUND`.
 *
 * @example
 * const weights = torch.io.loadSafetensors(await torch.io.hubDownload('openai-community/gpt2', 'model.safetensors'));
 */
export async function hubDownload(repo: string, path: string, options: HubOptions = {}): Promise<string> {
  const read = readOptions(options);
  if (typeof repo !== 'string' || !/^[\w.-]+(\/[\w.-]+)?$/.test(repo) || /(^|\/)\.\.?(\/|$)/.test(repo)) {
    throw invalidArgument('repo', "the name of a repository such as 'openai-community/gpt2'", repo);
  }
  const parts = typeof path === 'string' ? path.split('/') : [];
  if (parts.length === 0 || parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part))) {
    throw invalidArgument('path', 'the path of a file in the repository', path);
  }
  const ownCache = read.cacheDir === undefined ? undefined : pathOf(read.cacheDir, 'cacheDir');
  const hub = await peer('@huggingface/hub', 'io.hubDownload()', () => import('@huggingface/hub'));
  const { type, revision } = read;
  const cacheDir = ownCache ?? hub.getHFHubCachePath();
  const folder = join(cacheDir, hub.getRepoFolderName({ type, name: repo }));
  const offline = read.localFilesOnly ?? isSet(process.env.HF_HUB_OFFLINE);
  const what = `${repo}/${path} (${revision})`;
  if (offline) {
    const cached = inCache(folder, revision, path);
    if (cached !== undefined) return cached;
    throw new TorchClipError('ERR_FILE', `${what} is not in the cache, and the hub is not contacted in offline mode`);
  }
  const endpoint = (read.endpoint ?? process.env.HF_ENDPOINT)?.replace(/\/+$/, '');
  const token = read.token ?? process.env.HF_TOKEN;
  try {
    makeFolders(folder);
  } catch (error) {
    throw fileError(folder, 'written', error);
  }
  try {
    const found = await hub.downloadFileToCacheDir({
      repo: { type, name: repo },
      path,
      revision,
      cacheDir,
      ...(endpoint && { hubUrl: endpoint }),
      ...(token && { accessToken: token }),
    });
    remember(folder, revision, found);
    return found;
  } catch (error) {
    if (error instanceof TorchClipError) throw error;
    const { statusCode, message } = error as { statusCode?: number; message: string };
    // The hub has answered: what the cache has may not be what is asked for.
    const cached = statusCode === undefined ? inCache(folder, revision, path) : undefined;
    if (cached !== undefined) return cached;
    const why = reasons[statusCode ?? 0] ?? causeOf(error as Error) ?? message.split('\n')[0];
    throw new TorchClipError('ERR_FILE', `${what} cannot be fetched from the hub: ${why}`, { cause: error });
  }
}

const reasons: Readonly<Record<number, string>> = {
  401: 'it is private or not there: set "token"',
  403: 'the token may not read it',
  404: 'it is not there',
  429: 'the hub is asked too often',
};

const isSet = (value: string | undefined) => /^(1|true|yes|on)$/i.test(value ?? '');

/** What lies behind the "fetch failed" of a request. */
function causeOf(error: Error): string | undefined {
  const { code, message } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (code === undefined && message === undefined) return undefined;
  return `the server cannot be reached (${code ?? describe(message)})`;
}

/** Where the cache has a file of a revision, if it does. */
function inCache(folder: string, revision: string, path: string): string | undefined {
  let commit = revision;
  try {
    commit = readFileSync(join(folder, 'refs', revision), 'utf8').trim();
  } catch {
    // A commit stands for itself.
  }
  const found = join(folder, 'snapshots', commit, path);
  return statSync(found, { throwIfNoEntry: false })?.isFile() ? found : undefined;
}

/** Notes which commit a branch or tag was at, as Python's huggingface_hub does. */
function remember(folder: string, revision: string, found: string): void {
  const [commit] = relative(join(folder, 'snapshots'), found).split(sep);
  if (commit === undefined || commit === '..' || commit === revision) return;
  const ref = join(folder, 'refs', revision);
  makeFolders(dirname(ref));
  replaceFile(ref, (fd) => writeAll(fd, Buffer.from(commit)));
}
