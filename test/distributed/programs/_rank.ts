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
