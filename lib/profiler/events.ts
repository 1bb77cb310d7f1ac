import { native } from '../binding/index.js';
import type { NativeTrace } from './trace.js';

/** One operator, region, kernel or copy that ran while the profiler did. */
export interface ProfilerEvent {
  name: string;
  /** Where it ran. */
  device: 'cpu' | 'cuda';
  /** The index of its GPU; null on the CPU. */
  deviceIndex: number | null;
  /** The thread that started it. */
  thread: number;
  /** Microseconds from the beginning of the trace. */
  start: number;
  /** Microseconds that it took. */
  duration: number;
  /** Microseconds without those of the operators that it called itself. */
  selfDuration: number;
  /** Microseconds of the kernels and copies that it and the operators below it started on a GPU. */
  cudaTime: number;
  /** Microseconds of those that it started itself. */
  selfCudaTime: number;
  /** Bytes that were allocated in it less those that were freed; with `profileMemory`. */
  memory: number;
  /** Bytes without those of the operators that it called itself. */
  selfMemory: number;
  /** The shapes of its tensors, such as `'[2, 3], [3]'`; with `recordShapes`. */
  shapes: string;
  /** Additions and multiplications, of operators whose number is known; with `withFlops`. */
  flops: number;
  /** Whether it is a region of {@link recordFunction}. */
  isRegion: boolean;
  /** The operators and regions that it called itself. */
  children: ProfilerEvent[];
}

// What native code writes per event.
const width = 12;
// The name of an allocation, or of its end.
const memoryEvent = '[memory]';

const nested = (outer: ProfilerEvent, inner: ProfilerEvent): boolean =>
  inner.start >= outer.start && inner.start + inner.duration <= outer.start + outer.duration;

/** Fills in what depends on which event ran inside which; returns the outermost. */
function nest(events: readonly ProfilerEvent[]): ProfilerEvent[] {
  const roots: ProfilerEvent[] = [];
  const stacks = new Map<number, ProfilerEvent[]>();
  for (const event of events) {
    const stack = stacks.get(event.thread) ?? [];
    stacks.set(event.thread, stack);
    while (stack.length > 0 && !nested(stack.at(-1)!, event)) stack.pop();
    const parent = stack.at(-1);
    if (parent === undefined) roots.push(event);
    else parent.children.push(event);
    stack.push(event);
  }
  return roots;
}

function add(event: ProfilerEvent): void {
  event.selfDuration = event.duration;
  event.memory = event.selfMemory;
  event.cudaTime = event.selfCudaTime;
  for (const child of event.children) {
    add(child);
    event.selfDuration -= child.duration;
    event.memory += child.memory;
    event.cudaTime += child.cudaTime;
  }
}

/** The events of a trace in the order in which they began. */
export function eventsOf(trace: NativeTrace): ProfilerEvent[] {
  const { names, shapes, numbers } = native.profilerEvents(trace);
  const all: ProfilerEvent[] = [];
  const byId = new Map<number, ProfilerEvent>();
  const caused: [number, ProfilerEvent][] = [];
  for (let at = 0; at < numbers.length; at += width) {
    const [name, shape, gpu, index, start, duration, thread, id, cause, isRegion, bytes, flops] = numbers.slice(
      at,
      at + width,
    ) as [number, number, number, number, number, number, number, number, number, number, number, number];
    const event: ProfilerEvent = {
      name: names[name]!,
      device: gpu === 1 ? 'cuda' : 'cpu',
      deviceIndex: gpu === 1 ? index : null,
      thread,
      start: start / 1000,
      duration: duration / 1000,
      selfDuration: duration / 1000,
      cudaTime: gpu === 1 ? duration / 1000 : 0,
      selfCudaTime: gpu === 1 ? duration / 1000 : 0,
      memory: 0,
      selfMemory: bytes,
      shapes: shapes[shape]!,
      flops,
      isRegion: isRegion === 1,
      children: [],
    };
    all.push(event);
    if (gpu === 1) caused.push([cause, event]);
    // A call of CUDA's own has a cause as well; its number is of another count.
    else if (cause === 0 && event.name !== memoryEvent) byId.set(id, event);
  }
  // The outer first, where two begin at once.
  all.sort((a, b) => a.start - b.start || b.duration - a.duration);
  const host = all.filter(({ device }) => device === 'cpu');
  for (const [cause, event] of caused) {
    const operator = byId.get(cause);
    if (operator !== undefined) operator.selfCudaTime += event.duration;
  }
  const roots = nest(host.filter(({ name }) => name !== memoryEvent));
  for (const event of host) {
    if (event.name === memoryEvent) allocate(roots, event);
  }
  for (const root of roots) add(root);
  return all.filter(({ name }) => name !== memoryEvent);
}

/** Gives the bytes of an allocation to the innermost operator that made it. */
function allocate(roots: readonly ProfilerEvent[], event: ProfilerEvent): void {
  let inner: ProfilerEvent | undefined;
  for (let level: readonly ProfilerEvent[] = roots; ; level = inner.children) {
    const next = enclosing(level, event);
    if (next === undefined) break;
    inner = next;
  }
  if (inner !== undefined) inner.selfMemory += event.selfMemory;
}

function enclosing(level: readonly ProfilerEvent[], event: ProfilerEvent): ProfilerEvent | undefined {
  // Sorted by their beginning: the last that began before.
  let [low, high] = [0, level.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (level[middle]!.start <= event.start) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0 && i > low - 64; i--) {
    const candidate = level[i]!;
    if (candidate.thread === event.thread && event.start <= candidate.start + candidate.duration) return candidate;
  }
  return undefined;
}
