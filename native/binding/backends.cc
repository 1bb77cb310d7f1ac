// libtorch's switches: which kernels may be used, and how exactly they compute.
#include <ATen/Config.h>
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/native/verbose_wrapper.h>

#include <algorithm>
#include <string>
#include <type_traits>

#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

using at::Context;

struct Switch {
  const char* name;
  bool (*get)(const Context&);
  void (*set)(Context&, bool);
};

bool reduces(at::CuBLASReductionOption option) {
  return option == at::CuBLASReductionOption::AllowReducedPrecisionWithSplitK;
}

constexpr Switch kSwitches[] = {
    {"cudnn.enabled", [](const Context& c) { return c.userEnabledCuDNN(); },
     [](Context& c, bool on) { c.setUserEnabledCuDNN(on); }},
    {"cudnn.benchmark", [](const Context& c) { return c.benchmarkCuDNN(); },
     [](Context& c, bool on) { c.setBenchmarkCuDNN(on); }},
    {"cudnn.deterministic", [](const Context& c) { return c.deterministicCuDNN(); },
     [](Context& c, bool on) { c.setDeterministicCuDNN(on); }},
    {"cudnn.allowTf32", [](const Context& c) { return c.allowTF32CuDNN(); },
     [](Context& c, bool on) { c.setAllowTF32CuDNN(on); }},
    {"cuda.matmul.allowTf32", [](const Context& c) { return c.allowTF32CuBLAS(); },
     [](Context& c, bool on) { c.setAllowTF32CuBLAS(on); }},
    {"cuda.matmul.allowFp16ReducedPrecisionReduction",
     [](const Context& c) { return reduces(c.allowFP16ReductionCuBLAS()); },
     [](Context& c, bool on) { c.setAllowFP16ReductionCuBLAS(on); }},
    {"cuda.matmul.allowBf16ReducedPrecisionReduction",
     [](const Context& c) { return reduces(c.allowBF16ReductionCuBLAS()); },
     [](Context& c, bool on) { c.setAllowBF16ReductionCuBLAS(on); }},
    {"cuda.matmul.allowFp16Accumulation", [](const Context& c) { return c.allowFP16AccumulationCuBLAS(); },
     [](Context& c, bool on) { c.setAllowFP16AccumulationCuBLAS(on); }},
    {"cuda.flashSdp", [](const Context& c) { return c.userEnabledFlashSDP(); },
     [](Context& c, bool on) { c.setSDPUseFlash(on); }},
    {"cuda.memEfficientSdp", [](const Context& c) { return c.userEnabledMemEfficientSDP(); },
     [](Context& c, bool on) { c.setSDPUseMemEfficient(on); }},
    {"cuda.mathSdp", [](const Context& c) { return c.userEnabledMathSDP(); },
     [](Context& c, bool on) { c.setSDPUseMath(on); }},
    {"cuda.cudnnSdp", [](const Context& c) { return c.userEnabledCuDNNSDP(); },
     [](Context& c, bool on) { c.setSDPUseCuDNN(on); }},
    {"cuda.fp16Bf16ReductionMathSdp", [](const Context& c) { return c.allowFP16BF16ReductionMathSDP(); },
     [](Context& c, bool on) { c.setAllowFP16BF16ReductionMathSDP(on); }},
    {"mkldnn.enabled", [](const Context& c) { return c.userEnabledMkldnn(); },
     [](Context& c, bool on) { c.setUserEnabledMkldnn(on); }},
    {"mkldnn.deterministic", [](const Context& c) { return c.deterministicMkldnn(); },
     [](Context& c, bool on) { c.setDeterministicMkldnn(on); }},
    {"nnpack.enabled", [](const Context& c) { return c.userEnabledNNPACK(); },
     [](Context& c, bool on) { c.setUserEnabledNNPACK(on); }},
    {"deterministic.fillUninitializedMemory", [](const Context& c) { return c.deterministicFillUninitializedMemory(); },
     [](Context& c, bool on) { c.setDeterministicFillUninitializedMemory(on); }},
};

// backendSwitch(name, on?): what it was.
napi_value backend_switch(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "name");
  for (const Switch& each : kSwitches) {
    if (name != each.name) continue;
    Context& context = at::globalContext();
    const bool before = each.get(context);
    if (!is_nullish(env, args[1])) each.set(context, to_bool(env, args[1], "on"));
    return js(env, before);
  }
  throw Error("ERR_ARGUMENT", "there is no switch named " + name);
}

struct Precision {
  const char* name;
  at::Float32Backend backend;
  at::Float32Op op;
};

constexpr Precision kPrecisions[] = {
    {"cudnn", at::Float32Backend::CUDA, at::Float32Op::ALL},
    {"cudnn.conv", at::Float32Backend::CUDA, at::Float32Op::CONV},
    {"cudnn.rnn", at::Float32Backend::CUDA, at::Float32Op::RNN},
    {"cuda.matmul", at::Float32Backend::CUDA, at::Float32Op::MATMUL},
    {"mkldnn", at::Float32Backend::MKLDNN, at::Float32Op::ALL},
    {"mkldnn.conv", at::Float32Backend::MKLDNN, at::Float32Op::CONV},
    {"mkldnn.rnn", at::Float32Backend::MKLDNN, at::Float32Op::RNN},
    {"mkldnn.matmul", at::Float32Backend::MKLDNN, at::Float32Op::MATMUL},
};

