// The graph as the user sees it: nodes, edges and their hooks, gradients between edges, and levels of forward mode.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_make_dual.h>
#include <ATen/ops/_unpack_dual.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "binding/autograd/callback.h"
#include "binding/autograd/dual_level.h"
#include "binding/autograd/lists.h"
#include "binding/autograd/node.h"
#include "binding/autograd/waiting.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/owning_object.h"

namespace tc {
namespace {

using torch::autograd::Edge;
using torch::autograd::edge_list;
using torch::autograd::variable_list;

struct NodeObject {
  static constexpr napi_type_tag kTag{0x7d1c3a5b2e9f4c60, 0x9b0e6d2f8a4c1753};
  static constexpr const char* kNoun = "a node of a graph";
  NodePtr node;
};

// A hook and whether it is still on: libtorch keeps it in its list either way.
struct GraphHook {
  static constexpr napi_type_tag kTag{0x5e8f1b7a9c3d2064, 0xb46c0f92d7e3815a};
  static constexpr const char* kNoun = "a hook of a graph";
  std::shared_ptr<std::shared_ptr<Callback>> callback;
};

napi_value box_node(napi_env env, NodePtr node) {
  if (node == nullptr) return null(env);
  return to_object(env, std::make_unique<NodeObject>(NodeObject{std::move(node)}));
}

napi_value pair(napi_env env, napi_value first, napi_value second) {
  napi_value result;
  check(env, napi_create_array_with_length(env, 2, &result));
  check(env, napi_set_element(env, result, 0, first));
  check(env, napi_set_element(env, result, 1, second));
  return result;
}

napi_value to_js(napi_env env, const Edge& edge) {
  return pair(env, box_node(env, edge.function), js(env, static_cast<int64_t>(edge.input_nr)));
}

Edge to_edge(napi_env env, napi_value value) {
  array_length(env, value, "edge");
  const NodePtr node = from_object<NodeObject>(env, element(env, value, 0)).node;
  const int64_t input = to_int64(env, element(env, value, 1), "edge");
  if (input < 0 || input >= int64_t(node->num_inputs()))
    throw Error("ERR_INDEX", "the index of the edge is out of range for the inputs of its node");
  return Edge(node, static_cast<uint32_t>(input));
}

edge_list to_edges(napi_env env, napi_value array, const char* what) {
  edge_list edges;
  const uint32_t n = array_length(env, array, what);
  for (uint32_t i = 0; i < n; ++i) edges.push_back(to_edge(env, element(env, array, i)));
  return edges;
}

// gradientEdge(tensor): [node, number of its input]
napi_value gradient_edge(napi_env env, Args& args) {
  const at::Tensor tensor = unwrap(env, args[0]);
  if (!tensor.requires_grad()) throw Error("ERR_AUTOGRAD", "a gradient edge needs a tensor that requires gradients");
  return to_js(env, torch::autograd::impl::gradient_edge(tensor));
}

napi_value node_name(napi_env env, Args& args) {
  return js(env, std::string_view(from_object<NodeObject>(env, args[0]).node->name()));
}
napi_value node_next(napi_env env, Args& args) {
  const NodePtr node = from_object<NodeObject>(env, args[0]).node;
  napi_value result;
  check(env, napi_create_array(env, &result));
  uint32_t i = 0;
  for (const Edge& edge : node->next_edges()) check(env, napi_set_element(env, result, i++, to_js(env, edge)));
  return result;
}
napi_value node_same(napi_env env, Args& args) {
  return js(env, from_object<NodeObject>(env, args[0]).node == from_object<NodeObject>(env, args[1]).node);
}

// gradOfEdges(outputs, gradients, inputs, retainGraph, createGraph): between edges; null where an input was not reached
napi_value grad_of_edges(napi_env env, Args& args) {
  const edge_list outputs = to_edges(env, args[0], "outputs");
  const variable_list gradients = to_tensors(env, args[1], "gradOutputs");
  if (gradients.size() != outputs.size()) throw Error("ERR_ARGUMENT", "an output needs a gradient");
  for (const at::Tensor& gradient : gradients) {
    if (!gradient.defined()) throw Error("ERR_AUTOGRAD", "an output that is an edge needs a gradient");
  }
  return js(env, torch::autograd::Engine::get_default_engine().execute(
                     outputs, gradients, to_bool(env, args[3], "retainGraph"), to_bool(env, args[4], "createGraph"),
                     /*accumulate_grad=*/false, to_edges(env, args[2], "inputs")));
}

// Hooks. A registration returns an object for removeGraphHook, which holds the function and nothing of the graph.

napi_value hook_object(napi_env env, std::shared_ptr<std::shared_ptr<Callback>> callback) {
  return to_object(env, std::make_unique<GraphHook>(GraphHook{std::move(callback)}));
}

// All hooks of one leaf, as libtorch has room for one.
class AccumulatedHooks : public torch::autograd::PostAccumulateGradHook {
 public:
  void operator()(const at::Tensor& leaf) override {
    drop_removed();
    const auto hooks = hooks_;
    const Waiting waiting;
    for (const auto& hook : hooks) {
      if (*hook == nullptr) continue;
      const CallScope scope(*hook);
      scope.call({wrap(scope.env(), leaf)});
    }
  }
  void add(std::shared_ptr<std::shared_ptr<Callback>> hook) {
    drop_removed();
    hooks_.push_back(std::move(hook));
  }

