export * as checkpoint from './checkpoint.js';
