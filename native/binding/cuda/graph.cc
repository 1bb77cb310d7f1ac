// What needs CUDA's own headers: graphs and a GPU's properties. A build without CUDA has no function of these;
// TypeScript refuses before it would call one.
#include "binding/cuda/cuda.h"

#if defined(TORCH_CLIP_CUDA)
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <vector>

namespace tc::cuda {
namespace {

struct Graph {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x637564612d677266};
  static constexpr const char* kNoun = "a CUDA graph";
  at::cuda::CUDAGraph graph;
  int64_t kernels = 0, others = 0;
};

// Counts what has been recorded: libtorch keeps the graph to itself, and the end of its capture is the last chance to
// see it. A capture that has failed is not counted; ending it says why.
void count_nodes(Graph& to) {
  const auto stream = c10::cuda::getCurrentCUDAStream().stream();
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  unsigned long long id = 0;
  cudaGraph_t graph = nullptr;
  size_t count = 0;
  to.kernels = to.others = 0;
  const auto asked = cudaStreamGetCaptureInfo(stream, &status, &id, &graph, nullptr, nullptr, nullptr);
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
    ++(kernel ? to.kernels : to.others);
  }
}

at::cuda::CUDAGraph& graph_of(napi_env env, napi_value value) { return unbox<Graph>(env, value).graph; }

napi_value new_graph(napi_env env, Args&) { return box(env, std::make_unique<Graph>()); }

// begin(graph, mode, other): with the memory pool of another graph, where one is given.
napi_value begin(napi_env env, Args& args) {
  const int64_t mode = to_int64(env, args[1], "captureErrorMode");
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed) {
    throw Error("ERR_ARGUMENT", "\"captureErrorMode\" must be a mode of stream capture");
  }
  const c10::MempoolId_t pool = is_nullish(env, args[2]) ? c10::MempoolId_t{0, 0} : graph_of(env, args[2]).pool();
  graph_of(env, args[0]).capture_begin(pool, static_cast<cudaStreamCaptureMode>(mode));
  ++captures;
  return undefined(env);
}
napi_value end(napi_env env, Args& args) {
  Graph& graph = unbox<Graph>(env, args[0]);
  count_nodes(graph);
  --captures;
  graph.graph.capture_end();
  return undefined(env);
}
// Kernels, and what else there is (copies, fills), of the last capture.
napi_value nodes(napi_env env, Args& args) {
  const Graph& graph = unbox<Graph>(env, args[0]);
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
  napi_value out;
  check(env, napi_create_object(env, &out));
  const auto set = [&](const char* name, napi_value value) {
    check(env, napi_set_named_property(env, out, name, value));
  };
  set("name", js(env, std::string_view(p.name)));
  set("major", js(env, int64_t{p.major}));
  set("minor", js(env, int64_t{p.minor}));
  set("totalMemory", js(env, static_cast<int64_t>(p.totalGlobalMem)));
  set("multiProcessorCount", js(env, int64_t{p.multiProcessorCount}));
  set("warpSize", js(env, int64_t{p.warpSize}));
  set("l2CacheSize", js(env, int64_t{p.l2CacheSize}));
  set("sharedMemoryPerBlock", js(env, static_cast<int64_t>(p.sharedMemPerBlock)));
  set("regsPerMultiprocessor", js(env, int64_t{p.regsPerMultiprocessor}));
  set("maxThreadsPerMultiProcessor", js(env, int64_t{p.maxThreadsPerMultiProcessor}));
  return out;
}

// Free and total bytes of a GPU.
napi_value memory_info(napi_env env, Args& args) {
  const c10::cuda::CUDAGuard guard(to_gpu(env, args[0]));
  size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return js(env, c10::IntArrayRef({static_cast<int64_t>(free), static_cast<int64_t>(total)}));
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
  define(env, exports, "cudaMemoryInfo", guarded<memory_info>);
}

}  // namespace tc::cuda

#else

namespace tc::cuda {
void register_graphs(napi_env, napi_value) {}
}  // namespace tc::cuda

#endif
