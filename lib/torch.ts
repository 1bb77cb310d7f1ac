// Everything public, under the names that PyTorch gives it at the top of its package.
import './tensor-methods.js';

export * as amp from './amp/index.js';
export { autocast, GradScaler, getAutocastDtype, isAutocastEnabled } from './amp/index.js';
export * as autograd from './autograd/index.js';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './autograd/index.js';
export * as backends from './backends/index.js';
export * as clip from './clip/index.js';
export { e, inf, nan, newaxis, pi } from './constants.js';
export * from './creation/index.js';
export * as cuda from './cuda/index.js';
export * as data from './data/index.js';
export { getDefaultDevice, setDefaultDevice } from './default-device.js';
export { Device, type DeviceLike } from './device.js';
export * as distributed from './distributed/index.js';
export * as distributions from './distributions/index.js';
export {
  bfloat16,
  bool,
  cdouble,
  cfloat,
  chalf,
  complex32,
  complex64,
  complex128,
  Dtype,
  double,
  float,
  float8E4m3fn,
  float8E4m3fnuz,
  float8E5m2,
  float8E5m2fnuz,
  float16,
  float32,
  float64,
  half,
  int,
  int8,
  int16,
  int32,
  int64,
  long,
  qint8,
  qint32,
  quint8,
  short,
  uint8,
  uint16,
  uint32,
  uint64,
} from './dtype.js';
export { type ErrorCode, TorchClipError } from './errors.js';
export * as func from './func/index.js';
export { vmap } from './func/index.js';
export { Generator } from './generator.js';
export type { Index, Slice } from './indexing.js';
export * as io from './io/index.js';
export { type LoadOptions, load, type MapLocation, save, saveAsync } from './io/index.js';
export * as jit from './jit/index.js';
export {
  channelsLast,
  channelsLast3d,
  contiguousFormat,
  jagged,
  Layout,
  MemoryFormat,
  mkldnn,
  preserveFormat,
  sparseBsc,
  sparseBsr,
  sparseCoo,
  sparseCsc,
  sparseCsr,
  strided,
} from './layout.js';
export * from './linear/index.js';
export * as nn from './nn/index.js';
export * from './ops/index.js';
export * as optim from './optim/index.js';
export * from './precision.js';
export { getPrintOptions, type PrintOptions, setPrintOptions } from './print/index.js';
export * as profiler from './profiler/index.js';
export * as random from './random.js';
export { defaultGenerator, getRngState, initialSeed, manualSeed, seed, setRngState } from './random.js';
export {
  collectGarbage,
  getDefaultDtype,
  getNumInteropThreads,
  getNumThreads,
  isWarnAlwaysEnabled,
  type MemoryStats,
  memoryStats,
  setDefaultDtype,
  setFlushDenormal,
  setNumInteropThreads,
  setNumThreads,
  setWarnAlways,
  version,
} from './runtime.js';
export { keep, scope } from './scope.js';
export * as signal from './signal/index.js';
export * as sparse from './sparse/index.js';
export {
  type BackwardOptions,
  type Element,
  type ElementArray,
  type HookHandle,
  isTensor,
  type Nested,
  type Read,
  Tensor,
} from './tensor.js';
export { type FloatInfo, finfo, type IntegerInfo, iinfo } from './type-info.js';
export * as utils from './utils/index.js';
