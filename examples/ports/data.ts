// Small data for the ports, the same in both languages: from generators of their own, so that a model's numbers do not depend on them.
import torch, { type Tensor } from 'torch-clip';

/** Pictures of ten classes, which differ in brightness and in one stripe. */
export function pictures(n: number, channels: number, size: number): { images: Tensor; labels: Tensor } {
  const generator = new torch.Generator().manualSeed(1);
  const labels = torch.randint(0, 10, [n], { generator });
  const images = torch.rand([n, channels, size, size], { generator }).mul(0.5);
  for (let i = 0; i < n; i++) {
    const label = labels.at(i).item();
    images.at(i).add_(label / 20);
    images.at(i, {}, label % size).add_(0.25);
  }
  return { images, labels };
}

/** A text of word numbers in which each word mostly follows from the one before. */
export function words(n: number, vocabulary: number): Tensor {
  const generator = new torch.Generator().manualSeed(2);
  const jumps = torch.randint(0, 3, [n], { generator });
  return jumps.add(1).cumsum(0).remainder(vocabulary);
}

/** The columns of a text that was cut into `batch` equal parts. */
export function columns(text: Tensor, batch: number): Tensor {
  const length = Math.floor(text.numel() / batch);
  return text
    .narrow(0, 0, length * batch)
    .view(batch, length)
    .t()
    .contiguous();
}
