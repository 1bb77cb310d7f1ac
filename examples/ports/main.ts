// npx tsx examples/ports/main.ts [name ...]: the losses of the first 20 steps.
import { ports } from './index.js';

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(ports, name));
if (unknown !== undefined) {
  console.error(`There is no port "${unknown}"; there are ${Object.keys(ports).join(', ')}.`);
  process.exit(2);
}
for (const name of asked.length > 0 ? asked : Object.keys(ports)) {
  const losses = ports[name]!(20);
  console.log(`${name}: ${losses.map((loss) => Number(loss.toPrecision(6))).join(' ')}`);
}
