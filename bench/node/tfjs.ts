// tfjs as one side of the benchmark: Adam on its wasm backend.
import { readFileSync, writeFileSync } from 'node:fs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import table from '../cases.json' with { type: 'json' };
import { type ShapeName, shapesOf, tile } from '../lib/shapes.js';
import { type Calls, serve } from './serve.js';

setThreadsCount(Number(process.env.BENCH_THREADS));
await tf.setBackend('wasm');

let shapes: number[][] = [];
let variables: tf.Variable[] = [];
let gradients: { name: string; tensor: tf.Tensor }[] = [];
let optimizer: tf.AdamOptimizer;
let pools: { params: Float32Array; grads: Float32Array };

const floats = (file: string) => new Float32Array(new Uint8Array(readFileSync(file)).buffer);

function filled(size: readonly number[], k: number, pool: Float32Array, factor = 1): tf.Tensor {
  const values = new Float32Array(size.reduce((a, b) => a * b, 1));
  tile(k, values.length, (start, at, n) => values.set(pool.subarray(start, start + n), at));
  return tf.tensor(factor === 1 ? values : values.map((value) => value * factor), [...size]);
}

function setGradients(factor: number): void {
  for (const { tensor } of gradients) tensor.dispose();
  gradients = shapes.map((size, k) => ({ name: `p${k}`, tensor: filled(size, k, pools.grads, factor) }));
}

await serve({
  open(args: { shape: ShapeName; pools: { params: string; grads: string } }) {
    shapes = shapesOf(args.shape);
    pools = { params: floats(args.pools.params), grads: floats(args.pools.grads) };
    variables = shapes.map((size, k) => tf.variable(filled(size, k, pools.params), true, `p${k}`));
    const { lr } = table.rules.adam.options;
    optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8);
  },
  /** Takes the steps that are checked, and writes the same sample as lib/tensors.ts. */
  async check({ factors, stride, file }: { factors: number[]; stride: number; file: string }) {
    for (const factor of factors) {
      setGradients(factor);
      optimizer.applyGradients(gradients);
    }
    const sample: number[] = [];
    for (const variable of variables) {
      const values = await variable.data();
      const [rows, length] =
        variable.rank > 1 ? [variable.shape[0]!, variable.size / variable.shape[0]!] : [variable.size, 1];
      const some = variable.rank > 1 || variable.size > 10_000;
      const take = (row: number) => sample.push(...values.subarray(row * length, (row + 1) * length));
      for (let row = 0; row < rows; row += some ? stride : 1) take(row);
      if (some) take(rows - 1);
    }
    writeFileSync(file, Float64Array.from(sample));
    setGradients(1);
  },
  async step({ iterations, untimed = 1 }: Calls) {
    for (let i = 0; i < untimed; i++) optimizer.applyGradients(gradients);
    await variables[0]!.data();
    const start = process.hrtime.bigint();
    for (let i = 0; i < iterations; i++) optimizer.applyGradients(gradients);
    await variables[0]!.data();
    return Number(process.hrtime.bigint() - start) / 1e9;
  },
});
