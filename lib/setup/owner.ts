// Who made a file or folder that is still being filled, so that others know when it has been abandoned.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

// Machines and containers may share a folder, so a process is known by its host and its namespace, too.
export const host = [hostname(), ...pidNamespace()].join('.').replace(/[^\w.]/g, '_');

function pidNamespace(): string[] {
  try {
    return readlinkSync('/proc/self/ns/pid').match(/\d+/g) ?? [];
  } catch {
    return [];
  }
}

/** Whether a process of this machine is still there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks since the system did: a number that a later process of the same pid does not share. */
export function startOf(pid: number): string | undefined {
  try {
    // The name of the program, which comes before, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19];
  } catch {
    return undefined;
  }
}
