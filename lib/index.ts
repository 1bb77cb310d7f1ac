/**
 * Everything public: `import torch, { clip, nn, optim } from 'torch-clip'`.
 *
 * @module torch-clip
 */
import * as torch from './torch.js';

export * from './torch.js';
export default torch;
