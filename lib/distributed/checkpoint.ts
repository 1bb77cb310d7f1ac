// Checkpoints that all ranks write together.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { types } from 'node:util';
import { anything, check, integer, kind } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { abandonFolder, beginFolder, finishFolder } from '../io/checkpoint.js';
import { type PathLike, pathOf } from '../io/file.js';
import { type Parted, partFile, TensorPart, writeIndex } from '../io/parts.js';
import { isPlain } from '../io/plain.js';
import { saveSafetensors } from '../io/safetensors/save.js';
import { toTagged } from '../io/tagged.js';
import { optionsOf } from '../options.js';
import { unscoped } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type GroupOption, groupKind, groupOf, type ProcessGroup } from './group.js';
import { allGatherObject, broadcastObjectList } from './objects.js';

/** Options of {@link saveCheckpoint}. */
export interface SharedCheckpointOptions {
  /** Default: the default group. */
  group?: GroupOption;
  /** The number in its name; default: one more than the newest has. Rank 0's counts. */
  step?: number;
  /** How many to keep, this one included; default: all. Rank 0's counts. */
  keepLast?: number;
}

const readOptions = optionsOf('distributed.saveCheckpoint()', {
  group: [kind<GroupOption | undefined>(groupKind.expected, groupKind.accepts), undefined],
  step: [integer(0), undefined],
  keepLast: [integer(1), undefined],
});

/** What one rank has of a checkpoint. */
interface Content {
  json: string;
  tensors: Map<string, Tensor>;
  parts: Map<string, TensorPart>;
}

/** Takes parts of tensors out of an object: a part's own elements stand in its place. */
function contentOf(object: unknown): Content {
  const found = new Map<Tensor, TensorPart>();
  const without = (value: unknown): unknown => {
    if (value instanceof TensorPart) {
      found.set(value.tensor, value);
      return value.tensor;
    }
    if (Array.isArray(value)) return value.map(without);
    if (!isPlain(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, without(entry)]));
  };
  const { json, tensors } = toTagged(without(object));
  const parts = new Map<string, TensorPart>();
  for (const [name, tensor] of tensors) {
    const part = found.get(tensor);
    if (part !== undefined) parts.set(name, part);
  }
  return { json, tensors, parts };
}

/** What all ranks must have alike: the values of an object, and of its tensors the dtypes and shapes, by their paths. */
type Leaves = readonly (readonly [path: string, value: string])[];

function leavesOf({ json, tensors, parts }: Content): Leaves {
  const leaves: [string, string][] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) {
      leaves.push([path, JSON.stringify(value)]);
      return;
    }
    const entries = Object.entries(value);
    if (!Array.isArray(value) && entries.length === 1 && entries[0]![0] === '$tensor') {
      const name = entries[0]![1] as string;
      const tensor = tensors.get(name)!;
      const { shape } = parts.get(name) ?? tensor;
      leaves.push([path, `a ${tensor.dtype.name} tensor of shape [${shape.join(', ')}]`]);
      return;
    }
    if (entries.length === 0) leaves.push([path, Array.isArray(value) ? '[]' : '{}']);
    for (const [key, inner] of entries) walk(inner, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
  };
  walk(JSON.parse(json), 'object');
  return leaves;
}

/** Names the first leaf that two ranks do not have alike. */
function differing(one: Leaves, other: Leaves, oneRank: number, otherRank: number): string {
  const ofOne = new Map(one);
  const ofOther = new Map(other);
  const path = [...ofOne.keys(), ...ofOther.keys()].find((key) => ofOne.get(key) !== ofOther.get(key));
  const said = (leaves: ReadonlyMap<string, string>) => {
    const value = leaves.get(path!) ?? 'nothing';
    return value.length > 60 ? `${value.slice(0, 60)}...` : value;
  };
  // The same keys in another order, say, in which each rank would write other tensors.
  if (path === undefined) return `the same in another arrangement on rank ${otherRank} than on rank ${oneRank}`;
  return `${said(ofOne)} in "${path}" on rank ${oneRank}, and ${said(ofOther)} on rank ${otherRank}`;
}

/** The tensors that a rank writes: its parts, and of those that all ranks have as many bytes as the others. */
function ownTensors({ tensors, parts }: Content, { rank, size }: ProcessGroup): Map<string, Tensor> {
  const written = Array<number>(size).fill(0);
  const own = new Map<string, Tensor>();
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => b.nbytes - a.nbytes)) {
    if (parts.has(name)) {
      if (tensor.numel() > 0) own.set(name, tensor);
      continue;
    }
    const least = written.indexOf(Math.min(...written));
    written[least]! += tensor.nbytes;
    if (least === rank) own.set(name, tensor);
  }
  return own;
}

type Said = { error: string } | { hash: string; parts: Record<string, [begin: number, length: number]> };

