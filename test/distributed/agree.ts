import { expect } from 'chai';
import { cases } from './cases.js';
import { sentByAll } from './processes.js';

/** Every rank of a job finds every case as expected, awaited and blocking. */
export async function agree(size: number, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const count = 2 * cases.filter(({ least = 1 }) => least <= size).length;
  for (const sent of await sentByAll(size, 'collectives', {}, env)) expect(sent).deep.equal([{ ran: count }]);
}
