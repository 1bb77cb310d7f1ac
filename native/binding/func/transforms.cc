// What lib/func makes the transforms of torch.func from: layers around JavaScript functions, wrappers of tensors, and
// graphs that outlive their layer.
#include <ATen/core/grad_mode.h>
#include <ATen/functorch/BatchedFallback.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/PlumbingHelper.h>
#include <ATen/functorch/TensorWrapper.h>
#include <ATen/ops/movedim.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "binding/autograd/lists.h"
#include "binding/func/layers.h"
#include "binding/func/wrapped.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/owning_object.h"
#include "binding/value.h"

namespace tc {
namespace {

namespace ft = at::functorch;

// Inside of the layer; what it throws leaves the layer, too.
napi_value call(napi_env env, napi_value body, const Layer& layer) {
  napi_value receiver, result;
  const napi_value level = js(env, layer.level());
  check(env, napi_get_undefined(env, &receiver));
  check(env, napi_call_function(env, receiver, body, 1, &level, &result));
  return result;
}

// vmapLayer(size, randomness, body), gradLayer(body), jvpLayer(body): what body(level) returns, inside of a transform.
// The randomness is 0 to refuse random operators, 1 for the same numbers for all samples, 2 for others for each.
napi_value vmap_layer(napi_env env, Args& args) {
  const int64_t size = to_int64(env, args[0], "size");
  const int64_t randomness = to_int64(env, args[1], "randomness");
  if (size < 0) throw Error("ERR_SHAPE", "vmap needs a size >= 0");
  if (randomness < 0 || randomness > static_cast<int64_t>(Layer::Randomness::Different)) {
    throw Error("ERR_ARGUMENT", "vmap has no such randomness");
  }
  const Layer layer = Layer::vmap(size, static_cast<Layer::Randomness>(randomness));
  return call(env, args[2], layer);
}
napi_value grad_layer(napi_env env, Args& args) {
  const Layer layer = Layer::grad();
  return call(env, args[0], layer);
}
napi_value jvp_layer(napi_env env, Args& args) {
  const Layer layer = Layer::jvp();
  return call(env, args[0], layer);
}

// belowLayer(body, recording): what body() returns, as if the innermost transform were not there.
napi_value below_layer(napi_env env, Args& args) {
  const at::AutoGradMode record(to_bool(env, args[1], "recording"));
  const c10::AutoFwGradMode tangents(true);
  const BelowInnermost below;
  napi_value receiver, result;
  check(env, napi_get_undefined(env, &receiver));
  check(env, napi_call_function(env, receiver, args[0], 0, nullptr, &result));
  return result;
}

// layers(): the kinds of the transforms that this thread is inside of, the innermost last.
napi_value layers(napi_env env, Args&) {
  const auto& stack = ft::getDynamicLayerStack();
  return make_array(env, stack.size(), [&](size_t i) {
    switch (stack[i].key()) {
      case ft::TransformType::Vmap:
        return js(env, std::string_view("vmap"));
      case ft::TransformType::Grad:
        return js(env, std::string_view("grad"));
      case ft::TransformType::Jvp:
        return js(env, std::string_view("jvp"));
      default:
        return js(env, std::string_view("other"));
    }
  });
}

// The innermost transform, which must be the one of `level` and of this kind.
int64_t innermost_level(napi_env env, napi_value value, bool vmap) {
  const int64_t level = to_int64(env, value, "level");
  const auto layer = ft::maybeCurrentDynamicLayer();
  if (!layer.has_value() || layer->layerId() != level || (layer->key() == ft::TransformType::Vmap) != vmap) {
    throw Error("ERR_STATE", "the level is not that of the innermost transform");
  }
  return level;
}

at::Tensor from_outside(napi_env env, napi_value handle, int64_t level) {
  at::Tensor t = unwrap(env, handle);
  if (level_of(t) >= level) throw Error("ERR_STATE", "a tensor from outside of the transform was expected");
  return t;
}

int64_t dim_of(napi_env env, napi_value value, int64_t dims) {
  const int64_t dim = to_int64(env, value, "dim");
  if (dim < -dims || dim >= dims) throw Error("ERR_INDEX", "the tensor has no such dimension");
  return dim < 0 ? dim + dims : dim;
}

// addBatchDim(tensor, dim, level): the tensor as one sample sees it
napi_value add_batch_dim(napi_env env, Args& args) {
  const int64_t level = innermost_level(env, args[2], true);
  at::Tensor t = from_outside(env, args[0], level);
  const int64_t dim = dim_of(env, args[1], t.dim());
  return wrap(env, ft::addBatchDim(std::move(t), dim, level));
}

// removeBatchDim(tensor, dim, level, size): all samples, along dimension dim; copies of one where they do not differ
napi_value remove_batch_dim(napi_env env, Args& args) {
  const int64_t level = innermost_level(env, args[2], true);
  const at::Tensor t = unwrap(env, args[0]);
  const int64_t dim = dim_of(env, args[1], t.dim() + 1);
  auto [value, batch] = ft::unwrapTensorAtLevel(t, level);
  if (batch.has_value()) return wrap(env, at::movedim(value, *batch, dim));
  const int64_t size = to_int64(env, args[3], "size");
  std::vector<int64_t> sizes = value.sizes().vec();
  sizes.insert(sizes.begin() + dim, size);
  return wrap(env, value.unsqueeze(dim).expand(sizes));
}

// batchDim(tensor, level): the dimension of the samples within the tensor that has them all, null where they do not
// differ
napi_value batch_dim(napi_env env, Args& args) {
  const int64_t level = innermost_level(env, args[1], true);
  const at::Tensor t = unwrap(env, args[0]);
  const auto batch = std::get<1>(ft::unwrapTensorAtLevel(t, level));
  return batch.has_value() ? js(env, *batch) : null(env);
}

// batchOf(level): [size, randomness] of the vmap of that level
napi_value batch_of(napi_env env, Args& args) {
  innermost_level(env, args[0], true);
  const auto layer = ft::maybeCurrentDynamicLayer();
  const napi_value result = make_array(env, 2);
  set(env, result, size_t{0}, js(env, layer->batchSize().guard_int(__FILE__, __LINE__)));
  set(env, result, size_t{1}, js(env, static_cast<int64_t>(layer->randomness())));
  return result;
}

// track(tensor, level, differentiable): the tensor as the function of grad or jvp sees it
napi_value track(napi_env env, Args& args) {
  const int64_t level = innermost_level(env, args[1], false);
  const at::Tensor t = from_outside(env, args[0], level);
  at::Tensor tracked = ft::makeTensorWrapper(t, level);
  if (to_bool(env, args[2], "differentiable")) tracked.set_requires_grad(true);
  return wrap(env, std::move(tracked));
}

// untrack(tensor, level): its value outside of the transform
napi_value untrack(napi_env env, Args& args) {
  const int64_t level = innermost_level(env, args[1], false);
  const at::Tensor t = unwrap(env, args[0]);
  const auto* wrapper = is_wrapped(t) ? ft::maybeGetTensorWrapper(t) : nullptr;
  return wrap(env, wrapper != nullptr && wrapper->level() == level ? wrapper->value() : t);
}

// A graph between inputs and outputs of a transform, for when the transform has ended.
struct Pullback {
  static constexpr napi_type_tag kTag = {0x5c3b1f8e7a2d4960, 0x91d7e24f08a6c3b5};
  static constexpr const char* kNoun = "what pullback() returned";
  std::vector<at::Tensor> outputs, inputs;
  uint64_t entered;

