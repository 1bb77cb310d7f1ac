// npm run registers: compares the registers and the loads of the CUDA kernels in build/cuda with the committed table.
//   --update  rewrites the table
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import table from '../test/cuda/registers.json' with { type: 'json' };
import {
  architecture,
  breaches,
  compilerOf,
  findCuobjdump,
  type Kernel,
  kernelsOf,
  libtorchOf,
  type Table,
  tableOf,
  textOf,
} from './lib/registers.js';
import { cudaFolder } from './lib/setup.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, cudaFolder, 'cmake');
const cuobjdump = findCuobjdump(libtorchOf(build));
const kernels = kernelsOf(build, { cuobjdump });
if (kernels.length === 0) {
  console.error(`no kernels for ${architecture} in ${cudaFolder}: TORCH_CLIP_CUDA_ARCHS=90 npm run build:cuda`);
  process.exit(1);
}
const found = tableOf(compilerOf(build), kernels);
const update = process.argv.includes('--update');
if (cuobjdump === undefined) {
  console.error('there is no cuobjdump, so loads are not counted');
  if (update) process.exit(1);
}
if (update) writeFileSync(join(root, 'test/cuda/registers.json'), textOf(found));
const bad = breaches(update ? found : (table as unknown as Table), found.compiler, kernels);
for (const line of bad) console.log(line);
const most = [...kernels].sort((a, b) => b.registers - a.registers).slice(0, 5);
const count = (holds: (kernel: Kernel) => boolean) => kernels.filter(holds).length;
console.log(
  `${kernels.length} kernels for ${architecture}: ${count(({ spilled }) => spilled > 0)} spill, ${count(({ frame }) => frame > 0)} have a stack ` +
    `frame, ${count(({ wide = 0 }) => wide > 0)} read 128 bits at a time; the most registers: ` +
    most.map(({ name, of, dtype, registers }) => `${registers} ${name} ${of} ${dtype}`).join(', '),
);
process.exitCode = bad.length > 0 ? 1 : 0;
