// npm run demo: a recurrent network on real digits without clipping, with clip.norm and with clip.value.
//   npm run demo -- --pictures FOLDER     also writes the loss curves as images, such as those in docs/pictures
import { mkdirSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import torch, { clip, utils } from 'torch-clip';
import { textTable } from '../text-table.js';
import { color, type Series } from './charts.js';
import { loadDigits } from './digits.js';
import { writePictures } from './picture.js';
import { lastMean } from './statistics.js';
import { header, row } from './table.js';
import { type Run, setting, train } from './train.js';

const { pictures } = parseArgs({ options: { pictures: { type: 'string' } } }).values;

const contenders: { name: string; clipper?: clip.Clipper; clipLevel?: number }[] = [
  { name: 'no clipping' },
  { name: 'clip.norm(0.5)', clipper: clip.norm(0.5), clipLevel: 0.5 },
  { name: 'clip.value(0.01)', clipper: clip.value(0.01) },
];

// The matrices are small: threads would wait for each other longer than they compute.
torch.setNumThreads(1);
const digits = loadDigits();
const [trainSize, testSize] = [digits.train.y.numel(), digits.test.y.numel()];
const { hidden, lr, momentum, batchSize, epochs } = setting;
const about = [
  `A tanh RNN (${hidden} hidden units, orthogonal recurrent weights) reads MNIST digits row by row:`,
  `28 steps of 28 pixels, ${trainSize} digits to train on and ${testSize} to test.`,
  `SGD, lr ${lr}, momentum ${momentum}, batches of ${batchSize}, ${epochs} epochs;`,
  'every run starts from the same weights and sees the same batches.',
];
const { torchClip, libtorch } = torch.version;
console.log([...about, `torch-clip ${torchClip}, libtorch ${libtorch}, CPU`, ''].join('\n'));

const steps = (epochs * trainSize) / batchSize;
const widest = Math.max(...contenders.map(({ name }) => name.length));
const runs = contenders.map(({ name, clipper, clipLevel }, i): Series => {
  const run = withProgress(name.padEnd(widest), (onStep) => train(name, clipper, digits, onStep));
  return { ...run, color: color(i), clipLevel };
});

console.log(`\n${textTable([header, ...runs.map(row)])}\n`);
const file = fileURLToPath(new URL('../../report/demo.html', import.meta.url));
mkdirSync(dirname(file), { recursive: true });
utils.report(
  runs.map(({ name, losses, norms, clipLevel, testLoss, accuracy }) => ({
    name,
    loss: losses,
    norm: norms,
    ...(clipLevel !== undefined && { threshold: clipLevel }),
    results: { 'test loss': testLoss.toFixed(3), 'test accuracy': `${(100 * accuracy).toFixed(1)}%` },
  })),
  file,
  { title: 'The same training, with and without clipping', about: about.join(' ') },
);
console.log(`Report: ${relative(process.cwd(), file)}`);
if (pictures !== undefined) await writePictures(runs, pictures);

const [plain, ...clipped] = runs;
for (const run of clipped) {
  if (run.accuracy > plain!.accuracy) continue;
  console.error(
    `Failed: ${run.name} should beat ${plain!.name}, ${run.accuracy} against ${plain!.accuracy} test accuracy.`,
  );
  process.exitCode = 1;
}

/** Shows a progress bar on a terminal, without hiding the cursor, as an interrupt ends the process at once; elsewhere, one line when the run is over. */
function withProgress(name: string, body: (onStep: (step: number, loss: number) => void) => Run): Run {
  const bar = new SingleBar({
    format: `${name} {bar} {value}/{total}  loss {loss}  {duration_formatted}`,
  });
  const losses: number[] = [];
  bar.start(steps, 0, { loss: '' });
  try {
    const run = body((step, loss) => {
      losses.push(loss);
      bar.update(step, { loss: lastMean(losses, 20).toFixed(3) });
    });
    if (!process.stderr.isTTY) console.error(`${name} ${steps} steps in ${run.seconds.toFixed(1)} s`);
    return run;
  } finally {
    bar.stop();
  }
}
