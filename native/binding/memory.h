// What the handles of an environment keep in memory, and what the collector is told of it.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <cstdint>
#include <memory>

namespace tc {

struct Entry;

// How many handles there are to each storage. A hash table with linear probing.
class StorageTable {
 public:
  struct Account {
    const void* storage = nullptr;
    int64_t handles = 0;
    int64_t bytes = 0;
    int64_t weight = 0;  // what the collector is told of them
    bool first = false;  // there is one more handle, the first
  };

  // A new one has no handles.
  Account& operator[](const void* storage);
  Account* find(const void* storage) noexcept;
  void erase(Account* account) noexcept;

 private:
  size_t home(const void* storage) const noexcept;
  void grow();

  std::unique_ptr<Account[]> accounts_;
  size_t capacity_ = 0;  // a power of two
  size_t size_ = 0;
};

// Counts each storage once, however many views it has. Most results of operators are small and never get a second
// handle; a table of all of them would miss the processor's caches at each operator. So the first handle to a small
// block accounts for it alone, and the block's deleter says so: `free` where no handle counts the block, `free_counted`
// where one does, `free_listed` where the table is to be asked.
//
// V8 runs a full collection for about every 100 MB that it is told of, which takes as long as computing them does, and
// longer where a GPU computes. So large amounts are under-reported to it. And since most tensors are dropped
// soon after they are made, the young ones are collected now and then, which takes a fraction of that time and leaves
// few for full collections.
class Memory {
 public:
  void add(napi_env env, Entry& entry);
  void remove(napi_env env, Entry& entry) noexcept;
  // The entry's tensor may have another storage than before, or the storage another size.
  void update(napi_env env, Entry& entry);
  // Before another thread sees the tensor: from now on the deleter of its block is only read.
  void publish(const at::Tensor& t);
  int64_t bytes() const noexcept { return bytes_; }
  // Bytes of the storages that came since collected().
  int64_t made() const noexcept { return made_; }
  void collected() noexcept { made_ = 0; }
  // Whether so much has been made since the last time that a collection of what is young is worth its time.
  bool take_turn() noexcept {
    const bool due = young_ >= 1;
    if (due) young_ = 0;
    return due;
  }

 private:
  // A storage that one handle accounts for gets an account.
  void list(c10::StorageImpl* storage);
  // What the collector is told of a storage that has got so many bytes.
  int64_t weigh(const c10::StorageImpl& storage, int64_t added);
  void count(napi_env env, int64_t bytes, int64_t weight, int64_t handles) noexcept;

  StorageTable storages_;
  int64_t bytes_ = 0;
  int64_t made_ = 0;
  int64_t unreported_ = 0;
  double young_ = 0;  // what was made, as a share of what one collection of the young is for
};

}  // namespace tc