/** What all ranks say, or an error on all where one has failed. */
async function together(group: ProcessGroup, said: Said | (() => Said)): Promise<Said[]> {
  let failure: unknown;
  let own: Said;
  try {
    own = typeof said === 'function' ? said() : said;
  } catch (error) {
    failure = error;
    own = { error: types.isNativeError(error) ? error.message : describe(error) };
  }
  const all = await allGatherObject(own, { group });
  if (failure !== undefined) throw failure;
  const bad = all.findIndex((one) => 'error' in one);
  if (bad < 0) return all;
  throw new TorchClipError(
    'ERR_DISTRIBUTED',
    `rank ${group.ranks[bad]} cannot write its part of the checkpoint: ${(all[bad] as { error: string }).error}`,
  );
}

/**
 * Writes a checkpoint together with all ranks of a group: each writes a file with its part of the tensors, and an index joins them.
 * Parts of a sharded optimizer's state, as its `shardedStateDict()` has them, are written by their owners; of other tensors, which all
 * ranks have alike, each rank writes some.
 *
 * The folder `checkpoint-00000012`, say, has its name only when all of it is on the disk: the newest checkpoint is always whole,
 * whenever processes end. {@link io.latest} finds it and {@link io.loadCheckpoint} reads it, with any number of ranks or without a group;
 * `io.save(io.loadCheckpoint(path), 'all.pt')` makes one file of it.
 *
 * @param folder on a file system that all ranks share.
 * @param object as `io.saveCheckpoint` takes it, with the same structure, values, shapes and dtypes on all ranks. Of a tensor whose
 * elements differ between ranks, such as a random state, the checkpoint has that of one rank: gather them into one that all have.
 * @returns the path of the checkpoint.
 * @throws {TorchClipError} rejects on all ranks where one fails; there is no new checkpoint then, and the old ones stay.
 *
 * @example
 * const state = { model: model.stateDict(), optimizer: optimizer.shardedStateDict(), step };
 * await torch.distributed.saveCheckpoint('runs/1', state, { step, keepLast: 2 });
 */
export async function saveCheckpoint(
  folder: PathLike,
  object: unknown,
  options?: SharedCheckpointOptions,
): Promise<string | null> {
  const { group: given, step, keepLast } = readOptions(options);
  const target = pathOf(folder, 'folder');
  check('object', object, anything);
  const group = groupOf(given);
  if (group === null) return null;
  let content: Content | undefined;
  const all = await together(group, () => {
    content = unscoped(() => contentOf(object));
    const parts = [...content.parts].map(([name, part]) => [name, [part.begin, part.tensor.numel()]] as const);
    const alike = JSON.stringify(leavesOf(content));
    return {
      hash: createHash('sha256').update(content.json).update(alike).digest('hex'),
      parts: Object.fromEntries(parts) as never,
    };
  });
  const said = all as Exclude<Said, { error: string }>[];
  const other = said.findIndex(({ hash }) => hash !== said[0]!.hash);
  if (other >= 0) {
    const leaves = await allGatherObject(leavesOf(content!), { group });
    throw new TorchClipError(
      'ERR_DISTRIBUTED',
      `"object" must have the same structure, values, shapes and dtypes on all ranks, got ${differing(leaves[0]!, leaves[other]!, group.ranks[0]!, group.ranks[other]!)}`,
    );
  }
  const isFirst = group.rank === 0;
  const root = group.ranks[0]!;
  let unfinished = '';
  const done: Said = { hash: '', parts: {} };
  try {
    const begun = await together(group, () => {
      if (isFirst) unfinished = beginFolder(target);
      return { hash: unfinished, parts: {} };
    });
    const shared = (begun[0] as { hash: string }).hash;
    await together(group, () => {
      saveSafetensors(ownTensors(content!, group), join(shared, partFile(group.rank, group.size)));
      return done;
    });
    let path = '';
    await together(group, () => {
      if (!isFirst) return done;
      writeIndex(shared, { files: group.size, parts: partedOf(content!.parts, said) });
      path = finishFolder(shared, target, { json: content!.json, step, keepLast });
      unfinished = '';
      return done;
    });
    return (await broadcastObjectList([path], { src: root, group }))[0]!;
  } catch (error) {
    if (unfinished !== '') abandonFolder(unfinished);
    throw error;
  }
}

function partedOf(
  parts: ReadonlyMap<string, TensorPart>,
  said: readonly { parts: Record<string, [number, number]> }[],
) {
  const parted: Record<string, Parted> = {};
  for (const [name, { shape, strides }] of parts) {
    const list = said.flatMap(({ parts: own }, file) => {
      const [begin, length] = own[name]!;
      return length === 0 ? [] : [[file, begin, length] as const];
    });
    parted[name] = { shape, strides, parts: list };
  }
  return parted;
}