 private:
  void drop_removed() {
    std::erase_if(hooks_, [](const auto& hook) { return *hook == nullptr; });
  }

  std::vector<std::shared_ptr<std::shared_ptr<Callback>>> hooks_;
};

// registerPostAccumulateGradHook(leaf, function of the leaf's handle)
napi_value register_post_accumulate(napi_env env, Args& args) {
  const at::Tensor leaf = unwrap(env, args[0]);
  if (!leaf.is_leaf() || !leaf.requires_grad()) {
    throw Error("ERR_AUTOGRAD", "post accumulate grad hooks need a leaf tensor that requires gradients");
  }
  auto callback = std::make_shared<std::shared_ptr<Callback>>(std::make_shared<Callback>(env, args[1]));
  // Made now, so that the accumulator finds it.
  torch::autograd::impl::grad_accumulator(leaf);
  if (torch::autograd::impl::post_acc_grad_hooks(leaf) == nullptr) {
    torch::autograd::impl::set_post_acc_grad_hooks(leaf, std::make_unique<AccumulatedHooks>());
  }
  auto* hooks = dynamic_cast<AccumulatedHooks*>(torch::autograd::impl::post_acc_grad_hooks(leaf).get());
  if (hooks == nullptr) throw Error("ERR_STATE", "another library has hooks on this tensor");
  hooks->add(callback);
  return hook_object(env, std::move(callback));
}

// What a hook of a node returns: null to leave the gradients as they are, or as many.
variable_list replaced(napi_env env, napi_value result, const variable_list& gradients) {
  if (is_nullish(env, result)) return gradients;
  variable_list list = to_tensors(env, result, "gradients");
  if (list.size() != gradients.size()) {
    throw Error("ERR_AUTOGRAD", "a hook must return as many gradients as it was given");
  }
  return list;
}

class BeforeNode : public torch::autograd::FunctionPreHook {
 public:
  explicit BeforeNode(std::shared_ptr<std::shared_ptr<Callback>> callback) : callback_(std::move(callback)) {}
  variable_list operator()(const variable_list& gradients) override {
    if (*callback_ == nullptr) return gradients;
    const CallScope scope(*callback_);
    return replaced(scope.env(), scope.call({js(scope.env(), gradients)}), gradients);
  }

 private:
  std::shared_ptr<std::shared_ptr<Callback>> callback_;
};

class AfterNode : public torch::autograd::FunctionPostHook {
 public:
  explicit AfterNode(std::shared_ptr<std::shared_ptr<Callback>> callback) : callback_(std::move(callback)) {}
  variable_list operator()(const variable_list& results, const variable_list& gradients) override {
    if (*callback_ == nullptr) return results;
    const CallScope scope(*callback_);
    const napi_env env = scope.env();
    return replaced(env, scope.call({js(env, results), js(env, gradients)}), results);
  }

 private:
  std::shared_ptr<std::shared_ptr<Callback>> callback_;
};

// registerNodeHook(node, before, function)
napi_value register_node_hook(napi_env env, Args& args) {
  const NodePtr node = from_object<NodeObject>(env, args[0]).node;
  const bool before = to_bool(env, args[1], "before");
  auto callback = std::make_shared<std::shared_ptr<Callback>>(std::make_shared<Callback>(env, args[2]));
  if (before) {
    node->add_pre_hook(std::make_unique<BeforeNode>(callback));
  } else {
    node->add_post_hook(std::make_unique<AfterNode>(callback));
  }
  return hook_object(env, std::move(callback));
}

napi_value remove_graph_hook(napi_env env, Args& args) {
  // Emptied after the object is let go, as the function may be the one that runs.
  const auto callback = from_object<GraphHook>(env, args[0]).callback;
  const std::shared_ptr<Callback> last = std::exchange(*callback, nullptr);
  return undefined(env);
}

// What a tensor's gradient arrives at, held weakly: the node that made it, or the leaf.
struct Source {
  static constexpr napi_type_tag kTag{0x31c7a9e05d8b4f26, 0x6a90d4b7f18e2c35};
  static constexpr const char* kNoun = "a source of a gradient";
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> leaf;
  WeakNodePtr node;
  bool is_leaf;

