// Which ops are Tensor methods in libtorch's own C++ API, and which are functions.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param include libtorch's `include` folder */
export function readHeaders(include, names) {
  const body = readFileSync(join(include, 'ATen/core/TensorBody.h'), 'utf8');
  const methods = new Set();
  for (const m of body.matchAll(/^inline .*? Tensor::(?:__dispatch_)?(\w+?)(?:_symint)?\(/gm)) methods.add(m[1]);
  const functions = new Set();
  for (const name of names) {
    const header = join(include, 'ATen/ops', `${name.replace(/_$/, '')}.h`);
    if (!existsSync(header)) continue;
    if (new RegExp(`^inline .*?[ >](__dispatch_)?${name}(_symint|_out)?\\(`, 'm').test(readFileSync(header, 'utf8')))
      functions.add(name);
  }
  return { methods, functions };
}
