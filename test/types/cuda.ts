// Compiled, never run: what the declarations of CUDA and mixed precision accept and refuse.
import torch, { cuda, type Tensor } from '../../lib/index.js';

declare const t: Tensor;
declare const optimizer: torch.optim.Optimizer;

const stream: cuda.Stream = new cuda.Stream({ device: 0, priority: -1 });
const inside: Tensor = cuda.stream(stream, () => t);
const event: cuda.Event = stream.recordEvent();
const milliseconds: number = event.elapsedTime(new cuda.Event({ enableTiming: true }));
const captured: { y: Tensor } = new cuda.Graph().capture(() => ({ y: t }), {
  captureErrorMode: 'thread_local',
  stream,
});
const properties: cuda.DeviceProperties = cuda.getDeviceProperties('cuda:1');
const stats: Record<string, number> = cuda.memoryStats();
const mode: 'default' | 'warn' | 'error' = cuda.getSyncDebugMode();
cuda.setSyncDebugMode(mode);
const cast: [number, string] = torch.autocast({ deviceType: 'cuda', dtype: torch.bfloat16 }, () => [1, 'a']);
const scaler: torch.GradScaler = new torch.cuda.amp.GradScaler({ initScale: 2 ** 10 });
const one: Tensor = scaler.scale(t);
const two: [Tensor, Tensor] = scaler.scale([t, t]);
scaler.step(optimizer);
scaler.update(t);
export const used = [inside, milliseconds, captured, properties, stats, cast, one, two];

// @ts-expect-error a CPU has no streams
new cuda.Stream({ device: true });
// @ts-expect-error no such mode
new cuda.Graph().capture(() => t, { captureErrorMode: 'none' });
// @ts-expect-error no such mode
cuda.setSyncDebugMode('off');
// @ts-expect-error the device type is needed
torch.autocast({ dtype: torch.float16 }, () => t);
// @ts-expect-error no such device type
torch.autocast({ deviceType: 'mps' }, () => t);
// @ts-expect-error PyTorch's closure is not supported
scaler.step(optimizer, () => t);
