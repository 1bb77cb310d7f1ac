// Four ranks, of which two have finished a broadcast when the last calls something else, and one still passes it on.
import torch, { TorchClipError } from '../../../lib/index.js';
import { distributed as d, leave, meet, send } from './_rank.js';

const { store, rank, worldSize } = await meet();
await d.initProcessGroup({ store, rank, worldSize, timeout: 30 });
const pair = await d.newGroup([1, 2]);

const written = '0//cpu//call/0';
if (rank === 1 || rank === 2) {
  // For the second that a call of these two takes to be written, rank 1 waits as well.
  const meeting = (async () => {
    await store.wait([rank === 2 ? written : '0//1//cpu//call/0']);
    await d.barrier({ group: pair });
  })();
  if (rank === 2) await meeting;
}
if (rank === 3) await store.wait(['told/0', 'told/2']);
const told = await (rank === 3 ? d.barrier() : d.broadcast(torch.ones([4]), { src: 0 })).then(
  () => ['nothing'],
  (error: unknown) => (error instanceof TorchClipError ? [error.code, error.message] : [String(error)]),
);
await send(told);
await store.set(`told/${rank}`, 'yes');
// Whose end the others would be told of; rank 0 keeps the store.
await store.wait(['told/1', 'told/3']);
await store.set(`left/${rank}`, 'yes');
if (rank === 0) await store.wait(['left/1', 'left/2', 'left/3']);
await leave();
