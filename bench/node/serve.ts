// One side of the benchmark in its own Node.js process: reads a line of JSON, {"call": name, "with": arguments}, and writes one with what that function returned.
import { createInterface } from 'node:readline';

export interface Calls {
  iterations: number;
  untimed?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: what comes as JSON has the type that its function names.
export async function serve(functions: Record<string, (args: any) => unknown>): Promise<never> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, with: args } = JSON.parse(line) as { call: string; with: unknown };
    console.log(JSON.stringify({ returned: await functions[call]!(args) }));
  }
  return process.exit(0);
}

/** Seconds of the timed calls. */
export function timeCalls(run: () => unknown, { iterations, untimed = 1 }: Calls): number {
  for (let i = 0; i < untimed; i++) run();
  const start = process.hrtime.bigint();
  for (let i = 0; i < iterations; i++) run();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** The same of promises, one after the other. */
export async function timeAwaited(run: () => unknown, { iterations, untimed = 1 }: Calls): Promise<number> {
  for (let i = 0; i < untimed; i++) await run();
  const start = process.hrtime.bigint();
  for (let i = 0; i < iterations; i++) await run();
  return Number(process.hrtime.bigint() - start) / 1e9;
}
