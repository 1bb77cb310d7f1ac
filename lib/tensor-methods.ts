// Gives the class Tensor the methods that need ops; a module of its own, as ops need the class and it must not need them.
import './indexing.js';
import { defineMethods } from './ops/define.js';
import { methodNames, type TensorOps } from './ops/generated/methods.js';
import './ops/inspect.js';
import './ops/norm.js';
import './ops/properties.js';
import './ops/rows.js';
import './ops/to.js';
import './print/index.js';
import { Tensor } from './tensor.js';

declare module './tensor.js' {
  interface Tensor extends TensorOps {}
}

defineMethods(Tensor.prototype, methodNames);
