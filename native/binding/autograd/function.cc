// autograd.Function: a node of the graph whose backward pass is JavaScript.
#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "binding/autograd/callback.h"
#include "binding/autograd/lists.h"
#include "binding/autograd/node.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
using torch::autograd::VariableInfo;

class FunctionNode : public torch::autograd::Node {
 public:
  FunctionNode(std::string name, std::shared_ptr<Callback> backward)
      : name_(std::move(name)), backward_(std::move(backward)) {}

  std::string name() const override { return name_ + "Backward"; }

  variable_list apply(variable_list&& gradients) override {
    const auto backward = backward_;
    if (backward == nullptr) throw Error("ERR_AUTOGRAD", torch::autograd::ERR_BACKWARD_TWICE);
    at::OptionalDeviceGuard device;
    for (size_t i = 0; materialize && i < gradients.size(); ++i) {
      if (!gradients[i].defined()) gradients[i] = outputs[i].zeros(device);
    }
    const variable_list tensors = saved();
    const CallScope scope(backward);
    const napi_env env = scope.env();
    variable_list results = to_tensors(env, scope.call({js(env, gradients), js(env, tensors)}), "gradients");
    if (results.size() != inputs) throw Error("ERR_INTERNAL", "a backward pass must return one gradient per input");
    return results;
  }

  // The tensors that the forward pass saved; throws where one was written since, or where they were let go.
  variable_list saved() {
    if (released_) throw Error("ERR_AUTOGRAD", torch::autograd::ERR_BACKWARD_TWICE);
    variable_list tensors;
    tensors.reserve(variables_.size());
    for (const SavedVariable& variable : variables_) tensors.push_back(variable.unpack(getptr()));
    return tensors;
  }

  void save(const variable_list& tensors) {
    for (const at::Tensor& tensor : tensors) {
      variables_.emplace_back(tensor, tensor.defined() && tensor.grad_fn().get() == this);
    }
  }

  void release_variables() override {
    // A function that saved nothing can go backward again, as in PyTorch.
    released_ = !variables_.empty();
    for (SavedVariable& variable : variables_) variable.reset_data();
  }

  size_t inputs = 0;
  std::vector<VariableInfo> outputs;
  bool materialize = true;

 private:
  std::string name_;
  std::shared_ptr<Callback> backward_;
  std::vector<SavedVariable> variables_;
  bool released_ = false;
};

// What the forward pass said of its tensors.
struct Said {
  variable_list outputs, non_differentiable, dirty, saved;
  bool materialize;

  Said(napi_env env, napi_value value) {
    array_length(env, value, "forward");
    const auto list = [&](uint32_t i) { return to_tensors(env, element(env, value, i), "tensors"); };
    outputs = list(0);
    non_differentiable = list(1);
    dirty = list(2);
    saved = list(3);
    materialize = to_bool(env, element(env, value, 4), "materializeGrads");
  }
};

std::unordered_set<at::TensorImpl*> set_of(const variable_list& tensors) {
  std::unordered_set<at::TensorImpl*> set;
  for (const at::Tensor& tensor : tensors) set.insert(tensor.unsafeGetTensorImpl());
  return set;
}

// The derivative in forward mode, by JavaScript of the inputs' tangents; null for an input that has none.
torch::autograd::_jvp_fn_t forward_derivative(std::shared_ptr<Callback> jvp, const std::string& name) {
  return [jvp = std::move(jvp), name](const variable_list&, const variable_list& tangents) {
    if (jvp == nullptr) {
      throw Error("ERR_AUTOGRAD", name + " has no static jvp(), which forward-mode derivatives need");
    }
    const CallScope scope(jvp);
    return to_tensors(scope.env(), scope.call({js(scope.env(), tangents)}), "tangents");
  };
}

// From libtorch 2.14 on, `_wrap_outputs` also tells which node became the outputs' history.
template <class Node>
std::vector<std::optional<at::Tensor>> wrap_outputs(const variable_list& inputs, const Said& said,
                                                    const std::vector<std::optional<at::Tensor>>& raw,
                                                    const Node& history, const torch::autograd::_jvp_fn_t& derivative) {
  const std::unordered_set<at::TensorImpl*> constant = set_of(said.non_differentiable), dirty = set_of(said.dirty),
                                            none;
  const torch::autograd::_view_as_self_fn_t same = [](const at::Tensor& tensor) { return tensor.view_as(tensor); };
  Node attached;
  if constexpr (requires {
                  torch::autograd::_wrap_outputs(inputs, constant, dirty, raw, history, derivative, none, same, false,
                                                 attached);
                }) {
    return torch::autograd::_wrap_outputs(inputs, constant, dirty, raw, history, derivative, none, same,
                                          /*pure_view=*/false, attached);
  } else {
    return torch::autograd::_wrap_outputs(inputs, constant, dirty, raw, history, derivative, none, same,
                                          /*pure_view=*/false);
  }
}

// applyFunction(name, inputs, forward, backward, jvp): runs forward(), which takes nothing and returns [outputs,
// nonDifferentiable, dirty, saved, materializeGrads], outside the graph, and puts the function into it.
// backward(gradients, saved) returns a gradient per input. Returns the outputs; null for one that is the very tensor
// that forward() returned.
napi_value apply_function(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "name");
  const variable_list inputs = to_tensors(env, args[1], "inputs");
  const bool recorded = at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);

  const auto node = make_node<FunctionNode>(name, recorded ? std::make_shared<Callback>(env, args[3]) : nullptr);
  node->inputs = inputs.size();
  node->set_next_edges(recorded ? torch::autograd::collect_next_edges(inputs) : torch::autograd::edge_list());
  node->clear_input_metadata();

  const Said said = [&] {
    const at::AutoGradMode no_graph(false);
    const c10::AutoFwGradMode no_tangents(false);
    napi_value receiver, result;
    check(env, napi_get_undefined(env, &receiver));
    check(env, napi_call_function(env, receiver, args[2], 0, nullptr, &result));
    return Said(env, result);
  }();
  node->materialize = said.materialize;

  for (const at::Tensor& tensor : said.dirty) tensor.unsafeGetTensorImpl()->bump_version();
  std::vector<std::optional<at::Tensor>> raw(said.outputs.begin(), said.outputs.end());
  const NodePtr history = recorded ? NodePtr(node) : NodePtr();
  const auto wrapped = wrap_outputs(inputs, said, raw, history, forward_derivative(Callback::of(env, args[4]), name));
  if (recorded) {
    for (const auto& output : wrapped) node->outputs.emplace_back(*output);
    node->save(said.saved);
  }

  variable_list results(wrapped.size());
  for (size_t i = 0; i < wrapped.size(); ++i) {
    if (!wrapped[i]->is_same(said.outputs[i])) results[i] = *wrapped[i];
  }
  return js(env, results);
}

// savedByFunction(output): what the function that made the tensor has saved, or null where it is no function of
// JavaScript.
napi_value saved_by_function(napi_env env, Args& args) {
  const at::Tensor tensor = unwrap(env, args[0]);
  auto* node = dynamic_cast<FunctionNode*>(tensor.grad_fn().get());
  return node == nullptr ? null(env) : js(env, node->saved());
}

}  // namespace

void register_autograd_function(napi_env env, napi_value exports) {
  define(env, exports, "applyFunction", guarded<apply_function>);
  define(env, exports, "savedByFunction", guarded<saved_by_function>);
}

}  // namespace tc
