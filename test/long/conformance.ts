// npm run conformance: the product rules x clippers x dtypes x layouts against the float64 reference.
//   npm run conformance -- adam sgd     only these families of rules
//   TORCH_CLIP_TEST_DEVICE=cuda npm run conformance
import torch, { cuda, optim } from '../../lib/index.js';
import { clippers, deviation, device, families, goldenOf, rulesOf, tolerance } from '../optim/support.js';

if (device !== 'cpu' && !cuda.isAvailable()) {
  console.log('skipped: no GPU');
  process.exit(0);
}
const named = process.argv.slice(2);
const chosen = families.filter((family) => named.length === 0 || named.includes(family));

const columns = (['float64', 'float32', 'bfloat16'] as const).flatMap((dtype) =>
  (['contiguous', 'channels last'] as const).map((layout) => ({ dtype, layout })),
);
const names = Object.keys(clippers);
const width = Math.max(...names.map((name) => name.length));
let cells = 0;
const failures: string[] = [];
const worst = new Map(columns.map(({ dtype }) => [dtype as string, 0]));

console.log(
  `Every rule under every clipper for 50 steps on ${device}: the distance of all parameters from the float64 reference, by their length.\n` +
    `${'clipper'.padEnd(width)}  ${columns.map(({ dtype, layout }) => `${dtype} ${layout === 'contiguous' ? 'C' : 'CL'}`.padStart(12)).join('')}\n` +
    `C: contiguous, CL: channels last. Tolerances: ${Object.entries(tolerance)
      .map(([dtype, t]) => `${dtype} ${t}`)
      .join(', ')}.`,
);
for (const family of chosen) {
  const golden = goldenOf(family);
  for (const [ruleName, rule] of Object.entries(rulesOf(family))) {
    console.log(`\n${ruleName}  ${JSON.stringify(rule.options)}`);
    for (const name of names) {
      const row = columns.map(({ dtype, layout }) => {
        const want = golden[`${ruleName} / ${name}`]!;
        const error = deviation(rule, clippers[name]!, torch[dtype], layout, golden.checkpoints, want);
        cells++;
        worst.set(dtype, Math.max(worst.get(dtype)!, error));
        const good = error < tolerance[dtype]!;
        if (!good) failures.push(`${ruleName} / ${name}, ${dtype}, ${layout}: ${error.toExponential(1)}`);
        return `${error.toExponential(1)}${good ? ' ' : '!'}`.padStart(12);
      });
      console.log(`${name.padEnd(width)}  ${row.join('')}`);
    }
  }
}
// The reason is given for every optimizer that is in no row.
const absent: Record<string, string> = {
  LBFGS: 'takes its steps itself, without clippers: test/optim/rules/own.test.ts compares it with PyTorch',
  SparseAdam: 'takes its steps itself, without clippers: test/optim/rules/own.test.ts compares it with PyTorch',
  Muon: 'takes matrices only, in bfloat16 as PyTorch does: test/optim/rules/tensor-level.test.ts compares it with PyTorch under every clipper',
};
const tested = new Set(families.flatMap((family) => Object.values(rulesOf(family)).map(({ optimizer }) => optimizer)));
for (const [name, value] of Object.entries(optim)) {
  if (named.length > 0) break;
  if (typeof value !== 'function' || !(value.prototype instanceof optim.Optimizer) || tested.has(name)) continue;
  console.log(`\nskipped: ${name} ${absent[name] ?? 'is in no row of the table'}`);
  if (absent[name] === undefined) failures.push(`${name} is in no row`);
}
console.log(
  `\n${cells} cells, ${cells - failures.length} green, ${failures.length} red; worst ` +
    [...worst].map(([dtype, error]) => `${dtype} ${error.toExponential(1)}`).join(', '),
);
for (const failure of failures) console.log(`red: ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
