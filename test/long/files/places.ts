// Files in places where saving is hard: full disks, folders that cannot be written, links, pipes, and several writers.
import { spawn, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import * as torch from '../../../lib/index.js';
import { TorchClipError } from '../../../lib/index.js';
import { here, type Run } from './check.js';
import { faultOf, formatsOf, pathOf, rowsOf } from './formats.mjs';

const formats = Object.entries(formatsOf(torch));

function refused(run: Run, what: string, says: RegExp, save: () => void): void {
  try {
    save();
    run.fail(`${what}: nothing was thrown`);
  } catch (error) {
    const isOurs = error instanceof TorchClipError && error.code === 'ERR_FILE' && !error.message.includes('\n');
    if (!isOurs || !says.test(error.message)) run.fail(`${what}: ${error}`);
  }
}

function same(run: Run, what: string, value: number, load: () => torch.Tensor[]): void {
  try {
    const rows = load();
    const fault = faultOf(rows);
    if (fault !== undefined || rows[0]!.mean().item() !== value) run.fail(`${what}: ${fault ?? 'another file'}`);
  } catch (error) {
    run.fail(`${what}: ${error}`);
  }
}

const leftIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp'));

/** A disk of 8 MB, which is full, and then cannot be written at all. */
function disks(run: Run): string {
  const disk = run.path('disk');
  mkdirSync(disk);
  const mount = (...args: string[]) => spawnSync('mount', [...args, disk]).status === 0;
  if (!mount('-t', 'tmpfs', '-o', 'size=8m', 'tmpfs')) return 'no disk could be mounted';
  try {
    // Nothing that can be compressed.
    const tooMuch = Array.from({ length: 8 }, () => torch.randn([10 ** 6]));
    for (const [, format] of formats) format.save(rowsOf(torch, 1), join(disk, format.file));
    for (const [name, format] of formats) {
      const path = join(disk, format.file);
      refused(run, `${name} on a full disk`, /no space is left on the disk/, () => format.save(tooMuch, path));
      same(run, `${name} after a full disk`, 1, () => format.load(path));
      if (leftIn(disk).length > 0) run.fail(`${name}: temporary files stay on a full disk`);
    }
    if (!mount('-o', 'remount,ro')) return 'the disk could not be made read-only';
    for (const [name, format] of formats) {
      const path = join(disk, format.file);
      refused(run, `${name} on a read-only disk`, /read-only/, () => format.save(rowsOf(torch, 2), path));
      same(run, `${name} on a read-only disk`, 1, () => format.load(path));
    }
    return 'full and read-only disks';
  } finally {
    spawnSync('umount', [disk]);
  }
}

function links(run: Run): void {
  const folder = run.path('links');
  mkdirSync(join(folder, 'real'), { recursive: true });
  for (const [name, format] of formats) {
    const [real, link] = [join(folder, 'real', format.file), join(folder, format.file)];
    format.save(rowsOf(torch, 1), real);
    symlinkSync(join('real', format.file), link);
    format.save(rowsOf(torch, 2), link);
    if (!lstatSync(link).isSymbolicLink()) run.fail(`${name}: the link was replaced`);
    same(run, `${name} through a link`, 2, () => format.load(real));
  }
}

async function pipes(run: Run): Promise<void> {
  const folder = run.path('pipes');
  mkdirSync(folder);
  for (const [name, format] of formats) {
    if ('folder' in format) continue;
    const pipe = join(folder, `pipe ${name}`);
    if (spawnSync('mkfifo', [pipe]).status !== 0) return;
    const copy = join(folder, format.file);
    const reader = spawn('sh', ['-c', 'cat "$0" > "$1"', pipe, copy]);
    const ended = new Promise((resolve) => reader.once('exit', resolve));
    format.save(rowsOf(torch, 3), pipe);
    await ended;
    if (!lstatSync(pipe).isFIFO()) run.fail(`${name}: the pipe was replaced`);
    same(run, `${name} through a pipe`, 3, () => format.load(copy));
  }
}

/** Four processes that save to one path while this one reads it. */
async function writers(run: Run): Promise<number> {
  const folder = run.path('writers');
  mkdirSync(folder);
  let reads = 0;
  for (const [name, format] of formats) {
    const path = pathOf(folder, format);
    format.save(rowsOf(torch, 0), path);
    let running = 4;
    const done = Array.from({ length: 4 }, (_, i) => {
      const child = spawn(process.execPath, [here('saver.mjs'), folder, name, '25', String(1000 * (i + 1))], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let told = '';
      child.stderr.on('data', (data) => (told += data));
      return new Promise<void>((resolve) =>
        child.once('exit', (code) => {
          running--;
          if (code !== 0) run.fail(`${name}: a writer ended with ${code}: ${told}`);
          resolve();
        }),
      );
    });
    while (running > 0) {
      try {
        const fault = faultOf(format.load(path));
        reads++;
        if (fault !== undefined) run.fail(`${name} beside four writers: ${fault}`);
      } catch (error) {
        // A checkpoint may be deleted between its name's being found and its being read, where others write newer ones.
        if (!('folder' in format) || !/there is no such file/.test(String(error)))
          run.fail(`${name} beside four writers: ${error}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(done);
    if (leftIn(folder).length > 0) run.fail(`${name}: four writers left temporary files`);
  }
  return reads;
}

export async function places(run: Run): Promise<void> {
  const before = run.failures;
  const disk = disks(run);
  links(run);
  await pipes(run);
  const reads = await writers(run);
  if (run.failures > before) return;
  console.log(
    `${disk}, links, pipes, and four writers of each format beside ${reads} reads: whole files, and no others`,
  );
}
