// What a step costs as it grows: norm clip and AdamW over one tensor of 10^3 to 10^8 elements, and over 1 to 10^5 tensors of ten.
import { python } from '../lib/child.js';
import { controls, shareOf } from '../lib/controls.js';
import { rawOf, type ScalingRow } from '../lib/results.js';
import { against, here, measure } from '../lib/rounds.js';
import { median } from '../lib/statistics.js';
import { stepOver } from './small.js';

export async function scaling({ rounds, onRow }: { rounds: number; onRow(row: ScalingRow): void }): Promise<void> {
  const side = python();
  const beside = controls();
  // Parameter and state read and written, the gradient read for the norm and again for the step.
  const bytesPerParameter = 32;
  const points = [
    ...[3, 4, 5, 6, 7, 8].map((power) => ({ by: 'parameters' as const, count: 1, size: 10 ** power })),
    ...[0, 1, 2, 3, 4, 5].map((power) => ({ by: 'tensors' as const, count: 10 ** power, size: 10 })),
  ];
  for (const { by, count, size } of points) {
    await side.call('make', { what: 'tensors', count, size });
    const { optimizer, params } = stepOver(count, size);
    const timing = await measure(
      {
        ours: here(() => optimizer.step()),
        ...(by === 'parameters' && { inPlace: beside.inPlace }),
        fused: (iterations, untimed) => side.call<number>('small', { name: 'tensors', iterations, untimed }),
      },
      { rounds },
    );
    const ofInPlace = by === 'parameters' ? shareOf(timing, 'inPlace', bytesPerParameter * size) : undefined;
    for (const p of params) {
      p.grad?.dispose();
      p.dispose();
    }
    globalThis.gc?.();
    onRow({
      by,
      count: by === 'tensors' ? count : size,
      rounds,
      ...rawOf(timing),
      seconds: median(timing.rounds.ours!),
      ofInPlace,
      fused: against(timing, 'fused'),
    });
  }
  beside.dispose();
  await side.close();
}
