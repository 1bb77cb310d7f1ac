import { uint8 } from '../../dtype.js';
import { mustHave, TorchClipError } from '../../errors.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';

/** The order of a picture's dimensions. */
export type Layout = 'CHW' | 'HWC' | 'HW';

/** A picture in rows of pixels. */
export interface Pixels {
  pixels: Uint8Array;
  height: number;
  width: number;
  channels: number;
}

/** A picture of a tensor: uint8 as it is, floating-point numbers times 255. */
export function pixelsOf(image: Tensor, layout: Layout): Pixels {
  return scope(() => {
    if (image.dim() !== layout.length) throw mustHave('image', `${layout.length} dimensions (${layout})`, image.shape);
    const rows = layout === 'HW' ? image.unsqueeze(-1) : layout === 'CHW' ? image.permute([1, 2, 0]) : image;
    const [height, width, channels] = rows.shape as [number, number, number];
    if (channels < 1 || channels > 4 || height === 0 || width === 0) {
      throw mustHave('image', '1 to 4 channels and a pixel or more', image.shape);
    }
    if (!rows.dtype.isFloatingPoint && rows.dtype !== uint8) {
      throw new TorchClipError('ERR_DTYPE', `"image" must be uint8 or floating-point, got ${rows.dtype}`);
    }
    const bytes =
      rows.dtype === uint8 ? rows : rows.detach().float().mul(255).clamp(0, 255).nanToNum().to({ dtype: uint8 });
    const pixels = bytes.cpu().contiguous().reshape([-1]).toTypedArray<Uint8Array<ArrayBuffer>>();
    return { pixels, height, width, channels };
  });
}
