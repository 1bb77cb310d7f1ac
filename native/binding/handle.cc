#include "binding/handle.h"

#include <cstddef>
#include <memory>
#include <new>

#include "binding/env.h"
#include "binding/error.h"

// Part of every supported Node, but not of the node-api-headers package.
extern "C" NAPI_EXTERN napi_status NAPI_CDECL node_api_post_finalizer(node_api_basic_env env, napi_finalize finalize,
                                                                      void* data, void* hint);

namespace tc {

// Aligned to its own size, so that a slot's address gives its slab's.
struct alignas(HandlePool::kSlabBytes) HandlePool::Slab {
  static constexpr size_t kSlots = kSlabBytes / sizeof(Slot);
  Slot slots[kSlots];
};

Slot* HandlePool::acquire() {
  if (free_ == nullptr) {
    Slab* slab = std::make_unique<Slab>().release();
    slabs_.insert(slab);
    for (Slot& slot : slab->slots) {
      slot.next = free_;
      free_ = &slot;
    }
  }
  Slot* slot = free_;
  free_ = slot->next;
  ++live_;
  return slot;
}

void HandlePool::release(Slot* slot) noexcept {
  slot->kind = Kind::Free;
  slot->next = free_;
  free_ = slot;
  if (--live_ == 0 && closed_) std::default_delete<HandlePool>{}(this);
}

Slot* HandlePool::find(void* p) const noexcept {
  const auto address = reinterpret_cast<uintptr_t>(p);
  auto* slab = reinterpret_cast<Slab*>(address & ~(kSlabBytes - 1));
  if (slab != last_) {
    if (!slabs_.contains(slab)) return nullptr;
    last_ = slab;
  }
  const size_t offset = address - reinterpret_cast<uintptr_t>(slab->slots);
  if (offset % sizeof(Slot) != 0 || offset / sizeof(Slot) >= Slab::kSlots) return nullptr;
  return static_cast<Slot*>(p);
}

void HandlePool::close(HandlePool* pool) noexcept {
  pool->closed_ = true;
  if (pool->live_ == 0) std::default_delete<HandlePool>{}(pool);
}

HandlePool::~HandlePool() {
  for (Slab* slab : slabs_) std::default_delete<Slab>{}(slab);
}

namespace {
// Smaller storages are counted by the handle: a shared count would cost more than it tells.
constexpr int64_t kSharedFrom = 4096;
constexpr int64_t kHandleBytes = 256;
// Node-API is told in steps of this many bytes.
constexpr int64_t kReportStep = 256 * 1024;

void finalize(node_api_basic_env basic, void* data, void* hint) {
  auto* slot = static_cast<Slot*>(data);
  auto* pool = static_cast<HandlePool*>(hint);
  void* instance = nullptr;
  auto* env = const_cast<napi_env>(basic);
  const bool alive = napi_get_instance_data(basic, &instance) == napi_ok && instance != nullptr;
  if (!alive) {
    slot->tensor.reset();
    slot->generator = at::Generator();
    pool->release(slot);
    return;
  }
  auto& state = *static_cast<Env*>(instance);
  dispose(env, *slot);
  pool->release(slot);
  if (!state.sweep_posted && !state.graveyard->empty()) {
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
}

napi_value external(napi_env env, Env& state, Slot* slot) {
  napi_value handle;
  const napi_status status = napi_create_external(env, slot, finalize, state.pool, &handle);
  if (status != napi_ok) {
    dispose(env, *slot);
    state.pool->release(slot);
    check(env, status);
  }
  return handle;
}
}  // namespace

void Memory::report(napi_env env, int64_t delta) noexcept {
  bytes_ += delta;
  unreported_ += delta;
  if (unreported_ < kReportStep && unreported_ > -kReportStep) return;
  int64_t total;
  napi_adjust_external_memory(env, unreported_, &total);
  unreported_ = 0;
}

void Memory::add(napi_env env, Slot& slot) {
  int64_t delta = kHandleBytes;
  slot.storage = nullptr;
  if (slot.tensor.has_storage()) {
    const c10::StorageImpl* storage = slot.tensor.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl();
    const auto bytes = static_cast<int64_t>(storage->nbytes());
    if (bytes >= kSharedFrom) {
      auto [it, first] = storages_.try_emplace(storage, Count{0, bytes});
      ++it->second.handles;
      slot.storage = storage;
      if (first) delta += bytes;
    }
  }
  report(env, delta);
}

void Memory::remove(napi_env env, Slot& slot) noexcept {
  int64_t delta = -kHandleBytes;
  if (slot.storage != nullptr) {
    auto it = storages_.find(slot.storage);
    if (it != storages_.end() && --it->second.handles == 0) {
      delta -= it->second.bytes;
      storages_.erase(it);
    }
    slot.storage = nullptr;
  }
  report(env, delta);
}

napi_value wrap(napi_env env, at::Tensor tensor) {
  napi_value result;
  if (!tensor.defined()) {
    check(env, napi_get_null(env, &result));
    return result;
  }
  Env& state = Env::of(env);
  Slot* slot = state.pool->acquire();
  slot->tensor = std::move(tensor);
  slot->kind = Kind::Tensor;
  state.memory.add(env, *slot);
  return external(env, state, slot);
}

napi_value wrap(napi_env env, at::Generator generator) {
  Env& state = Env::of(env);
  Slot* slot = state.pool->acquire();
  slot->generator = std::move(generator);
  slot->kind = Kind::Generator;
  state.memory.add(env, *slot);
  return external(env, state, slot);
}

Slot* slot_of(napi_env env, napi_value handle) noexcept {
  void* p = nullptr;
  if (napi_get_value_external(env, handle, &p) != napi_ok) return nullptr;
  return Env::of(env).pool->find(p);
}

const at::Tensor& unwrap(napi_env env, napi_value handle) {
  Slot* slot = slot_of(env, handle);
  if (slot != nullptr && slot->kind == Kind::Tensor) [[likely]]
    return slot->tensor;
  if (slot != nullptr && slot->kind == Kind::Disposed) {
    throw Error("ERR_DISPOSED", "the tensor was disposed and can no longer be used");
  }
  throw Error("ERR_ARGUMENT", "a tensor of this environment was expected");
}

const at::Generator& unwrap_generator(napi_env env, napi_value handle) {
  Slot* slot = slot_of(env, handle);
  if (slot != nullptr && slot->kind == Kind::Generator) return slot->generator;
  throw Error("ERR_ARGUMENT", "a generator of this environment was expected");
}

void dispose(napi_env env, Slot& slot) noexcept {
  if (slot.kind != Kind::Tensor && slot.kind != Kind::Generator) return;
  slot.kind = Kind::Disposed;
  Env::of(env).memory.remove(env, slot);
  // Moved out first: releasing a graph may run code that looks at this slot.
  const at::Tensor tensor = std::move(slot.tensor);
  const at::Generator generator = std::move(slot.generator);
}

}  // namespace tc
