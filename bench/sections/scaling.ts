// What a step costs as it grows: norm clip and AdamW over one tensor of 10^3 to 10^8 elements, and over 1 to 10^5 tensors of ten.
import { controls, shareOf } from '../lib/controls.js';
import { rawOf, type ScalingRow } from '../lib/results.js';
import { against, measure } from '../lib/rounds.js';
import { Sides } from '../lib/sides.js';
import { median } from '../lib/statistics.js';

// Parameter and state read and written, the gradient read for the norm and again for the step.
const bytesPerParameter = 32;

export async function scaling({ rounds, onRow }: { rounds: number; onRow(row: ScalingRow): void }): Promise<void> {
  const sides = new Sides();
  const beside = controls();
  const points = [
    ...[3, 4, 5, 6, 7, 8].map((power) => ({ by: 'parameters' as const, count: 1, size: 10 ** power })),
    ...[0, 1, 2, 3, 4, 5].map((power) => ({ by: 'tensors' as const, count: 10 ** power, size: 10 })),
  ];
  for (const { by, count, size } of points) {
    await sides.make('tensors', { count, size });
    const timing = await measure(
      {
        ours: sides.ours('tensors'),
        fused: sides.pytorch('tensors'),
        ...(by === 'parameters' && { inPlace: beside.inPlace }),
      },
      { rounds },
    );
    onRow({
      by,
      count: by === 'tensors' ? count : size,
      rounds,
      ...rawOf(timing),
      seconds: median(timing.rounds.ours!),
      ofInPlace: by === 'parameters' ? shareOf(timing, 'inPlace', bytesPerParameter * size) : undefined,
      fused: against(timing, 'fused'),
    });
  }
  beside.dispose();
  await sides.close();
}