  explicit Source(const at::Tensor& tensor)
      : leaf(tensor.getIntrusivePtr()), node(tensor.grad_fn()), is_leaf(tensor.grad_fn() == nullptr) {}

  NodePtr lock() const {
    if (!is_leaf) return node.lock();
    const auto impl = leaf.lock();
    return impl ? torch::autograd::impl::grad_accumulator(at::Tensor(impl)) : nullptr;
  }
};

// gradientSource(tensor)
napi_value gradient_source(napi_env env, Args& args) {
  const at::Tensor tensor = unwrap(env, args[0]);
  if (!tensor.requires_grad()) throw Error("ERR_AUTOGRAD", "a hook needs tensors that require gradients");
  return to_object(env, std::make_unique<Source>(tensor));
}

// graphTask(): the number of the backward pass that runs now, -1 for none
napi_value graph_task(napi_env env, Args&) {
  return js(env, static_cast<int64_t>(torch::autograd::get_current_graph_task_id()));
}
// graphTaskReaches(source): whether the backward pass that runs now computes that gradient
napi_value graph_task_reaches(napi_env env, Args& args) {
  const NodePtr held = from_object<Source>(env, args[0]).lock();
  torch::autograd::Node* node = held.get();
  const auto* tasks = torch::autograd::get_current_graph_task_exec_info();
  if (tasks == nullptr) throw Error("ERR_STATE", "no backward pass runs");
  if (node == nullptr) return js(env, false);
  if (tasks->empty()) {
    return js(env, torch::autograd::get_current_graph_task_nodes_in_graph()->count(node) > 0);
  }
  const auto found = tasks->find(node);
  return js(env, found != tasks->end() && found->second.should_execute());
}

// graphTaskKeeps(): whether it keeps its graph
napi_value graph_task_keeps(napi_env env, Args&) {
  return js(env,
            torch::autograd::get_current_graph_task_id() >= 0 && torch::autograd::get_current_graph_task_keep_graph());
}

// incrementVersion(tensor): as if it had been written in place
napi_value increment_version(napi_env env, Args& args) {
  const at::Tensor tensor = unwrap(env, args[0]);
  if (tensor.is_inference()) throw Error("ERR_AUTOGRAD", "an inference tensor has no version");
  tensor.unsafeGetTensorImpl()->bump_version();
  return undefined(env);
}

napi_value enter_dual_level(napi_env env, Args&) {
  open_dual_level();
  return js(env, int64_t{kDualLevel});
}
// makeDual(primal, tangent, level), unpackDual(dual, level): a value with its derivative in forward mode
napi_value make_dual(napi_env env, Args& args) {
  return wrap(env, at::_make_dual(unwrap(env, args[0]), unwrap(env, args[1]), to_int64(env, args[2], "level")));
}
napi_value unpack_dual(napi_env env, Args& args) {
  auto [primal, tangent] = at::_unpack_dual(unwrap(env, args[0]), to_int64(env, args[1], "level"));
  return pair(env, wrap(env, std::move(primal)), wrap(env, std::move(tangent)));
}

napi_value exit_dual_level(napi_env env, Args&) {
  close_dual_level();
  return undefined(env);
}

}  // namespace

void register_autograd_graph(napi_env env, napi_value exports) {
  define(env, exports, "gradientEdge", guarded<gradient_edge>);
  define(env, exports, "nodeName", guarded<node_name>);
  define(env, exports, "nodeNext", guarded<node_next>);
  define(env, exports, "nodeSame", guarded<node_same>);
  define(env, exports, "gradOfEdges", guarded<grad_of_edges>);
  define(env, exports, "registerPostAccumulateGradHook", guarded<register_post_accumulate>);
  define(env, exports, "registerNodeHook", guarded<register_node_hook>);
  define(env, exports, "removeGraphHook", guarded<remove_graph_hook>);
  define(env, exports, "gradientSource", guarded<gradient_source>);
  define(env, exports, "incrementVersion", guarded<increment_version>);
  define(env, exports, "graphTask", guarded<graph_task>);
  define(env, exports, "graphTaskKeeps", guarded<graph_task_keeps>);
  define(env, exports, "graphTaskReaches", guarded<graph_task_reaches>);
  define(env, exports, "enterDualLevel", guarded<enter_dual_level>);
  define(env, exports, "makeDual", guarded<make_dual>);
  define(env, exports, "unpackDual", guarded<unpack_dual>);
  define(env, exports, "exitDualLevel", guarded<exit_dual_level>);
}

}  // namespace tc
