// Tensor handles: JavaScript objects (Node-API externals) that carry the number of an entry of a pool. Whoever has a
// handle keeps its tensor: an argument of a native call is alive until the call returns, so a handle cannot go stale on
// its way in. Its basic finalizer runs inside the garbage collection and gives the entry back. A handle that names no
// live entry is refused, so no value from JavaScript is ever trusted as a pointer.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace tc {

// Escaped: emptied as the transform that its tensor belonged to has ended.
enum class Kind : uint8_t { Free, Tensor, Generator, Disposed, Escaped };

struct Entry {
  at::Tensor tensor;
  at::Generator generator;
  const void* storage = nullptr;  // the storage that Memory counts for this entry
  int64_t own_bytes = 0;          // bytes that this entry alone accounts for
  uint32_t id = 0;                // from 1; 0 is no handle
  uint32_t use = 0;               // counts the tensors that the entry has held
  Kind kind = Kind::Free;
  bool first = false;       // the first handle to its storage, which Memory keeps out of its table
  bool weak_hooks = false;  // hooks of the tensor are held weakly (hooks.h): must be repaired before use
};

struct Env;

class HandlePool {
 public:
  Env* owner = nullptr;  // null when the environment is gone

  HandlePool() = default;
  HandlePool(const HandlePool&) = delete;
  HandlePool& operator=(const HandlePool&) = delete;

  Entry& acquire();
  void release(Entry& entry) noexcept;
  // Null unless id names an entry of this pool.
  Entry* find(uint32_t id) const noexcept {
    const uint32_t i = id - 1;
    return i < size_ ? &slabs_[i / kSlab][i % kSlab] : nullptr;
  }
  int64_t live() const noexcept { return live_; }
  // The environment is gone: the pool deletes itself with its last handle.
  static void close(HandlePool* pool) noexcept;

 private:
  static constexpr uint32_t kSlab = 1024;
  std::vector<std::unique_ptr<Entry[]>> slabs_;
  std::vector<uint32_t> free_;
  uint32_t size_ = 0;
  int64_t live_ = 0;
  bool closed_ = false;
};

// A new handle; null for an undefined tensor.
napi_value wrap(napi_env env, at::Tensor tensor);
napi_value wrap(napi_env env, at::Generator generator);

// Throw ERR_ARGUMENT for what is no handle of this kind and ERR_DISPOSED for a disposed one. By value: a collection in
// the middle of an operator may release the handle.
at::Tensor unwrap(napi_env env, napi_value handle);
at::Generator unwrap_generator(napi_env env, napi_value handle);

// Null for anything that is not a handle of this environment.
Entry* entry_of(napi_env env, napi_value handle) noexcept;
void dispose(napi_env env, Entry& entry) noexcept;
void escape(Entry& entry) noexcept;
inline constexpr const char* kEscaped =
    "the tensor belongs to a transform of torch.func that has ended, and can no longer be used; return it from the "
    "function that is transformed";
// After a call that may have given the tensor other memory.
void recount(napi_env env, napi_value handle);

}  // namespace tc
