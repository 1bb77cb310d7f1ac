// Tensor handles: an External that points at a slot, with a basic finalizer that runs inside the garbage collection.
// A pointer is believed only when it lies in one of the pool's slabs, so a foreign External is refused, not read.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <cstdint>
#include <unordered_map>
#include <unordered_set>

namespace tc {

enum class Kind : uint8_t { Free, Tensor, Generator, Disposed };

struct Slot {
  at::Tensor tensor;
  at::Generator generator;
  const void* storage = nullptr;  // what Memory counts for this slot
  Slot* next = nullptr;           // in the free list
  Kind kind = Kind::Free;
};

class HandlePool {
 public:
  static constexpr size_t kSlabBytes = size_t{1} << 16;

  HandlePool() = default;
  ~HandlePool();
  HandlePool(const HandlePool&) = delete;
  HandlePool& operator=(const HandlePool&) = delete;

  Slot* acquire();
  void release(Slot* slot) noexcept;
  // Null unless p is a slot of this pool.
  Slot* find(void* p) const noexcept;
  int64_t live() const noexcept { return live_; }
  // The environment is gone: the pool deletes itself with its last handle.
  static void close(HandlePool* pool) noexcept;

 private:
  struct Slab;
  std::unordered_set<Slab*> slabs_;
  mutable Slab* last_ = nullptr;
  Slot* free_ = nullptr;
  int64_t live_ = 0;
  bool closed_ = false;
};

// Tells the collector how many bytes the handles keep alive: once a storage, not once a view.
class Memory {
 public:
  void add(napi_env env, Slot& slot);
  void remove(napi_env env, Slot& slot) noexcept;
  int64_t bytes() const noexcept { return bytes_; }

 private:
  void report(napi_env env, int64_t delta) noexcept;
  struct Count {
    int64_t handles;
    int64_t bytes;
  };
  std::unordered_map<const void*, Count> storages_;
  int64_t bytes_ = 0;
  int64_t unreported_ = 0;
};

napi_value wrap(napi_env env, at::Tensor tensor);  // null for an undefined tensor
napi_value wrap(napi_env env, at::Generator generator);

// Throw ERR_ARGUMENT for what is no handle of this kind and ERR_DISPOSED for a disposed one.
const at::Tensor& unwrap(napi_env env, napi_value handle);
const at::Generator& unwrap_generator(napi_env env, napi_value handle);

// Null for anything that is not a handle of this environment.
Slot* slot_of(napi_env env, napi_value handle) noexcept;
void dispose(napi_env env, Slot& slot) noexcept;

}  // namespace tc