  // The tensors may belong to a vmap that has ended, too.
  void check_current() const {
    for (const auto& list : {outputs, inputs}) {
      for (const at::Tensor& t : list) tc::check_current(without_ended(t), entered);
    }
  }
};

// pullback(outputs, inputs): for pull()
napi_value pullback(napi_env env, Args& args) {
  auto graph = std::make_unique<Pullback>();
  graph->outputs = to_tensors(env, args[0], "outputs");
  graph->inputs = to_tensors(env, args[1], "inputs");
  graph->entered = transforms_entered();
  return to_object(env, std::move(graph));
}

// pull(pullback, gradients, retainGraph, createGraph): the gradients of the inputs, null where nothing depends on them
napi_value pull(napi_env env, Args& args) {
  const auto& graph = from_object<Pullback>(env, args[0]);
  const auto gradients = to_tensors(env, args[1], "gradients");
  if (gradients.size() != graph.outputs.size()) throw Error("ERR_ARGUMENT", "there must be a gradient per output");
  graph.check_current();
  const auto before = c10::AutogradState::get_tls_state();
  std::optional<c10::InferenceMode> recording;
  if (c10::InferenceMode::is_enabled()) recording.emplace(false);
  auto& modes = c10::AutogradState::get_tls_state();
  modes.set_grad_mode(before.get_grad_mode());
  modes.set_fw_grad_mode(before.get_fw_grad_mode());
  modes.set_multithreading_enabled(before.get_multithreading_enabled());
  std::vector<at::Tensor> outputs, seeds, found(graph.inputs.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!graph.outputs[i].requires_grad()) continue;
    outputs.push_back(graph.outputs[i]);
    seeds.push_back(gradients[i]);
  }
  if (!outputs.empty()) {
    // By value: the functions of the graph may drop the object that holds it.
    const auto inputs = graph.inputs;
    found = torch::autograd::grad(outputs, inputs, seeds, to_bool(env, args[2], "retainGraph"),
                                  to_bool(env, args[3], "createGraph"), /*allow_unused=*/true);
  }
  return js(env, found);
}

// wrapperOf(tensor): [kind, level, dimension of the samples, tensor inside]; null for a plain one
napi_value wrapper_of(napi_env env, Args& args) {
  const at::Tensor t = unwrap(env, args[0]);
  if (!is_wrapped(t)) return null(env);
  const auto* batched = ft::maybeGetBatchedImpl(t);
  const napi_value result = make_array(env, 4);
  set(env, result, size_t{0}, js(env, std::string_view(batched != nullptr ? "batched" : "tracked")));
  set(env, result, size_t{1}, js(env, level_of(t)));
  set(env, result, size_t{2}, batched != nullptr ? js(env, batched->bdim()) : null(env));
  set(env, result, size_t{3}, wrap(env, batched != nullptr ? batched->value() : ft::maybeGetTensorWrapper(t)->value()));
  return result;
}

}  // namespace

void register_func(napi_env env, napi_value exports) {
  // Where an operator has no rule, vmap runs it per sample; that is told in docs/func.md, not on stderr.
  ft::setVmapFallbackWarningEnabled(false);
  define(env, exports, "vmapLayer", guarded<vmap_layer>);
  define(env, exports, "gradLayer", guarded<grad_layer>);
  define(env, exports, "jvpLayer", guarded<jvp_layer>);
  define(env, exports, "belowLayer", guarded<below_layer>);
  define(env, exports, "layers", guarded<layers>);
  define(env, exports, "addBatchDim", guarded<add_batch_dim>);
  define(env, exports, "removeBatchDim", guarded<remove_batch_dim>);
  define(env, exports, "batchDim", guarded<batch_dim>);
  define(env, exports, "batchOf", guarded<batch_of>);
  define(env, exports, "track", guarded<track>);
  define(env, exports, "untrack", guarded<untrack>);
  define(env, exports, "pullback", guarded<pullback>);
  define(env, exports, "pull", guarded<pull>);
  define(env, exports, "wrapperOf", guarded<wrapper_of>);
}

}  // namespace tc
