// A table of rules and clippers, sharded and alone; sends facts of single steps, and the cells that differ.
import torch, { type Dtype } from '../../../lib/index.js';
import { clippers, rules } from '../../optim/support.js';
import { difference } from '../sharded.js';
import { distributed as d, init, leave, send, settings } from './_rank.js';

await init();
const [rank, size] = [d.getRank(), d.getWorldSize()];
const whole = ['Adafactor', 'Muon'];
const names = (settings.rules as string[] | undefined) ?? Object.keys(rules);
const ways = (settings.clippers as string[] | undefined) ?? Object.keys(clippers);
if (settings.facts === true) await send((await import('../shard-facts.js')).facts);
let cells = 0;
const failures: string[] = [];
for (const name of names) {
  const rule = rules[name]!;
  if (whole.includes(rule.optimizer)) continue;
  for (const way of ways) {
    for (const dtypeName of (settings.dtypes as string[] | undefined) ?? ['float32']) {
      const dtype = (torch as unknown as Record<string, Dtype>)[dtypeName]!;
      cells++;
      // Sums of numbers in 16 bits are rounded, and so are means over three.
      const average = settings.averages !== false && cells % 2 === 0 && dtype.itemsize >= 4;
      const modules = settings.modules === true;
      try {
        const found = torch.scope(() => difference(rule, clippers[way]!, dtype, { rank, size, average, modules }));
        if (found !== null)
          failures.push(
            `${name} / ${way}, ${dtypeName}${average ? ', averaged' : ''}${modules ? ', in modules' : ''}: ${found}`,
          );
      } catch (error) {
        failures.push(`${name} / ${way}, ${dtypeName}: ${error}`);
        throw error;
      } finally {
        if (failures.length > 0 && failures.length < 5) await send({ failures });
      }
    }
  }
}
await send({ cells, failures });
await leave();
