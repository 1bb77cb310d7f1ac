// Saves again and again until it is killed: saver.ts FOLDER FORMAT
import { join } from 'node:path';
import torch, { io } from '../../../lib/index.js';

const [folder, format] = process.argv.slice(2) as [string, string];
for (let i = 0; ; i++) {
  const rows = Array.from({ length: 8 }, () => torch.full([20_000], i));
  if (format === 'pt') torch.save({ rows }, join(folder, 'kill.pt'));
  else if (format === 'safetensors')
    io.saveSafetensors(new Map(rows.map((row, j) => [`row ${j}`, row])), join(folder, 'kill.safetensors'));
  else if (format === 'checkpoints') io.saveCheckpoint(join(folder, format), { rows }, { keepLast: 2 });
  else io.saveCheckpoint(join(folder, format), { rows }, { keepLast: 2, format: 'safetensors' });
  if (i === 0) console.log('saved once');
}
