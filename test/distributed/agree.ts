import { expect } from 'chai';
import { cases } from './cases.js';
import { sentByAll } from './processes.js';

/** Every rank of a job finds every case as expected, awaited, blocking and in scopes. */
export async function agree(size: number, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const count = 3 * cases.filter(({ least = 1 }) => least <= size).length;
  for (const sent of await sentByAll(size, 'collectives', {}, env)) expect(sent).deep.equal([{ ran: count }]);
}
