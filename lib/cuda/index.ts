export * as amp from '../amp/index.js';
export {
  device,
  deviceOf,
  graph,
  init,
  isBf16Supported,
  isCurrentStreamCapturing,
  isInitialized,
  isTf32Supported,
  memorySummary,
} from './context.js';
export {
  currentDevice,
  type DeviceProperties,
  deviceCount,
  emptyCache,
  type GpuLike,
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  getSyncDebugMode,
  isAvailable,
  manualSeed,
  manualSeedAll,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  resetPeakMemoryStats,
  type SyncDebugMode,
  setDevice,
  setSyncDebugMode,
  synchronize,
} from './device.js';
export { type CaptureOptions, Graph } from './graph.js';
export {
  defaultGenerators,
  getRngState,
  getRngStateAll,
  initialSeed,
  seed,
  seedAll,
  setRngState,
  setRngStateAll,
} from './random.js';
export { currentStream, defaultStream, Event, Stream, type StreamOptions, stream } from './stream.js';
