// What the programs of ranks share.
import torch from '../../../lib/index.js';

export const { distributed } = torch;
export const settings = JSON.parse(process.env.SETTINGS ?? '{}') as Record<string, unknown>;

export const init = (options: { timeout?: number } = {}) =>
  distributed.initProcessGroup({
    initMethod: process.env.MEET!,
    rank: Number(process.env.RANK),
    worldSize: Number(process.env.WORLD_SIZE),
    timeout: 60,
    ...options,
  });

/** A TCP store of rank 0, for programs that look into it; the other ranks learn its port from the file. */
export async function meet() {
  const [rank, worldSize] = [Number(process.env.RANK), Number(process.env.WORLD_SIZE)];
  const met = await distributed.FileStore.open(process.env.MEET!.replace('file://', ''));
  const server =
    rank === 0
      ? await distributed.TCPStore.connect('127.0.0.1', 0, { isServer: true, worldSize, waitForWorkers: false })
      : undefined;
  if (server) await met.set('port', String(server.port));
  const store = server ?? (await distributed.TCPStore.connect('127.0.0.1', Number(await met.getText('port'))));
  return { store, rank, worldSize };
}

/** Tells the test, and waits until it is told. */
export const send = (message: unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send!(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });

/** Ends the process, which the channel to the test would keep. */
export const leave = async (): Promise<void> => {
  await distributed.destroyProcessGroup();
  process.disconnect();
};
