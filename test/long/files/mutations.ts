// Damaged files: each is refused in one sentence, or read, in bounded memory.
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import torch, { io, TorchClipError } from '../../../lib/index.js';
import { golden } from '../../support.js';
import type { Run } from './check.js';

const megabyte = 2 ** 20;

/** Reads `count` damaged files of each format. */
export async function mutated(run: Run, count: number): Promise<void> {
  const tensors = { a: torch.randn([40, 10]), b: torch.arange(30), c: torch.ones([5]).half() };
  torch.save({ ...tensors, list: [1, 'x', new Map([[1, 2]])], big: 2n ** 80n }, run.path('x.pt'));
  io.saveSafetensors(tensors, run.path('x.safetensors'));
  io.saveNpz(tensors, run.path('x.npz'));
  const file = (name: string) => readFileSync(run.path(name));
  const compressed = golden<{ npz: { file: string }[] }>('numpy').npz[1]!.file;
  const target = run.path('mutated');
  const formats: [name: string, whole: Buffer, read: () => unknown][] = [
    ['pt', file('x.pt'), () => torch.load(target)],
    ['safetensors', file('x.safetensors'), () => io.loadSafetensors(target)],
    ['npz', file('x.npz'), () => io.loadNpz(target)],
    ['npz, compressed', Buffer.from(compressed, 'base64'), () => io.loadNpz(target)],
    [
      'GGUF',
      Buffer.from(golden<{ file: string }>('gguf').file, 'base64'),
      async () => {
        using gguf = await io.openGguf(target);
        for (const name of gguf.names) {
          gguf.blocks(name).sum();
          if (!/^Q8_[1K]$/.test(gguf.type(name))) gguf.get(name).sum();
        }
      },
    ],
  ];
  const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255), fc.nat(4)), {
    minLength: 1,
    maxLength: 4,
  });
  const damaged = (whole: Buffer, list: readonly (readonly [number, number, number])[]): Buffer => {
    let bytes = Buffer.from(whole);
    for (const [share, value, kind] of list) {
      const at = Math.min(bytes.length - 1, Math.floor(share * share * bytes.length));
      if (kind === 0) bytes = bytes.subarray(0, at + 1);
      else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + value)]);
      else if (kind === 2) bytes = Buffer.concat([bytes, bytes.subarray(at, at + value)]);
      else bytes[at] = value;
      if (bytes.length === 0) return bytes;
    }
    return bytes;
  };
  for (const [name, whole, read] of formats) {
    const counts = { read: 0, refused: 0 };
    global.gc?.();
    const start = process.memoryUsage.rss();
    let peak = start;
    // What a read took in between shows in the most that the process ever had, where that grew.
    const most = () => process.resourceUsage().maxRSS * 1024;
    const before = most();
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        writeFileSync(target, damaged(whole, list));
        try {
          await read();
          counts.read++;
        } catch (error) {
          counts.refused++;
          const isOurs = error instanceof TorchClipError && ['ERR_FILE', 'ERR_DEVICE'].includes(error.code);
          if (!isOurs || error.message.includes('\n')) throw error;
        }
        peak = Math.max(peak, process.memoryUsage.rss());
      }),
      { numRuns: count, seed: run.seed },
    );
    if (most() > before) peak = Math.max(peak, most());
    const grown = Math.round((peak - start) / megabyte);
    if (grown > 64 + whole.length / megabyte) run.fail(`damaged ${name} files took ${grown} MB`);
    console.log(`${name}: ${counts.refused} damaged files were refused and ${counts.read} read, in ${grown} MB`);
  }
}
