// The options of Module's methods.
import { flag, text } from '../check.js';
import { device } from '../kinds.js';
import { optionsOf } from '../options.js';

const recurseTable = { recurse: [flag, true] } as const;
export const readNamedParameters = optionsOf('namedParameters()', recurseTable);
export const readParameters = optionsOf('parameters()', recurseTable);
export const readNamedBuffers = optionsOf('namedBuffers()', recurseTable);
export const readBuffers = optionsOf('buffers()', recurseTable);
export const readRegisterBuffer = optionsOf('registerBuffer()', { persistent: [flag, true] });
export const readLoad = optionsOf('loadStateDict()', { strict: [flag, true], assign: [flag, false] });
export const readStateDict = optionsOf('stateDict()', { prefix: [text, ''], keepVars: [flag, false] });
export const readToEmpty = optionsOf('toEmpty()', { device: [device], recurse: [flag, true] });
export const readForwardHook = optionsOf('registerForwardHook()', {
  prepend: [flag, false],
  alwaysCall: [flag, false],
});
export const readSetSubmodule = optionsOf('setSubmodule()', { strict: [flag, false] });
export const readZeroGrad = optionsOf('zeroGrad()', { setToNone: [flag, true] });
