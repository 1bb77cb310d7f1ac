export * as fsdp from '../nn/parallel/fully-shard.js';
export { type AllToAllSingleOptions, allToAll, allToAllSingle } from './all-to-all.js';
export { isAvailable } from './c10d.js';
export type { CollectiveOptions } from './call.js';
export { type SharedCheckpointOptions, saveCheckpoint } from './checkpoint.js';
export * from './collectives.js';
export * as functional from './functional.js';
export {
  type Backend,
  destroyProcessGroup,
  type GroupOption,
  getBackend,
  getGlobalRank,
  getGroupRank,
  getNodeLocalRank,
  getProcessGroupRanks,
  getRank,
  getWorldSize,
  type InitOptions,
  initProcessGroup,
  isBackendAvailable,
  isGlooAvailable,
  isInitialized,
  isNcclAvailable,
  isTorchelasticLaunched,
  newGroup,
  ProcessGroup,
} from './group.js';
export { DeviceMesh, initDeviceMesh, type MeshDevice, type MeshOptions, type MeshRanks } from './mesh.js';
export * from './objects.js';
export {
  batchIsendIrecv,
  irecv,
  isend,
  monitoredBarrier,
  P2POp,
  type RecvOptions,
  recv,
  type SendOptions,
  send,
  Work,
} from './point-to-point.js';
export { ReduceOp } from './reduce-op.js';
export * from './reductions.js';
export {
  FileStore,
  HashStore,
  PrefixStore,
  Store,
  type StoreValue,
  TCPStore,
  type TCPStoreOptions,
} from './store.js';
export {
  getDefaultBackendForDevice,
  newSubgroups,
  newSubgroupsByEnumeration,
  type SubgroupOptions,
  splitGroup,
} from './subgroups.js';
