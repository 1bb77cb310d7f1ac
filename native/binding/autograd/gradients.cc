// Grad modes and inference mode, the gradients of tensors, and backward passes.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/AutogradState.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

#include "binding/amp.h"
#include "binding/env.h"
#include "binding/func/wrapped.h"
#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

napi_value grad_enabled(napi_env env, Args& args) {
  const bool before = at::GradMode::is_enabled();
  if (!is_nullish(env, args[0])) at::GradMode::set_enabled(to_bool(env, args[0], "enabled"));
  return js(env, before);
}

napi_value inference_push(napi_env env, Args& args) {
  Env::of(env).inference.push_back(std::make_unique<c10::InferenceMode>(to_bool(env, args[0], "enabled")));
  // It sets this as well: see autograd/engine.cc.
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
  return undefined(env);
}
napi_value inference_pop(napi_env env, Args&) {
  auto& stack = Env::of(env).inference;
  if (stack.empty()) throw Error("ERR_STATE", "no inference mode is active");
  stack.pop_back();
  return undefined(env);
}
napi_value inference_enabled(napi_env env, Args&) { return js(env, c10::InferenceMode::is_enabled()); }

napi_value requires_grad(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).requires_grad()); }
napi_value set_requires_grad(napi_env env, Args& args) {
  const at::Tensor& t = unwrap(env, args[0]);
  const bool on = to_bool(env, args[1], "requiresGrad");
  if (!t.is_leaf() && !on) {
    throw Error("ERR_AUTOGRAD",
                "requiresGrad can be turned off for leaf tensors only; use detach() to leave this tensor's graph");
  }
  if (on && !t.requires_grad() && is_batched(t)) {
    throw Error("ERR_AUTOGRAD",
                "a tensor that vmap() maps over cannot begin a graph; use torch.func.grad() inside of it");
  }
  t.set_requires_grad(on);
  return undefined(env);
}
napi_value is_leaf(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).is_leaf()); }
napi_value retain_grad(napi_env env, Args& args) {
  unwrap(env, args[0]).retain_grad();
  return undefined(env);
}

// The name of the function that made the tensor, such as AddBackward0, or null for a leaf.
napi_value grad_fn(napi_env env, Args& args) {
  const auto& fn = unwrap(env, args[0]).grad_fn();
  return fn == nullptr ? null(env) : js(env, std::string_view(fn->name()));
}

napi_value grad(napi_env env, Args& args) { return wrap(env, unwrap(env, args[0]).grad()); }
napi_value set_grad(napi_env env, Args& args) {
  const at::Tensor& t = unwrap(env, args[0]);
  if (is_nullish(env, args[1])) {
    t.mutable_grad() = at::Tensor();
    return undefined(env);
  }
  const at::Tensor& g = unwrap(env, args[1]);
  if (g.is_same(t)) throw Error("ERR_ARGUMENT", "\"grad\" must be another tensor than the one it belongs to");
  if (level_of(g) > level_of(t)) {
    throw Error("ERR_STATE",
                "\"grad\" cannot be a tensor of a transform of torch.func that its own tensor is outside of");
  }
  if (g.sizes() != t.sizes()) throw Error("ERR_SHAPE", "\"grad\" must have the shape of its tensor");
  if (g.scalar_type() != t.scalar_type()) throw Error("ERR_DTYPE", "\"grad\" must have the dtype of its tensor");
  if (g.device() != t.device()) throw Error("ERR_DEVICE", "\"grad\" must be on the device of its tensor");
  t.mutable_grad() = g;
  return undefined(env);
}

// setData(tensor, data): the tensor gets the memory of another and stays the same one for autograd.
napi_value set_data(napi_env env, Args& args) {
  const at::Tensor t = unwrap(env, args[0]), data = unwrap(env, args[1]);
  if (is_wrapped(t) || is_wrapped(data)) {
    throw Error("ERR_STATE", "\"data\" cannot be set inside of a transform of torch.func; use copy_()");
  }
  if (t.is_inference() != data.is_inference()) {
    throw Error("ERR_AUTOGRAD", "\"data\" and the tensor must both be inference tensors, or neither");
  }
  t.set_data(data);
  recount(env, args[0]);
  forget_casts();
  return undefined(env);
}

std::vector<at::Tensor> tensors(napi_env env, napi_value array, const char* what) {
  const uint32_t n = array_length(env, array, what);
  std::vector<at::Tensor> list;
  list.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    const napi_value e = element(env, array, i);
    list.push_back(type_of(env, e) == napi_null ? at::Tensor() : unwrap(env, e));
  }
  return list;
}

// backward(outputs, gradients, retainGraph, createGraph, inputs?)
napi_value backward(napi_env env, Args& args) {
  const auto inputs = is_nullish(env, args[4]) ? std::vector<at::Tensor>() : tensors(env, args[4], "inputs");
  const auto gradients = tensors(env, args[1], "gradient");
  if (std::any_of(gradients.begin(), gradients.end(), is_batched)) {
    throw Error("ERR_STATE",
                "\"gradient\" cannot be a tensor that vmap() maps over, as \"grad\" of a leaf holds one for all; use "
                "torch.func.vjp()");
  }
  torch::autograd::backward(tensors(env, args[0], "outputs"), gradients, to_bool(env, args[2], "retainGraph"),
                            to_bool(env, args[3], "createGraph"), inputs);
  return undefined(env);
}

// gradOf(outputs, inputs, gradients, retainGraph, createGraph, allowUnused): the gradients, null where unused
napi_value grad_of(napi_env env, Args& args) {
  const auto grads = torch::autograd::grad(tensors(env, args[0], "outputs"), tensors(env, args[1], "inputs"),
                                           tensors(env, args[2], "gradOutputs"), to_bool(env, args[3], "retainGraph"),
                                           to_bool(env, args[4], "createGraph"), to_bool(env, args[5], "allowUnused"));
  return make_array(env, grads.size(), [&](size_t i) { return wrap(env, grads[i]); });
}

}  // namespace

void register_autograd(napi_env env, napi_value exports) {
  define(env, exports, "gradEnabled", guarded<grad_enabled>);
  define(env, exports, "inferencePush", guarded<inference_push>);
  define(env, exports, "inferencePop", guarded<inference_pop>);
  define(env, exports, "inferenceEnabled", guarded<inference_enabled>);
  define(env, exports, "requiresGrad", guarded<requires_grad>);
  define(env, exports, "setRequiresGrad", guarded<set_requires_grad>);
  define(env, exports, "isLeaf", guarded<is_leaf>);
  define(env, exports, "retainGrad", guarded<retain_grad>);
  define(env, exports, "gradFn", guarded<grad_fn>);
  define(env, exports, "grad", guarded<grad>);
  define(env, exports, "setGrad", guarded<set_grad>);
  define(env, exports, "setData", guarded<set_data>);
  define(env, exports, "backward", guarded<backward>);
  define(env, exports, "gradOf", guarded<grad_of>);
}

}  // namespace tc
