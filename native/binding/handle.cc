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

Entry& HandlePool::acquire() {
  if (free_.empty()) {
    slabs_.push_back(std::make_unique<Entry[]>(kSlab));
    for (uint32_t i = 0; i < kSlab; ++i) slabs_.back()[i].id = size_ + i + 1;
    for (uint32_t i = kSlab; i > 0; --i) free_.push_back(size_ + i);
    size_ += kSlab;
    free_.reserve(size_);  // so that release() never allocates
  }
  Entry& entry = *find(free_.back());
  free_.pop_back();
  ++live_;
  return entry;
}

void HandlePool::release(Entry& entry) noexcept {
  entry.kind = Kind::Free;
  ++entry.use;
  free_.push_back(entry.id);
  if (--live_ == 0 && closed_) std::default_delete<HandlePool>{}(this);
}

void HandlePool::close(HandlePool* pool) noexcept {
  pool->closed_ = true;
  pool->owner = nullptr;
  if (pool->live_ == 0) std::default_delete<HandlePool>{}(pool);
}

namespace {
// An external holds the entry's number in place of an address: one that somebody else made names an entry at worst.
void* as_data(uint32_t id) { return reinterpret_cast<void*>(uintptr_t{id}); }
uint32_t id_in(void* data) {
  const auto id = reinterpret_cast<uintptr_t>(data);
  return id <= std::numeric_limits<uint32_t>::max() ? static_cast<uint32_t>(id) : 0;
}

void finalize(node_api_basic_env, void* data, void* hint) {
  auto* pool = static_cast<HandlePool*>(hint);
  Entry& entry = *pool->find(id_in(data));
  if (pool->owner == nullptr) {
    entry.tensor.reset();
    entry.generator = at::Generator();
    pool->release(entry);
    return;
  }
  Env& state = *pool->owner;
  const napi_env env = state.env;
  dispose(env, entry);
  pool->release(entry);
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

napi_value handle_of(napi_env env, Entry& entry) {
  collect_if_testing(env);
  Env& state = Env::of(env);
  state.memory.add(env, entry);
  if (captures == 0 && state.memory.take_turn()) [[unlikely]]
    collect_young(env);
  napi_value handle;
  const napi_status status = napi_create_external(state.keeper, as_data(entry.id), finalize, state.pool, &handle);
  if (status != napi_ok) {
    dispose(env, entry);
    state.pool->release(entry);
  }
  check(env, status);
  return handle;
}
}  // namespace

napi_value wrap(napi_env env, at::Tensor tensor) {
  if (!tensor.defined()) return null(env);
  Entry& entry = Env::of(env).pool->acquire();
  entry.tensor = std::move(tensor);
  entry.kind = Kind::Tensor;
  if (is_wrapped(entry.tensor)) [[unlikely]]
    note(entry);
  return handle_of(env, entry);
}

napi_value wrap(napi_env env, at::Generator generator) {
  Entry& entry = Env::of(env).pool->acquire();
  entry.generator = std::move(generator);
  entry.kind = Kind::Generator;
  return handle_of(env, entry);
}

Entry* entry_of(napi_env env, napi_value handle) noexcept {
  void* data;
  if (napi_get_value_external(env, handle, &data) != napi_ok) return nullptr;
  Entry* entry = Env::of(env).pool->find(id_in(data));
  return entry == nullptr || entry->kind == Kind::Free ? nullptr : entry;
}

namespace {
// The tensor of an entry that may belong to a transform, where that has not ended.
at::Tensor current(Entry& entry) {
  entry.tensor = without_ended(entry.tensor);
  if (level_of(entry.tensor) > depth_of_transforms()) throw Error("ERR_STATE", kEscaped);
  return entry.tensor;
}
}  // namespace

at::Tensor unwrap(napi_env env, napi_value handle) {
  Entry* entry = entry_of(env, handle);
  if (entry != nullptr && entry->kind == Kind::Tensor) [[likely]] {
    if (entry->weak_hooks) [[unlikely]]
      hold_hooks(env, *entry);
    if (is_wrapped(entry->tensor)) [[unlikely]]
      return current(*entry);
    return entry->tensor;
  }
  if (entry != nullptr && entry->kind == Kind::Escaped) throw Error("ERR_STATE", kEscaped);
  if (entry != nullptr && entry->kind == Kind::Disposed) {
    throw Error("ERR_DISPOSED", "the tensor was disposed and can no longer be used");
  }
  throw Error("ERR_ARGUMENT", "a tensor of this environment was expected");
}

at::Generator unwrap_generator(napi_env env, napi_value handle) {
  Entry* entry = entry_of(env, handle);
  if (entry != nullptr && entry->kind == Kind::Generator) return entry->generator;
  throw Error("ERR_ARGUMENT", "a generator of this environment was expected");
}

void recount(napi_env env, napi_value handle) {
  Entry* entry = entry_of(env, handle);
  if (entry != nullptr && entry->kind == Kind::Tensor) Env::of(env).memory.update(env, *entry);
}

void dispose(napi_env env, Entry& entry) noexcept {
  if (entry.kind != Kind::Tensor && entry.kind != Kind::Generator) return;
  entry.kind = Kind::Disposed;
  Env::of(env).memory.remove(env, entry);
  // Moved out first: releasing a graph may run code that looks at this entry.
  const at::Tensor tensor = std::move(entry.tensor);
  const at::Generator generator = std::move(entry.generator);
}

void escape(Entry& entry) noexcept {
  dispose(Env::current()->env, entry);
  // A collection may have given the entry back meanwhile.
  if (entry.kind == Kind::Disposed) entry.kind = Kind::Escaped;
}

}  // namespace tc
