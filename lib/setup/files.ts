import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** A file's text, or undefined where it cannot be read. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A JSON file's object; an empty one where it cannot be read or is none. */
export function objectOf(path: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(textOf(path) ?? '{}'));
  } catch {
    return {};
  }
}

/** Makes a folder and those above it. Node's own recursion never ends where a system refuses with ENOENT, as /proc does. */
export function makeFolders(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process was faster.
      if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
    }
  }
  if (!statSync(path).isDirectory()) mkdirSync(path); // says why not
}
