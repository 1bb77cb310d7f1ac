// Gives the class Tensor its generated methods; a module of its own, as ops need the class and the class must not need ops.
import { methodNames } from './ops/generated/methods.js';
import { defineMethods } from './ops/define.js';
import { Tensor } from './tensor.js';

defineMethods(Tensor.prototype, methodNames);
