// What a thread starts with: on older versions of Node.js, tsx reaches its first file only from the inside.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