// backendPrecision(name, precision?): what it was.
napi_value backend_precision(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "name");
  for (const Precision& each : kPrecisions) {
    if (name != each.name) continue;
    Context& context = at::globalContext();
    const std::string before = at::precision2str(context.float32Precision(each.backend, each.op));
    if (!is_nullish(env, args[1])) {
      const at::Float32Precision precision = at::str2precision(to_string(env, args[1], "precision"));
      context.setFloat32Precision(each.backend, each.op, precision);
    }
    return js(env, before);
  }
  throw Error("ERR_ARGUMENT", "there is no precision of that name: " + name);
}

// Before 2.13 libtorch has one way to choose; a template, so that those headers compile.
template <class C>
std::string depthwise_kernel(C& context, const std::string* wanted) {
  if constexpr (requires { context.cudnnDepthwiseKernel(); }) {
    // The functions of `at` are found by their argument.
    const auto before = context.cudnnDepthwiseKernel();
    using Kernel = std::decay_t<decltype(before)>;
    if (wanted != nullptr) {
      const auto kernels = {Kernel::AUTO, Kernel::CUDNN, Kernel::NATIVE};
      const auto chosen =
          std::find_if(kernels.begin(), kernels.end(), [&](Kernel k) { return cudnn_depthwise2str(k) == *wanted; });
      if (chosen == kernels.end()) throw Error("ERR_ARGUMENT", "there is no kernel of that name: " + *wanted);
      context.setCuDNNDepthwiseKernel(*chosen);
    }
    return cudnn_depthwise2str(before);
  } else {
    if (wanted != nullptr && *wanted != "auto") {
      throw Error("ERR_OP_UNAVAILABLE", "this libtorch has no choice of kernels for depthwise convolutions");
    }
    return "auto";
  }
}

// cudnnDepthwiseKernel(kernel?): what it was.
napi_value cudnn_depthwise_kernel(napi_env env, Args& args) {
  Context& context = at::globalContext();
  if (is_nullish(env, args[0])) return js(env, depthwise_kernel(context, nullptr));
  const std::string wanted = to_string(env, args[0], "kernel");
  return js(env, depthwise_kernel(context, &wanted));
}

// backendVerbose(library, level): whether it took the level.
napi_value backend_verbose(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "library");
  const int level = static_cast<int>(to_int64(env, args[1], "level"));
  if (name == "mkl") return js(env, torch::verbose::_mkl_set_verbose(level) != 0);
  return js(env, torch::verbose::_mkldnn_set_verbose(level) != 0);
}

// backendAvailable(name): whether this libtorch has it, and it can be used here.
napi_value backend_available(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "name");
  const bool cuda = at::hasCUDA();
  if (name == "cuda") return js(env, at::detail::getCUDAHooks().hasCUDART());
  if (name == "cudnn") return js(env, cuda && Context::hasCuDNN());
  if (name == "mkl") return js(env, Context::hasMKL());
  if (name == "acl") return js(env, AT_MKLDNN_ACL_ENABLED() != 0);
  if (name == "mkldnn") return js(env, Context::hasMKLDNN());
  if (name == "openmp") return js(env, Context::hasOpenMP());
  throw Error("ERR_ARGUMENT", "there is no backend named " + name);
}

napi_value cudnn_version(napi_env env, Args&) { return js(env, static_cast<int64_t>(Context::versionCuDNN())); }
napi_value cpu_capability(napi_env env, Args&) { return js(env, std::string_view(at::get_cpu_capability())); }

// float32MatmulPrecision(precision?): what it was.
napi_value matmul_precision(napi_env env, Args& args) {
  constexpr const char* kNames[] = {"highest", "high", "medium"};
  Context& context = at::globalContext();
  const std::string_view before = kNames[static_cast<size_t>(context.float32MatmulPrecision())];
  if (!is_nullish(env, args[0])) context.setFloat32MatmulPrecision(to_string(env, args[0], "precision"));
  return js(env, before);
}

// deterministicAlgorithms(on?, warnOnly?): 0: off, 1: warns, 2: throws
napi_value deterministic_algorithms(napi_env env, Args& args) {
  Context& context = at::globalContext();
  const int64_t before = !context.deterministicAlgorithms() ? 0 : context.deterministicAlgorithmsWarnOnly() ? 1 : 2;
  if (!is_nullish(env, args[0])) {
    context.setDeterministicAlgorithms(to_bool(env, args[0], "mode"), to_bool(env, args[1], "warnOnly"));
  }
  return js(env, before);
}

}  // namespace

void register_backends(napi_env env, napi_value exports) {
  define(env, exports, "backendSwitch", guarded<backend_switch>);
  define(env, exports, "backendPrecision", guarded<backend_precision>);
  define(env, exports, "cudnnDepthwiseKernel", guarded<cudnn_depthwise_kernel>);
  define(env, exports, "backendVerbose", guarded<backend_verbose>);
  define(env, exports, "backendAvailable", guarded<backend_available>);
  define(env, exports, "cudnnVersion", guarded<cudnn_version>);
  define(env, exports, "cpuCapability", guarded<cpu_capability>);
  define(env, exports, "float32MatmulPrecision", guarded<matmul_precision>);
  define(env, exports, "deterministicAlgorithms", guarded<deterministic_algorithms>);
}

}  // namespace tc
