// Python's heapq, move by move: with a NaN inside, for which every comparison is false, the resulting order depends on the exact moves.

/** Adds an item to a heap whose smallest item is the first. */
export function push(heap: number[], item: number): void {
  heap.push(item);
  rise(heap, heap.length - 1);
}

/** Replaces the smallest item if the new one is larger; else changes nothing. */
export function pushPop(heap: number[], item: number): void {
  if (heap.length === 0 || !(heap[0]! < item)) return;
  heap[0] = item;
  // Like heapq: down to the bottom along the smaller children, then up.
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    const right = child + 1;
    if (right < heap.length && !(heap[child]! < heap[right]!)) child = right;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = item;
  rise(heap, at);
}

function rise(heap: number[], from: number): void {
  const item = heap[from]!;
  let at = from;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!(item < heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
}
