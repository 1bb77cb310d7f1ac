// The engine that backward passes run on, with what JavaScript adds to it: functions for the tensors that operations
// save, and the line in the user's code where a faulty operation was called.
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/autograd/callback.h"
#include "binding/autograd/node.h"
#include "binding/autograd/waiting.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

struct SavedTensorFunctions {
  std::shared_ptr<Callback> pack, unpack;
};

// Of one JavaScript thread.
struct Thread {
  std::vector<SavedTensorFunctions> saved;  // the innermost last; one without functions turns them off
  std::shared_ptr<Callback> capture;        // returns the JavaScript stack as text
  std::string node, stack;                  // of the last fault
};
thread_local Thread of_thread;

// What pack() has made of one saved tensor.
class PackedTensor : public torch::autograd::SavedVariableHooks {
 public:
  explicit PackedTensor(SavedTensorFunctions functions) : functions_(std::move(functions)) {}

  void call_pack_hook(const at::Tensor& tensor) override {
    const CallScope scope(functions_.pack);
    const napi_env env = scope.env();
    // Detached, as an operation's own result would hold the operation, which holds what pack() returns.
    // Not every value can be referenced, so it lies in an array.
    napi_value holder;
    check(env, napi_create_array_with_length(env, 1, &holder));
    check(env, napi_set_element(env, holder, 0, scope.call({wrap(env, tensor.detach())})));
    packed_ = std::make_shared<Callback>(env, holder);
  }

  at::Tensor call_unpack_hook() override {
    const Waiting waiting;
    const CallScope scope(functions_.unpack);
    return unwrap(scope.env(), scope.call({element(scope.env(), packed_->value(), 0)}));
  }

 private:
  SavedTensorFunctions functions_;
  std::shared_ptr<Callback> packed_;
};

// Where an operation was called, kept while anomalies are looked for.
class ForwardStack : public torch::autograd::AnomalyMetadata {
 public:
  void store_stack() override {
    const auto& capture = of_thread.capture;
    if (capture == nullptr) return;
    try {
      const CallScope scope(capture);
      stack_ = to_string(scope.env(), scope.call({}), "stack");
    } catch (...) {
      // A node is made without a stack rather than not at all.
      stack_.clear();
    }
  }
  void assign_parent(const NodePtr& parent) override { parent_ = parent; }
  void print_stack(const std::string& node) override {
    of_thread.node = node;
    of_thread.stack = stack_;
    // A fault in a second derivative: the operation was made by a backward pass, and that by an operation of the
    // user's.
    NodePtr parent = parent_;
    while (parent != nullptr) {
      const auto* made_by = dynamic_cast<ForwardStack*>(parent->metadata());
      if (made_by == nullptr) break;
      of_thread.node += ", made by the backward pass of " + parent->name();
      of_thread.stack = made_by->stack_;
      parent = made_by->parent_;
    }
  }

 private:
  std::string stack_;
  NodePtr parent_;
};

class Engine : public torch::autograd::Engine {
 public:
  // The depth to which a backward pass can be started from inside of another on one stack is for JavaScript to limit:
  // it throws a RangeError. Beyond libtorch's own limit other threads would be taken, where JavaScript cannot run.
  Engine() { max_recursion_depth_ = std::numeric_limits<int>::max(); }
  ~Engine() override { stop(); }

  torch::autograd::variable_list execute(const torch::autograd::edge_list& roots,
                                         const torch::autograd::variable_list& inputs, bool keep_graph,
                                         bool create_graph, bool accumulate_grad,
                                         const torch::autograd::edge_list& outputs) override {
    refuse_waiting(roots, outputs);
    return torch::autograd::Engine::execute(roots, inputs, keep_graph, create_graph, accumulate_grad, outputs);
  }

  std::unique_ptr<torch::autograd::AnomalyMetadata> make_anomaly_metadata() override {
    return std::make_unique<ForwardStack>();
  }
  std::unique_ptr<torch::autograd::SavedVariableHooks> get_default_saved_variable_hooks() override {
    const auto& saved = of_thread.saved;
    if (saved.empty() || saved.back().pack == nullptr) return nullptr;
    return std::make_unique<PackedTensor>(saved.back());
  }
};

torch::autograd::Engine& engine() {
  // Never destroyed: threads of libtorch may outlive the statics.
  static Engine& only = *std::make_unique<Engine>().release();
  return only;
}

// pushSavedTensorsHooks(pack, unpack), or undefined twice to turn those outside off
napi_value push_saved_tensors_hooks(napi_env env, Args& args) {
  SavedTensorFunctions functions{Callback::of(env, args[0]), Callback::of(env, args[1])};
  if ((functions.pack == nullptr) != (functions.unpack == nullptr)) {
    throw Error("ERR_ARGUMENT", "pack and unpack must be given together");
  }
  of_thread.saved.push_back(std::move(functions));
  return undefined(env);
}
napi_value pop_saved_tensors_hooks(napi_env env, Args&) {
  if (of_thread.saved.empty()) throw Error("ERR_STATE", "no hooks for saved tensors are set");
  of_thread.saved.pop_back();
  return undefined(env);
}

// detectAnomaly(enabled, checkNan, capture): what was before, as [enabled, checkNan]
napi_value detect_anomaly(napi_env env, Args& args) {
  using torch::autograd::AnomalyMode;
  const napi_value before[] = {js(env, AnomalyMode::is_enabled()), js(env, AnomalyMode::should_check_nan())};
  if (!is_nullish(env, args[0])) {
    AnomalyMode::set_enabled(to_bool(env, args[0], "enabled"), to_bool(env, args[1], "checkNan"));
    if (!is_nullish(env, args[2])) of_thread.capture = Callback::of(env, args[2]);
  }
  napi_value result;
  check(env, napi_create_array_with_length(env, 2, &result));
  for (uint32_t i = 0; i < 2; ++i) check(env, napi_set_element(env, result, i, before[i]));
  return result;
}

// anomalyFound(): the operation that the last fault was in and the stack that called it, then forgotten; or null
napi_value anomaly_found(napi_env env, Args&) {
  if (of_thread.node.empty()) return null(env);
  napi_value result;
  check(env, napi_create_array_with_length(env, 2, &result));
  check(env, napi_set_element(env, result, 0, js(env, std::string_view(of_thread.node))));
  check(env, napi_set_element(env, result, 1, js(env, std::string_view(of_thread.stack))));
  of_thread.node.clear();
  of_thread.stack.clear();
  return result;
}

void install() {
  torch::autograd::set_default_engine_stub(engine);
  // JavaScript functions in a graph, hooks above all, can run on their own thread alone, also where the graph's tensors
  // are on a GPU.
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
}

}  // namespace

void register_autograd_engine(napi_env env, napi_value exports) {
  install();
  define(env, exports, "pushSavedTensorsHooks", guarded<push_saved_tensors_hooks>);
  define(env, exports, "popSavedTensorsHooks", guarded<pop_saved_tensors_hooks>);
  define(env, exports, "detectAnomaly", guarded<detect_anomaly>);
  define(env, exports, "anomalyFound", guarded<anomaly_found>);
}

}  // namespace tc
