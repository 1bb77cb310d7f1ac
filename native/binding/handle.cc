#include "binding/handle.h"

#include <limits>
#include <memory>
#include <utility>

#include "binding/collect.h"
#include "binding/env.h"
#include "binding/error.h"
#include "binding/func/layers.h"
#include "binding/func/wrapped.h"
#include "binding/hooks.h"
#include "binding/value.h"

// Part of every supported Node, but not of the node-api-headers package.
extern "C" NAPI_EXTERN napi_status NAPI_CDECL node_api_post_finalizer(node_api_basic_env env, napi_finalize finalize,
                                                                      void* data, void* hint);

namespace tc {

Slot& HandlePool::acquire() {
  if (free_.empty()) {
    slabs_.push_back(std::make_unique<Slot[]>(kSlab));
    for (uint32_t i = 0; i < kSlab; ++i) slabs_.back()[i].id = size_ + i + 1;
    for (uint32_t i = kSlab; i > 0; --i) free_.push_back(size_ + i);
    size_ += kSlab;
    free_.reserve(size_);  // so that release() never allocates
  }
  Slot& slot = *find(free_.back());
  free_.pop_back();
  ++live_;
  return slot;
}

void HandlePool::release(Slot& slot) noexcept {
  slot.kind = Kind::Free;
  ++slot.use;
  free_.push_back(slot.id);
  if (--live_ == 0 && closed_) std::default_delete<HandlePool>{}(this);
}

void HandlePool::close(HandlePool* pool) noexcept {
  pool->closed_ = true;
  pool->owner = nullptr;
  if (pool->live_ == 0) std::default_delete<HandlePool>{}(pool);
}

namespace {
// An external holds the slot's number in place of an address: one that somebody else made names a slot at worst.
void* as_data(uint32_t id) { return reinterpret_cast<void*>(uintptr_t{id}); }
uint32_t id_in(void* data) {
  const auto id = reinterpret_cast<uintptr_t>(data);
  return id <= std::numeric_limits<uint32_t>::max() ? static_cast<uint32_t>(id) : 0;
}

void finalize(node_api_basic_env, void* data, void* hint) {
  auto* pool = static_cast<HandlePool*>(hint);
  Slot& slot = *pool->find(id_in(data));
  if (pool->owner == nullptr) {
    slot.tensor.reset();
    slot.generator = at::Generator();
    pool->release(slot);
    return;
  }
  Env& state = *pool->owner;
  const napi_env env = state.env;
  dispose(env, slot);
  pool->release(slot);
  if (state.sweep_posted || state.graveyard->empty()) return;
  state.sweep_posted = true;
  node_api_post_finalizer(
      env,
      [](napi_env later, void*, void*) {
        Env& e = Env::of(later);
        e.sweep_posted = false;
        e.graveyard->sweep(later);
      },
      nullptr, nullptr);
}

napi_value handle_of(napi_env env, Slot& slot) {
  collect_if_testing(env);
  Env& state = Env::of(env);
  state.memory.add(env, slot);
  if (captures == 0 && state.memory.take_turn()) [[unlikely]]
    collect_young(env);
  napi_value handle;
  const napi_status status = napi_create_external(state.keeper, as_data(slot.id), finalize, state.pool, &handle);
  if (status != napi_ok) {
    dispose(env, slot);
    state.pool->release(slot);
  }
  check(env, status);
  return handle;
}
}  // namespace

napi_value wrap(napi_env env, at::Tensor tensor) {
  if (!tensor.defined()) return null(env);
  Slot& slot = Env::of(env).pool->acquire();
  slot.tensor = std::move(tensor);
  slot.kind = Kind::Tensor;
  if (is_wrapped(slot.tensor)) [[unlikely]]
    note(slot);
  return handle_of(env, slot);
}

napi_value wrap(napi_env env, at::Generator generator) {
  Slot& slot = Env::of(env).pool->acquire();
  slot.generator = std::move(generator);
  slot.kind = Kind::Generator;
  return handle_of(env, slot);
}

Slot* slot_of(napi_env env, napi_value handle) noexcept {
  void* data;
  if (napi_get_value_external(env, handle, &data) != napi_ok) return nullptr;
  Slot* slot = Env::of(env).pool->find(id_in(data));
  return slot == nullptr || slot->kind == Kind::Free ? nullptr : slot;
}

namespace {
// The tensor of a slot that may belong to a transform, where that has not ended.
at::Tensor current(Slot& slot) {
  slot.tensor = without_ended(slot.tensor);
  if (level_of(slot.tensor) > depth_of_transforms()) throw Error("ERR_STATE", kEscaped);
  return slot.tensor;
}
}  // namespace

at::Tensor unwrap(napi_env env, napi_value handle) {
  Slot* slot = slot_of(env, handle);
  if (slot != nullptr && slot->kind == Kind::Tensor) [[likely]] {
    if (slot->weak_hooks) [[unlikely]]
      hold_hooks(env, *slot);
    if (is_wrapped(slot->tensor)) [[unlikely]]
      return current(*slot);
    return slot->tensor;
  }
  if (slot != nullptr && slot->kind == Kind::Escaped) throw Error("ERR_STATE", kEscaped);
  if (slot != nullptr && slot->kind == Kind::Disposed) {
    throw Error("ERR_DISPOSED", "the tensor was disposed and can no longer be used");
  }
  throw Error("ERR_ARGUMENT", "a tensor of this environment was expected");
}

at::Generator unwrap_generator(napi_env env, napi_value handle) {
  Slot* slot = slot_of(env, handle);
  if (slot != nullptr && slot->kind == Kind::Generator) return slot->generator;
  throw Error("ERR_ARGUMENT", "a generator of this environment was expected");
}

void recount(napi_env env, napi_value handle) {
  Slot* slot = slot_of(env, handle);
  if (slot != nullptr && slot->kind == Kind::Tensor) Env::of(env).memory.update(env, *slot);
}

void dispose(napi_env env, Slot& slot) noexcept {
  if (slot.kind != Kind::Tensor && slot.kind != Kind::Generator) return;
  slot.kind = Kind::Disposed;
  Env::of(env).memory.remove(env, slot);
  // Moved out first: releasing a graph may run code that looks at this slot.
  const at::Tensor tensor = std::move(slot.tensor);
  const at::Generator generator = std::move(slot.generator);
}

void escape(Slot& slot) noexcept {
  dispose(Env::current()->env, slot);
  // A collection may have given the slot back meanwhile.
  if (slot.kind == Kind::Disposed) slot.kind = Kind::Escaped;
}

}  // namespace tc
