// Ports of well-known PyTorch scripts, each with its twin in python/: the same seed gives the same losses.
import { train as actorCritic } from './actor-critic.js';
import { train as dcgan } from './dcgan.js';
import { train as ddpm } from './ddpm.js';
import { train as gpt } from './gpt.js';
import { train as graphConvolution } from './graph-convolution.js';
import { train as lora } from './lora.js';
import { train as mnist } from './mnist.js';
import { train as perSampleGradients } from './per-sample-gradients.js';
import { train as reinforce } from './reinforce.js';
import { train as resnet18 } from './resnet18.js';
import { train as seq2seq } from './seq2seq.js';
import { train as sineLbfgs } from './sine-lbfgs.js';
import { train as straightThrough } from './straight-through.js';
import { train as styleTransfer } from './style-transfer.js';
import { train as superResolution } from './super-resolution.js';
import { train as vae } from './vae.js';
import { train as wordLstm } from './word-lstm.js';
import { train as wordTransformer } from './word-transformer.js';

/** What each port computes in so many steps, under the name of its file. */
export const ports: Readonly<Record<string, (steps: number) => number[]>> = {
  mnist,
  vae,
  dcgan,
  'word-lstm': wordLstm,
  'word-transformer': wordTransformer,
  'sine-lbfgs': sineLbfgs,
  'super-resolution': superResolution,
  reinforce,
  'actor-critic': actorCritic,
  gpt,
  'graph-convolution': graphConvolution,
  'style-transfer': styleTransfer,
  resnet18,
  lora,
  'straight-through': straightThrough,
  'per-sample-gradients': perSampleGradients,
  ddpm,
  seq2seq,
};
