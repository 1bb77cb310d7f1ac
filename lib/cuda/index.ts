export * as amp from '../amp/index.js';
export { graph, init, isCurrentStreamCapturing, isInitialized, isTf32Supported } from './context.js';
export {
  currentDevice,
  type DeviceProperties,
  deviceCount,
  type GpuLike,
  getArchList,
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  getSyncDebugMode,
  isAvailable,
  isBf16Supported,
  memoryUsage,
  type SyncDebugMode,
  setDevice,
  setSyncDebugMode,
  synchronize,
  utilization,
} from './device.js';
export { type CaptureOptions, Graph } from './graph.js';
export { type GraphedStep, type GraphStepOptions, graphStep } from './graph-step.js';
export { type GraphableModule, type GraphedCallablesOptions, makeGraphedCallables } from './graphed-callables.js';
export { device, deviceOf, type Guard, setStream, stream } from './guards.js';
export {
  emptyCache,
  getPerProcessMemoryFraction,
  type MemorySegment,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memorySnapshot,
  memoryStats,
  memorySummary,
  resetAccumulatedMemoryStats,
  resetPeakMemoryStats,
  setPerProcessMemoryFraction,
} from './memory.js';
export * as nvtx from './nvtx.js';
export {
  defaultGenerators,
  getRngState,
  getRngStateAll,
  initialSeed,
  manualSeed,
  manualSeedAll,
  seed,
  seedAll,
  setRngState,
  setRngStateAll,
} from './random.js';
export { currentStream, defaultStream, Event, Stream, type StreamOptions } from './stream.js';
