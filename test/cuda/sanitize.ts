// Two steps of every rule and every clipper on a GPU, for compute-sanitizer; scripts/gpu-check.sh runs it.
//   node --import tsx test/cuda/sanitize.ts SECONDS DTYPE...    the first dtype in full, the others as time allows
process.env.TORCH_CLIP_TEST_DEVICE = 'cuda';
const { default: torch, cuda } = await import('../../lib/index.js');
const { clipperOf, clippers, make, parameters, rules, setGradients } = await import('../optim/support.js');

const [seconds = '60', ...dtypes] = process.argv.slice(2);
const end = Date.now() + Number(seconds) * 1000;
const names = Object.keys(clippers);

/** Each rule under one clipper, another for each, then one rule under all, with units that are visited once. */
const cells = [
  ...Object.keys(rules).map((rule, i) => [rule, names[i % names.length]!, 'skip'] as const),
  ...names.map((clipper) => ['AdamW', clipper, 'propagate'] as const),
];

function steps(rule: string, clipper: string, nonFinite: string, dtype: string): void {
  const type = torch[dtype as 'float32'];
  // More than one chunk, and a tail that does not fill a vector.
  const long = torch.linspace(-1, 1, 40_003, { dtype: type, device: 'cuda' }).requiresGrad_();
  const groups = [...parameters(type), [long]];
  const optimizer = make(rules[rule]!, groups, { clip: clipperOf(clippers[clipper]!), nonFinite });
  for (const t of [1, 2]) {
    setGradients(groups, t);
    optimizer.step();
  }
  cuda.synchronize();
}

if (!cuda.isAvailable()) {
  console.log('skipped: no GPU');
} else {
  let done = 0;
  for (const dtype of dtypes) {
    for (const [rule, clipper, nonFinite] of cells) {
      if (Date.now() > end) continue;
      steps(rule, clipper, nonFinite, dtype);
      done++;
    }
  }
  const enough = done >= cells.length;
  console.log(
    `${done} of ${cells.length * dtypes.length} cells ran${enough ? '' : `, fewer than all of ${dtypes[0]}`}`,
  );
  process.exitCode = enough ? 0 : 1;
}
