// A thread that answers: it has the model, and gives the probabilities of each batch that it is sent.
import { parentPort, workerData } from 'node:worker_threads';
import torch, { type nn } from 'torch-clip';
import { build, pixels } from './model.js';

const { path } = workerData as { path: string };
const port = parentPort!;

const model = build();
model.loadStateDict(torch.load<nn.StateDict>(path, { mapLocation: 'cpu' }));
model.eval();

port.on('message', (rows: Float32Array) => {
  const probabilities = torch.scope(() =>
    torch.inferenceMode(() => {
      const x = torch.fromTypedArray(rows, { shape: [rows.length / pixels, 28, 28] });
      return model.forward(x).softmax(1).toTypedArray<Float32Array<ArrayBuffer>>();
    }),
  );
  port.postMessage(probabilities, [probabilities.buffer]);
});
port.postMessage('ready');
