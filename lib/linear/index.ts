export { type LobpcgOptions, lobpcg } from './lobpcg.js';
export { type LowRank, pcaLowrank, svdLowrank } from './low-rank.js';
export { type LuOptions, lu } from './lu.js';
