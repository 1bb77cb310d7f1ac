#include "binding/hooks.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "binding/autograd/callback.h"
#include "binding/env.h"
#include "binding/modules.h"
#include "binding/owning_object.h"

namespace tc {

// One function of one tensor. The graph that it belongs to may die on any thread, or inside the garbage collector.
class Hook {
 public:
  Hook(napi_env env, napi_value function, const Entry& entry)
      : entry_(entry.id), use_(entry.use), env_(env), graveyard_(Env::of(env).graveyard) {
    check(env, napi_create_reference(env, function, 1, &ref_));
  }
  ~Hook() {
    if (ref_ != nullptr) graveyard_->bury(ref_);
  }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  bool removed() const { return ref_ == nullptr; }
  void remove() {
    if (ref_ != nullptr) check(env_, napi_delete_reference(env_, std::exchange(ref_, nullptr)));
  }

  // Undefined where the function returns nothing. Nothing of this object is used once the function runs: it may remove
  // it.
  at::Tensor call(const at::Tensor& gradient) const {
    const napi_env env = env_;
    const Env* state = Env::current();
    if (state == nullptr || state->env != env) {
      throw Error("ERR_AUTOGRAD", "a hook was reached on another thread than the one that registered it");
    }
    const Interruption interruption;
    napi_handle_scope scope;
    check(env, napi_open_handle_scope(env, &scope));
    const auto close = [env](napi_handle_scope* s) { napi_close_handle_scope(env, *s); };
    const std::unique_ptr<napi_handle_scope, decltype(close)> guard(&scope, close);
    napi_value function, receiver, result;
    check(env, napi_get_reference_value(env, ref_, &function));
    napi_value argument = wrap(env, gradient);
    check(env, napi_get_undefined(env, &receiver));
    check(env, napi_call_function(env, receiver, function, 1, &argument, &result));
    return is_nullish(env, result) ? at::Tensor() : unwrap(env, result);
  }

  // The entry of the handle that it was registered by, null where that is gone.
  Entry* entry(const HandlePool& pool) const {
    Entry* entry = pool.find(entry_);
    return entry != nullptr && entry->use == use_ && entry->kind == Kind::Tensor ? entry : nullptr;
  }

  void hold(bool strongly) {
    if (ref_ == nullptr || strong_ == strongly) return;
    uint32_t count;
    check(env_, strongly ? napi_reference_ref(env_, ref_, &count) : napi_reference_unref(env_, ref_, &count));
    strong_ = strongly;
  }

 private:
  uint32_t entry_, use_;
  bool strong_ = true;
  napi_env env_;
  napi_ref ref_ = nullptr;
  std::shared_ptr<Graveyard> graveyard_;
};

namespace {

struct HookList {
  std::vector<std::shared_ptr<Hook>> hooks;
};

void check_fit(const at::Tensor& gradient, const at::Tensor& result) {
  if (result.sizes() != gradient.sizes()) {
    throw Error("ERR_SHAPE", "the result of a hook must have the shape of the gradient");
  }
  if (result.scalar_type() != gradient.scalar_type()) {
    throw Error("ERR_DTYPE", "the result of a hook must have the dtype of the gradient");
  }
  if (result.device() != gradient.device()) {
    throw Error("ERR_DEVICE", "the result of a hook must be on the device of the gradient");
  }
}

// What libtorch calls: all hooks of a tensor, in the order in which they were registered. libtorch's own list must not
// grow while it is walked, and names hooks by their places, which change hands when the tensor is written in place.
class HookCaller {
 public:
  explicit HookCaller(std::shared_ptr<HookList> list) : list_(std::move(list)) {}

  const std::shared_ptr<HookList>& list() const { return list_; }

  at::TensorBase operator()(const at::TensorBase& gradient) const {
    // A copy: hooks may add others, which are for the next gradient, and drop the graph that holds this object.
    const std::vector<std::shared_ptr<Hook>> hooks = list_->hooks;
    at::Tensor value(gradient);
    for (const auto& hook : hooks) {
      if (hook->removed()) continue;
      at::Tensor result = hook->call(value);
      if (!result.defined()) continue;
      check_fit(value, result);
      value = std::move(result);
    }
    return value.is_same(gradient) ? at::TensorBase() : at::TensorBase(value);
  }

