// Runs every case with promises, with blocking calls and in scopes, and sends what is not as expected.
import { isDeepStrictEqual } from 'node:util';
import { cases } from '../cases.js';
import { scoped } from '../scoped.js';
import { distributed, init, leave, send } from './_rank.js';

await init();
const place = { rank: distributed.getRank(), size: distributed.getWorldSize() };
let ran = 0;
for (const [wait, functions] of [
  [false, distributed],
  [true, distributed],
  [false, scoped],
] as const) {
  for (const one of cases) {
    if (place.size < (one.least ?? 1)) continue;
    const how = { ...place, how: { wait } };
    const expected = one.expected(how);
    const got = await one.run(functions, how).catch((error: unknown) => `${error}`);
    ran++;
    if (!isDeepStrictEqual(got, expected)) await send({ name: one.name, wait, got, expected });
  }
}
await send({ ran });
await leave();
