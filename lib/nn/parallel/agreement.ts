// What is said where the ranks' modules do not go together.
import { getRank, type ProcessGroup } from '../../distributed/group.js';
import { allGatherObject } from '../../distributed/objects.js';
import { TorchClipError } from '../../errors.js';
import type { Parameter } from '../parameter.js';

/** Refuses on all ranks where one has other parameters than rank 0. */
export function checkSame(group: ProcessGroup, trained: readonly (readonly [string, Parameter])[]): void {
  const own = trained.map(([name, p]) => [name, `${p.dtype.name} [${p.shape.join(', ')}]`] as const);
  const all = allGatherObject(own, { group, wait: true });
  const first = all[0]!;
  for (const [rank, list] of all.entries()) {
    const at = first.findIndex(([name, what], i) => name !== list[i]?.[0] || what !== list[i]?.[1]);
    if (at < 0 && list.length === first.length) continue;
    const say = (one: readonly [string, string] | undefined) =>
      one === undefined ? 'no more' : `"${one[0]}", ${one[1]}`;
    const i = at < 0 ? first.length : at;
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"module" must have the same parameters on all ranks, got as parameter ${i} on rank ${group.ranks[0]} ${say(first[i])}, and on rank ${group.ranks[rank]} ${say(list[i])}`,
    );
  }
}

/** libtorch's refusals, which speak of positions and of options of Python, in the words of this package. */
export function worded(names: readonly string[], call: () => void): void {
  try {
    call();
  } catch (error) {
    throw error instanceof TorchClipError ? reworded(names, error) : error;
  }
}

function reworded(names: readonly string[], error: TorchClipError): TorchClipError {
  const { message } = error;
  const rank = `rank ${getRank()}`;
  const counts = /has (\d+) params, while rank \d+ has inconsistent (\d+) params/.exec(message);
  if (counts) {
    return new TorchClipError(
      'ERR_ARGUMENT',
      `"module" must have the same parameters on all ranks, got ${counts[1]} that require gradients on ${rank} and ${counts[2]} on another`,
      { cause: error },
    );
  }
  const shape = /params\[(\d+)\] in this process with sizes (\[[^\]]*\])/.exec(message);
  if (shape) {
    return new TorchClipError(
      'ERR_ARGUMENT',
      `"module" must have the same parameters on all ranks, got "${names[Number(shape[1])]}" of shape ${shape[2]} on ${rank}, which rank 0 does not have`,
      { cause: error },
    );
  }
  if (message.includes('Expected to have finished reduction')) {
    const missing = /did not receive grad for rank \d+: ([\d ]+)/.exec(message)?.[1]?.trim().split(/\s+/) ?? [];
    const given = missing.map((i) => names[Number(i)]).join(', ');
    return new TorchClipError(
      'ERR_STATE',
      `the last backward pass gave no gradient to ${given === '' ? 'some parameters' : given}: pass { findUnusedParameters: true }, or use every output in the loss`,
      { cause: error },
    );
  }
  return error;
}
