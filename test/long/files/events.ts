// Event files as TensorBoard's own reader in Python finds them.
import { spawnSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import torch, { utils } from '../../../lib/index.js';
import { here, type Run } from './check.js';

interface Found {
  scalars: Record<string, [step: number, value: number, time: number][]>;
  histograms: Record<string, [step: number, count: number, min: number, max: number, sum: number][]>;
  images: Record<string, [step: number, width: number, height: number, png: string][]>;
  texts: Record<string, [step: number, text: string][]>;
  hparams: Record<string, unknown>;
}

/** Writes everything that a writer can, and has it read. */
export async function events(run: Run, steps: number): Promise<void> {
  if (spawnSync(run.python, ['-c', 'import tensorboard']).status !== 0) {
    console.log(`${run.python} has no tensorboard: nothing reads the events`);
    return;
  }
  const folder = run.path('events');
  const image = torch.rand([3, 5, 7]);
  const values = torch.randn([1000]).mul(10);
  const losses = Array.from({ length: steps }, () => Math.fround(Math.exp(10 * Math.random() - 5)));
  using writer = new utils.tensorboard.SummaryWriter(folder);
  for (const [step, loss] of losses.entries()) {
    const wallTime = 1.7e9 + step / 4;
    writer.addScalar('train/loss', loss, step, { wallTime });
    if (step % 100 !== 0) continue;
    writer.addScalars('both', { a: loss, b: -loss }, step);
    writer.addHistogram('values', values, step);
    writer.addText('note', `step ${step} ☃`, step);
  }
  writer.addImage('picture', image, 3);
  writer.addHparams({ lr: 0.1, clip: 'norm', nesterov: true }, { accuracy: 0.75 }, { runName: 'hparams' });
  const interrupted = run.path('events', 'interrupted');
  for (const [purgeStep, first] of [
    [undefined, 0],
    [50, 50],
  ] as const) {
    using part = new utils.tensorboard.SummaryWriter(interrupted, purgeStep === undefined ? {} : { purgeStep });
    for (let at = first; at < 100; at++) part.addScalar('loss', at + first, at);
  }
  const { stdout, stderr } = spawnSync(run.python, ['-W', 'ignore', here('events.py'), folder], {
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (stdout === '') {
    run.fail(`TensorBoard's reader: ${stderr}`);
    return;
  }
  const found = JSON.parse(stdout) as Record<string, Found>;
  const before = run.failures;
  const same = (what: string, got: unknown, expected: unknown) => {
    if (isDeepStrictEqual(got, expected)) return;
    run.fail(
      `TensorBoard reads ${what} as ${JSON.stringify(got)?.slice(0, 200)}, not ${JSON.stringify(expected)?.slice(0, 200)}`,
    );
  };
  const root = found['.']!;
  const marks = losses.map((loss, step) => [step, loss] as const).filter(([step]) => step % 100 === 0);
  same(
    'the losses',
    root.scalars['train/loss'],
    losses.map((loss, step) => [step, loss, 1.7e9 + step / 4]),
  );
  for (const [name, sign] of [
    ['both_a', 1],
    ['both_b', -1],
  ] as const) {
    same(
      name,
      found[name]?.scalars.both?.map(([step, value]) => [step, value]),
      marks.map(([step, loss]) => [step, sign * loss]),
    );
  }
  const [min, max] = [values.min().item(), values.max().item()];
  same(
    'the histograms',
    root.histograms.values,
    marks.map(([step]) => [step, 1000, min, max, 1000]),
  );
  same(
    'the texts',
    root.texts['note/text_summary'],
    marks.map(([step]) => [step, `step ${step} ☃`]),
  );
  same('the settings', found.hparams?.hparams, {
    lr: 0.1,
    clip: 'norm',
    nesterov: true,
    status: 1,
    metrics: ['accuracy'],
  });
  same(
    'the result',
    found.hparams?.scalars.accuracy?.map(([, value]) => value),
    [0.75],
  );
  same(
    'a run that was interrupted',
    found.interrupted?.scalars.loss?.map(([at, value]) => [at, value]),
    Array.from({ length: 100 }, (_, at) => [at, at < 50 ? at : at + 50]),
  );
  const [step, width, height, png] = root.images.picture![0]!;
  same('the picture', [step, width, height], [3, 7, 5]);
  const { data } = await sharp(Buffer.from(png, 'base64')).raw().toBuffer({ resolveWithObject: true });
  const pixels = image.permute([1, 2, 0]).mul(255).to({ dtype: torch.uint8 }).contiguous().reshape([-1]);
  same('the pixels', [...data], [...pixels.toTypedArray<Uint8Array<ArrayBuffer>>()]);
  if (run.failures === before)
    console.log(`TensorBoard's reader finds every one of ${steps} losses, and all that was written beside them`);
}
