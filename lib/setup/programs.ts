// Which program a name stands for, and where and with what it runs: never what the working folder happens to hold.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';

/**
 * Where programs run that have no business in the working folder: Python, for one, imports modules from there.
 * Ordinary users cannot put files here.
 */
export const neutralFolder = process.platform === 'win32' ? dirname(process.execPath) : '/';

/** The folders of the PATH. A relative entry, or an empty one, means the working folder and does not count. */
function pathFolders(env: NodeJS.ProcessEnv): string[] {
  return (env.PATH ?? '').split(delimiter).filter(isAbsolute);
}

/** The path of a program that lies on the PATH. */
export function programPath(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const names = process.platform === 'win32' ? [`${name}.exe`, `${name}.cmd`, name] : [name];
  return pathFolders(env)
    .flatMap((folder) => names.map((file) => join(folder, file)))
    .find(isProgram);
}

/** Whether a path is a file that may be executed. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The environment for a program: it, and what it starts in turn, finds nothing because a search path leads to the working folder. */
export function programEnv(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  // Python 3.11 and newer; an older one relies on the neutral folder.
  return { ...env, PATH: pathFolders(env).join(delimiter), PYTHONSAFEPATH: '1' };
}