 private:
  std::shared_ptr<HookList> list_;
};

// The list of the tensor as it is now, null where it has none.
std::shared_ptr<HookList> list_of(const at::Tensor& t) {
  const auto* meta = torch::autograd::impl::get_autograd_meta(t);
  if (meta == nullptr || meta->cpp_hooks_list_ == nullptr) return nullptr;
  for (const auto& hook : *meta->cpp_hooks_list_) {
    if (const auto* caller = hook.target<HookCaller>()) return caller->list();
  }
  return nullptr;
}

// What removes a hook: it holds neither the hook nor its tensor.
struct HookRef {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x686f6f6b2d726566};
  static constexpr const char* kNoun = "a hook";
  std::weak_ptr<Hook> hook;
  std::weak_ptr<HookList> list;
};

// Whether its hooks can be reached through one handle alone.
bool has_sole_owner(const at::Tensor& t) {
  if (t.use_count() != 1) return false;
  const auto* meta = torch::autograd::impl::get_autograd_meta(t);
  return meta != nullptr && !meta->is_view_ && (!meta->grad_fn_ || meta->grad_fn_.use_count() == 1);
}

// registerHook(tensor, function of the gradient's handle)
napi_value register_hook(napi_env env, Args& args) {
  const at::Tensor t = unwrap(env, args[0]);
  Env& state = Env::of(env);
  state.graveyard->sweep(env);
  if (state.hooks.size() >= state.next_weakening) {
    weaken_hooks(env);
    state.next_weakening = std::max<size_t>(64, 2 * state.hooks.size());
  }
  if (!t.requires_grad()) {
    throw Error("ERR_AUTOGRAD", "a hook needs a tensor that requires a gradient, and this one does not");
  }
  auto hook = std::make_shared<Hook>(env, args[1], *entry_of(env, args[0]));
  auto list = list_of(t);
  if (list == nullptr) {
    list = std::make_shared<HookList>();
    static_cast<const at::TensorBase&>(t).register_hook(HookCaller(list));
  }
  list->hooks.push_back(hook);
  state.hooks.push_back(hook);
  return to_object(env, std::make_unique<HookRef>(HookRef{hook, list}));
}

// removeHook(hook): it is not called again, not even by a backward that is under way.
napi_value remove_hook(napi_env env, Args& args) {
  const HookRef& ref = from_object<HookRef>(env, args[0]);
  const auto hook = ref.hook.lock();
  if (hook == nullptr) return undefined(env);
  if (const auto list = ref.list.lock()) std::erase(list->hooks, hook);
  hook->remove();
  return undefined(env);
}

napi_value weaken(napi_env env, Args&) {
  weaken_hooks(env);
  return undefined(env);
}

}  // namespace

void weaken_hooks(napi_env env) {
  Env& state = Env::of(env);
  std::erase_if(state.hooks, [](const std::weak_ptr<Hook>& hook) { return hook.expired(); });
  for (const auto& weak : state.hooks) {
    const auto hook = weak.lock();
    Entry* entry = hook == nullptr ? nullptr : hook->entry(*state.pool);
    if (entry == nullptr || !has_sole_owner(entry->tensor)) continue;
    const auto list = list_of(entry->tensor);
    if (list == nullptr || std::find(list->hooks.begin(), list->hooks.end(), hook) == list->hooks.end()) continue;
    hook->hold(false);
    entry->weak_hooks = true;
  }
}

void hold_hooks(napi_env env, Entry& entry) {
  entry.weak_hooks = false;
  if (const auto list = list_of(entry.tensor)) {
    for (const auto& hook : list->hooks) hook->hold(true);
  }
}

void register_hooks(napi_env env, napi_value exports) {
  define(env, exports, "registerHook", guarded<register_hook>);
  define(env, exports, "removeHook", guarded<remove_hook>);
  define(env, exports, "weakenHooks", guarded<weaken>);
}

}  // namespace tc
