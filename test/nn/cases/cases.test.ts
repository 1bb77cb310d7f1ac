import { readdirSync } from 'node:fs';
import { describeFamily } from '../family.js';

for (const file of readdirSync(new URL('.', import.meta.url)).sort()) {
  if (file.endsWith('.json')) describeFamily(file.slice(0, -'.json'.length));
}
