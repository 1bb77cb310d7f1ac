// What needs CUDA's own headers: graphs, a GPU's properties, what is said of waits. A build without CUDA has no
// function of these; TypeScript refuses before it would call one.
#include "binding/cuda/cuda.h"

#if defined(TORCH_CLIP_CUDA)
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <utility>
#include <vector>

namespace tc::cuda {
namespace {

template <class F>
bool succeeds(F body) noexcept {
  try {
    body();
    return true;
  } catch (...) {
    return false;
  }
}

// Later generators keep a state for each capture instead.
template <class State>
void leave_capture(State& generator) {
  if constexpr (requires { generator.capturing_; }) generator.capturing_ = false;
}

// Where a capture fails, libtorch before 2.14 never gives its memory pool back, and may believe that it is still
// capturing, as do its generators then, which refuse random numbers. This class takes all of it back.
class Graph : public at::cuda::CUDAGraph {
 public:
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x637564612d677266};
  static constexpr const char* kNoun = "a CUDA graph";

  ~Graph() {
    if (capturing_) succeeds([&] { end(); });
  }

  void begin(c10::MempoolId_t pool, cudaStreamCaptureMode mode) {
    try {
      capture_begin(pool, mode);
    } catch (...) {
      // One that holds a graph has refused before it took anything.
      if (!has_graph_exec_) abandon(false);
      throw;
    }
    capturing_ = true;
    ++captures;
  }

  // Where it throws, the graph is as new.
  void end() {
    if (!std::exchange(capturing_, false)) throw Error("ERR_STATE", "the graph is not being captured");
    --captures;
    // The body may have gone to another GPU.
    const c10::cuda::CUDAStreamGuard guard(capture_stream_.unwrap());
    count_nodes();
    try {
      capture_end();
    } catch (...) {
      abandon(true);
      throw;
    }
  }

  int64_t kernels = 0, others = 0;

 private:
  void count_nodes();

  void abandon(bool has_pool) noexcept {
    give_back(*this, has_pool);
    for (auto& [generator, increment] : captured_generator_states_) leave_capture(*generator);
    succeeds([&] { reset(); });
  }

  // A template, so that the names of another libtorch's members need not be there.
  template <class G>
  static void give_back(G& graph, bool has_pool) noexcept {
    // With this member, reset() does it.
    if constexpr (!requires { graph.allocated_pool_; }) {
      if (graph.capture_ended_ || graph.capture_dev_ == G::UNDEFINED_DEVICE) return;
      namespace device = c10::cuda::CUDACachingAllocator;
      at::HostAllocator& host = *at::getHostAllocator(at::kCUDA);
      const c10::MempoolId_t pool = graph.mempool_id_;
      if (succeeds([&] { device::endAllocateToPool(graph.capture_dev_, pool); }) || has_pool) {
        succeeds([&] { device::releasePool(graph.capture_dev_, pool); });
      }
      if (succeeds([&] { host.end_allocate_to_pool(pool); }) || has_pool) succeeds([&] { host.release_pool(pool); });
    }
  }

  bool capturing_ = false;
};

// Counts what has been recorded: libtorch keeps the graph to itself, and the end of its capture is the last chance to
// see it. A capture that has failed is not counted; ending it says why.
void Graph::count_nodes() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  unsigned long long id = 0;
  cudaGraph_t graph = nullptr;
  size_t count = 0;
  kernels = others = 0;
  const auto asked =
      cudaStreamGetCaptureInfo(capture_stream_.stream(), &status, &id, &graph, nullptr, nullptr, nullptr);
  if (asked != cudaSuccess || status != cudaStreamCaptureStatusActive ||
      cudaGraphGetNodes(graph, nullptr, &count) != cudaSuccess) {
    cudaGetLastError();
    return;
  }
  std::vector<cudaGraphNode_t> nodes(count);
  if (count > 0 && cudaGraphGetNodes(graph, nodes.data(), &count) != cudaSuccess) return;
  for (const cudaGraphNode_t node : nodes) {
    cudaGraphNodeType type;
    const bool kernel = cudaGraphNodeGetType(node, &type) == cudaSuccess && type == cudaGraphNodeTypeKernel;
    ++(kernel ? kernels : others);
  }
}

