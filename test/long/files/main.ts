// Files, loaders and runs against a live Python, killed processes, full disks and damage:
//   npm run test:files -- --objects 3000 --kills 300 --mutations 5000 --resumes 3 --items 200000 --only kills,places
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Run } from './check.js';
import { events } from './events.js';
import { killed } from './kills.js';
import { loaders } from './loaders.js';
import { mlflow } from './mlflow.js';
import { models } from './models.js';
import { mutated } from './mutations.js';
import { withPython } from './objects.js';
import { places } from './places.js';
import { resumed } from './resume.js';
import { wandb } from './wandb.js';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '3000' },
    kills: { type: 'string', default: '300' },
    mutations: { type: 'string', default: '5000' },
    resumes: { type: 'string', default: '3' },
    items: { type: 'string', default: '200000' },
    events: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    python: { type: 'string', default: 'python3' },
    only: { type: 'string' },
  },
});
const count = (name: 'objects' | 'kills' | 'mutations' | 'resumes' | 'items' | 'events') => Number(values[name]);
const run = new Run(Number(values.seed), values.python);
const hasPython = spawnSync(values.python, ['--version']).status === 0;

const parts: Record<string, () => void | Promise<void>> = {
  mutations: () => mutated(run, count('mutations')),
  ...(hasPython && {
    models: () => models(run),
    events: () => events(run, count('events')),
    mlflow: () => mlflow(run),
    wandb: () => wandb(run),
    objects: () => withPython(run, count('objects')),
  }),
  places: () => places(run),
  resumes: () => resumed(run, count('resumes')),
  loaders: () => loaders(run, count('items')),
  kills: () => killed(run, count('kills')),
};
const chosen = values.only?.split(',') ?? Object.keys(parts);
try {
  console.log(`seed ${run.seed}`);
  if (!hasPython) console.log(`there is no ${values.python}: nothing to compare with`);
  for (const name of chosen) {
    const part = parts[name];
    if (part === undefined) run.fail(`there is no part ${name}; there are ${Object.keys(parts).join(', ')}`);
    else await part();
  }
} finally {
  run.remove();
}
process.exitCode = run.failures === 0 ? 0 : 1;
