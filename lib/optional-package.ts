import { TorchClipError } from './errors.js';

/** A module as `import()` gives it. */
type Importer<T> = () => Promise<T>;

/**
 * A package that only some functions need, and that is installed beside this one where they are used.
 *
 * @param name of the package.
 * @param needed who needs it, as users write it: `data.ParquetDataset`.
 * @param load imports it; a literal `import()`, so that bundlers and TypeScript see the name.
 * @throws {TorchClipError} `ERR_PACKAGE_NOT_FOUND` where it is not installed.
 */
export async function peer<T>(name: string, needed: string, load: Importer<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    if (!isMissing || !message.includes(`'${name}'`)) throw error;
    throw new TorchClipError(
      'ERR_PACKAGE_NOT_FOUND',
      `${needed} needs the package ${name}, which is not installed: npm install ${name}`,
      { cause: error },
    );
  }
}
