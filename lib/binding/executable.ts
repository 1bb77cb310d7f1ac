import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const elfMachines: Record<number, string> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' };
const machTypes: Record<number, string> = { 16777223: 'x64', 16777228: 'arm64' };

/**
 * What keeps a shared library from being loaded here, as far as its first bytes and its size tell, or undefined.
 *
 * The dynamic linker maps a cut-off file as if it were whole, and the process dies later; so it is found out first.
 */
export function problemOf(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return `cannot be read: ${(error as NodeJS.ErrnoException).code}`;
  }
  try {
    const head = Buffer.alloc(64);
    const bytes = readSync(file, head, 0, 64, 0);
    return problemOfHead(head.subarray(0, bytes), fstatSync(file).size);
  } catch (error) {
    return `cannot be read: ${(error as NodeJS.ErrnoException).code}`;
  } finally {
    closeSync(file);
  }
}

function problemOfHead(head: Buffer, size: number): string | undefined {
  const target = targetOf(head);
  if (target === undefined) return 'is not a shared library';
  const here = `${process.platform}-${process.arch}`;
  if (target.platform !== platformFormat() || (target.arch ?? process.arch) !== process.arch) {
    return `was made for ${target.platform}-${target.arch ?? '?'}, and this is ${here}`;
  }
  // The table of sections stands at the end of an ELF file.
  if (target.platform !== 'linux' || head.length < 64) return undefined;
  const whole = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
  return size < whole ? `is cut off: ${size} of ${whole} bytes` : undefined;
}

function platformFormat(): string {
  return process.platform === 'darwin' || process.platform === 'win32' ? process.platform : 'linux';
}

function targetOf(head: Buffer): { platform: string; arch: string | undefined } | undefined {
  if (head.length < 20) return undefined;
  if (head.readUInt32BE(0) === 0x7f454c46) return { platform: 'linux', arch: elfMachines[head.readUInt16LE(18)] };
  if (head.readUInt32LE(0) === 0xfeedfacf) return { platform: 'darwin', arch: machTypes[head.readUInt32LE(4)] };
  if (head.readUInt32BE(0) === 0xcafebabe) return { platform: 'darwin', arch: undefined };
  if (head.toString('latin1', 0, 2) === 'MZ') return { platform: 'win32', arch: undefined };
  return undefined;
}
