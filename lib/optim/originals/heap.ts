// The moves of Python's heapq, one by one: with a NaN inside, which no comparison holds for, the order that they leave depends on them.

/** Adds an item to a heap whose smallest item is the first. */
export function push(heap: number[], item: number): void {
  heap.push(item);
  rise(heap, heap.length - 1);
}

/** Puts an item in the place of the smallest one, where it is larger than that; else changes nothing. */
export function pushPop(heap: number[], item: number): void {
  if (heap.length === 0 || !(heap[0]! < item)) return;
  heap[0] = item;
  // To the bottom along the smaller children, then up: heapq's way.
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
