// What the handles of an environment keep in memory, and what the collector is told of it.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <cstdint>
#include <memory>

namespace tc {

struct Slot;

// How many handles there are to each storage. A hash table with linear probing.
class StorageTable {
 public:
  struct Entry {
    const void* storage = nullptr;
    int64_t handles = 0;
    int64_t bytes = 0;
    bool first = false;  // there is one more handle, the first
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

// Counts each storage once, however many views it has. Most results of operators are small and never get a second
// handle; a table of all of them would miss the processor's caches at each operator. So the first handle to a small
// block accounts for it alone, and the block's deleter says so: `free` where no handle counts the block, `free_counted`
// where one does, `free_listed` where the table is to be asked.
class Memory {
 public:
  void add(napi_env env, Slot& slot);
  void remove(napi_env env, Slot& slot) noexcept;
  // The slot's tensor may have another storage than before, or the storage another size.
  void update(napi_env env, Slot& slot);
  // Before another thread sees the tensor: from now on the deleter of its block is only read.
  void share(const at::Tensor& t);
  int64_t bytes() const noexcept { return bytes_; }
  // Bytes of the storages that came since collected().
  int64_t made() const noexcept { return made_; }
  void collected() noexcept { made_ = 0; }

 private:
  // A storage that one handle accounts for gets an entry of the table.
  void list(c10::StorageImpl* storage);
  void count(napi_env env, int64_t bytes, int64_t handles) noexcept;

  StorageTable storages_;
  int64_t bytes_ = 0;
  int64_t made_ = 0;
  int64_t unreported_ = 0;
};

}  // namespace tc
