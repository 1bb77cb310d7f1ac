// A case's rivals in their processes: checked against fp64 together with our sample, and ready for their turns.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseName, RivalName } from './cases.js';
import { type Child, node, python } from './child.js';
import type { StepRow } from './results.js';
import type { Contender } from './rounds.js';
import { type DtypeName, type ShapeName, seeds, strideOf } from './shapes.js';
import { poolOf } from './tensors.js';

interface About {
  name: CaseName;
  shape: ShapeName;
  dtype: DtypeName;
  rivals: RivalName[];
  /** The factors of the gradients in the steps that are checked. */
  factors: number[];
}

export interface Rivals {
  contenders: Partial<Record<RivalName, Contender>>;
  errors: StepRow['errors'];
  /** MB on huge pages, of all processes. */
  hugePages(): Promise<StepRow['hugePages']>;
  close(): Promise<void>;
}

/** `pytorch`: the process that has the shape's tensors; `files`: a folder for samples, with ours in it. */
export async function openRivals(about: About, pytorch: Child, files: string): Promise<Rivals> {
  const { name, shape, dtype, rivals, factors } = about;
  const samples: Record<string, string> = { ours: join(files, 'ours') };
  const contenders: Rivals['contenders'] = {};
  const errors: StepRow['errors'] = {};

  const tfjs = rivals.includes('tfjs') ? await openTfjs(shape, files) : undefined;
  if (tfjs !== undefined) {
    samples.tfjs = join(files, 'tfjs');
    await tfjs.call('check', { factors, stride: strideOf(shape), file: samples.tfjs });
    contenders.tfjs = (iterations, untimed) => tfjs.call<number>('step', { iterations, untimed });
  }

  async function enter(child: Child, own: RivalName[], sampled: Record<string, string>): Promise<void> {
    const kinds = own.map((rival) => rival.replace('Huge', ''));
    const told = { case: name, rivals: kinds };
    const seen = await child.call<Record<string, number>>('check', { ...told, factors, files: sampled });
    for (const sample of Object.keys(sampled)) errors[sample as RivalName] = seen[sample];
    await child.call('prepare', told);
    own.forEach((rival, i) => {
      errors[rival] = seen[kinds[i]!];
      contenders[rival] = (iterations, untimed) => child.call<number>('step', { rival: kinds[i], iterations, untimed });
    });
  }
  const asking = rivals.filter((rival) => rival.endsWith('Huge'));
  await enter(
    pytorch,
    rivals.filter((rival) => rival !== 'tfjs' && !asking.includes(rival)),
    samples,
  );
  const huge = asking.length > 0 ? python('cpu', { THP_MEM_ALLOC_ENABLE: '1' }) : undefined;
  if (huge !== undefined) {
    await huge.call('open', { shape, dtype });
    await enter(huge, asking, {});
  }

  return {
    contenders,
    errors,
    async hugePages() {
      const [ours, theirs] = [hugePagesHere(), await pytorch.call<number | null>('huge_pages')];
      const asked = await huge?.call<number | null>('huge_pages');
      return { ours, pytorch: theirs, pytorchHuge: asked };
    },
    async close() {
      await huge?.close();
      await tfjs?.close();
    },
  };
}

/** MB of this process on huge pages, or null where the system does not say. */
function hugePagesHere(): number | null {
  const rollup = '/proc/self/smaps_rollup';
  if (!existsSync(rollup)) return null;
  return Math.floor(Number(/^AnonHugePages: *(\d+)/m.exec(readFileSync(rollup, 'utf8'))![1]) / 1024);
}

async function openTfjs(shape: ShapeName, files: string): Promise<Child> {
  const child = node('tfjs');
  const pools = Object.fromEntries(
    Object.entries(seeds).map(([name, [seed, scale]]) => {
      const file = join(files, name);
      writeFileSync(file, poolOf(seed, scale, 'float32').toTypedArray<Float32Array<ArrayBuffer>>());
      return [name, file];
    }),
  );
  await child.call('open', { shape, pools });
  return child;
}