Graph& graph_of(napi_env env, napi_value value) { return from_object<Graph>(env, value); }

napi_value new_graph(napi_env env, Args&) { return to_object(env, std::make_unique<Graph>()); }

// begin(graph, mode, other): with the memory pool of another graph, where one is given.
napi_value begin(napi_env env, Args& args) {
  const int64_t mode = to_int64(env, args[1], "captureErrorMode");
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed) {
    throw Error("ERR_ARGUMENT", "\"captureErrorMode\" must be a mode of stream capture");
  }
  const c10::MempoolId_t pool = is_nullish(env, args[2]) ? c10::MempoolId_t{0, 0} : graph_of(env, args[2]).pool();
  graph_of(env, args[0]).begin(pool, static_cast<cudaStreamCaptureMode>(mode));
  return undefined(env);
}
napi_value end(napi_env env, Args& args) {
  graph_of(env, args[0]).end();
  return undefined(env);
}
// Kernels, and what else there is (copies, fills), of the last capture.
napi_value nodes(napi_env env, Args& args) {
  const Graph& graph = graph_of(env, args[0]);
  return js(env, c10::IntArrayRef({graph.kernels, graph.others}));
}
napi_value replay(napi_env env, Args& args) {
  graph_of(env, args[0]).replay();
  return undefined(env);
}
napi_value reset(napi_env env, Args& args) {
  graph_of(env, args[0]).reset();
  return undefined(env);
}

napi_value properties(napi_env env, Args& args) {
  cudaDeviceProp p;
  C10_CUDA_CHECK(cudaGetDeviceProperties(&p, to_gpu(env, args[0]).index()));
  const napi_value out = make_object(env);
  set(env, out, "name", js(env, std::string_view(p.name)));
  set(env, out, "major", js(env, int64_t{p.major}));
  set(env, out, "minor", js(env, int64_t{p.minor}));
  set(env, out, "totalMemory", js(env, static_cast<int64_t>(p.totalGlobalMem)));
  set(env, out, "multiProcessorCount", js(env, int64_t{p.multiProcessorCount}));
  set(env, out, "warpSize", js(env, int64_t{p.warpSize}));
  set(env, out, "l2CacheSize", js(env, int64_t{p.l2CacheSize}));
  set(env, out, "sharedMemoryPerBlock", js(env, static_cast<int64_t>(p.sharedMemPerBlock)));
  set(env, out, "regsPerMultiprocessor", js(env, int64_t{p.regsPerMultiprocessor}));
  set(env, out, "maxThreadsPerMultiProcessor", js(env, int64_t{p.maxThreadsPerMultiProcessor}));
  return out;
}

using c10::cuda::SyncDebugMode;

napi_value set_sync_debug_mode(napi_env env, Args& args) {
  const int64_t mode = to_int64(env, args[0], "mode");
  if (mode < int64_t(SyncDebugMode::L_DISABLED) || mode > int64_t(SyncDebugMode::L_ERROR)) {
    throw Error("ERR_ARGUMENT", "\"mode\" must be a mode of debugging waits");
  }
  c10::cuda::warning_state().set_sync_debug_mode(static_cast<SyncDebugMode>(mode));
  return undefined(env);
}
napi_value sync_debug_mode(napi_env env, Args&) {
  return js(env, static_cast<int64_t>(c10::cuda::warning_state().get_sync_debug_mode()));
}

}  // namespace

void register_graphs(napi_env env, napi_value exports) {
  define(env, exports, "cudaNewGraph", guarded<new_graph>);
  define(env, exports, "cudaGraphBegin", guarded<begin>);
  define(env, exports, "cudaGraphEnd", guarded<end>);
  define(env, exports, "cudaGraphNodes", guarded<nodes>);
  define(env, exports, "cudaGraphReplay", guarded<replay>);
  define(env, exports, "cudaGraphReset", guarded<reset>);
  define(env, exports, "cudaProperties", guarded<properties>);
  define(env, exports, "cudaSetSyncDebugMode", guarded<set_sync_debug_mode>);
  define(env, exports, "cudaSyncDebugMode", guarded<sync_debug_mode>);
}

}  // namespace tc::cuda

#else

namespace tc::cuda {
void register_graphs(napi_env, napi_value) {}
}  // namespace tc::cuda

#endif
