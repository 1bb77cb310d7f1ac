// What the handles of an environment keep in memory, and what the collector is told of it.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <cstdint>
#include <memory>

namespace tc {

struct Slot;

// How many handles there are to each storage. A hash table with linear probing: a small operator adds an entry and
// takes one out, and must not notice it.
class StorageTable {
 public:
  struct Entry {
    const void* storage = nullptr;
    int64_t handles = 0;
    int64_t bytes = 0;
  };

  // A new one has no handles.
  Entry& operator[](const void* storage);
  Entry* find(const void* storage) noexcept;
  void erase(Entry* entry) noexcept;

 private:
  size_t home(const void* storage) const noexcept;
  void grow();

  std::unique_ptr<Entry[]> entries_;
  size_t capacity_ = 0;  // a power of two
  size_t size_ = 0;
};

// Counts each storage once, however many views it has.
class Memory {
 public:
  void add(napi_env env, Slot& slot);
  void remove(napi_env env, Slot& slot) noexcept;
  // The slot's tensor may have another storage than before, or the storage another size.
  void update(napi_env env, Slot& slot);
  int64_t bytes() const noexcept { return bytes_; }
  // Bytes of the storages that came since collected().
  int64_t made() const noexcept { return made_; }
  void collected() noexcept { made_ = 0; }

 private:
  void count(napi_env env, int64_t bytes, int64_t handles) noexcept;

  StorageTable storages_;
  int64_t bytes_ = 0;
  int64_t made_ = 0;
  int64_t unreported_ = 0;
};

}  // namespace tc
