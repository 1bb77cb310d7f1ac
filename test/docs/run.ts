// Runs the programs that it is given, one after the other, and compares what they print with what their pages say.
//   node --import tsx test/docs/run.ts PROGRAM...     prints a JSON array of [program, error], on a line of its own
import { format } from 'node:util';

let last = '';
const failures: [program: string, error: string][] = [];
const globals = globalThis as { printed?: (expected: string) => void };
globals.printed = (expected) => {
  if (last !== expected) throw new Error(`the page says that it prints ${expected}, it printed ${last}`);
};
const write = console.log;
console.log = (...values: unknown[]) => {
  last = format(...values);
};
for (const program of process.argv.slice(2)) {
  try {
    await import(program);
  } catch (error) {
    failures.push([program, error instanceof Error ? (error.stack ?? error.message) : String(error)]);
  }
}
write(JSON.stringify(failures));
