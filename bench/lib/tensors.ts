// The parameters and gradients of a shape, with the same values as on the other side (python/tensors.py).
import torch, { type Tensor } from '../../lib/index.js';
import { type DtypeName, poolSize, type ShapeName, seeds, shapesOf, sizeOf, strideOf, tile } from './shapes.js';

/** The values that tensors are filled with: 2^20 normal ones. */
export function poolOf(seed: number, scale: number, dtype: DtypeName): Tensor {
  torch.manualSeed(seed);
  return torch.randn([poolSize]).mul_(scale).to({ dtype: torch[dtype] });
}

function fill(tensors: readonly Tensor[], pool: Tensor): void {
  torch.noGrad(() => {
    tensors.forEach((tensor, k) => {
      const flat = tensor.view(-1);
      tile(k, flat.numel(), (start, at, n) => flat.narrow(0, at, n).copy_(pool.narrow(0, start, n)));
    });
  });
}

export class Tensors {
  readonly params: readonly Tensor[];
  readonly #pools: readonly [params: Tensor, grads: Tensor];
  readonly #stride: number;

  constructor(shape: ShapeName, dtype: DtypeName, device: 'cpu' | 'cuda' = 'cpu', copies = 1) {
    const options = { dtype: torch[dtype], device };
    this.#pools = [poolOf(...seeds.params, dtype).to(device), poolOf(...seeds.grads, dtype).to(device)];
    this.#stride = strideOf(shape, copies);
    this.params = shapesOf(shape, copies).map((size) => torch.empty(size, { ...options, requiresGrad: true }));
    for (const p of this.params) p.grad = torch.empty(p.shape, options);
    const elements = this.params.reduce((sum, p) => sum + p.numel(), 0);
    const want = sizeOf(shape, copies);
    if (elements !== want.elements || this.params.length !== want.tensors) {
      throw new Error(`shapes.json: ${shape} has ${elements} elements in ${this.params.length} tensors`);
    }
  }

  reset(): void {
    fill(this.params, this.#pools[0]);
    this.gradients(1);
  }

  /** The gradients times a power of two, which changes no digit. */
  gradients(factor: number): void {
    fill(
      this.params.map((p) => p.grad!),
      this.#pools[1].mul(factor),
    );
  }

  /** Rows of every parameter in fp64, including the last. */
  sample(): Uint8Array {
    const parts = torch.noGrad(() =>
      this.params.map((p) => {
        const flat = p.dim() > 1 ? p.flatten(1) : p;
        const rows = flat.size(0);
        const some = [flat.slice(0, 0, rows, this.#stride), flat.narrow(0, rows - 1, 1)];
        const seen = p.dim() > 1 || rows > 10_000 ? torch.cat(some) : flat;
        return seen.to({ dtype: torch.float64 }).reshape([-1]);
      }),
    );
    return new Uint8Array(torch.cat(parts).toTypedArray<Float64Array<ArrayBuffer>>().buffer);
  }

  dispose(): void {
    for (const p of this.params) {
      p.grad?.dispose();
      p.dispose();
    }
    for (const pool of this.#pools) pool.dispose();
  }
}
