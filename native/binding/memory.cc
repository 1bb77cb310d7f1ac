#include "binding/memory.h"

#include <ATen/SparseCsrTensorUtils.h>
#include <ATen/native/SparseTensorUtils.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>

#include "binding/func/wrapped.h"
#include "binding/handle.h"
#include "binding/room.h"
#include "binding/small_blocks.h"

namespace tc {
namespace {

// Of one kind of memory, in bytes of dropped tensors.
struct Patience {
  // V8 tolerates about this many bytes that it is told of.
  static constexpr double kOfCollector = 96 << 20;

  double full = kOfCollector;       // for which a full collection is worth its time
  double young = kOfCollector / 3;  // for which one of the young is

  int64_t weight(int64_t bytes) const {
    return full <= kOfCollector ? bytes : static_cast<int64_t>(static_cast<double>(bytes) * (kOfCollector / full));
  }
};

// Smaller ones are collected with the objects that hold them, whose number V8 knows.
constexpr int64_t kLargeStorage = 64 * 1024;

// Memory of the machine is shared with others, and what is written again soon is still in the cache.
Patience of_machine() {
  const auto total = static_cast<double>(memory_room().total);
  Patience patience;
  patience.full = std::max(patience.full, total / 64);
  return patience;
}

// A GPU's is this process's, and its allocator asks for a collection before it is used up (cuda/collection.cc).
Patience of_gpu(c10::Device device) {
  Patience patience;
  auto* const memory = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (memory == nullptr) return patience;
  const auto total = static_cast<double>(memory->getMemoryInfo(device.index()).second);
  patience.full = std::max(patience.full, total / 16);
  patience.young = patience.full / 4;
  return patience;
}

const Patience& patience_for(c10::Device device) {
  if (device.is_cpu()) {
    static const Patience machine = of_machine();
    return machine;
  }
  // By thread, as workers have tensors too.
  thread_local std::array<std::optional<Patience>, 16> gpus;
  auto& gpu = gpus[static_cast<size_t>(device.index()) % gpus.size()];
  if (!gpu) gpu = of_gpu(device);
  return *gpu;
}

// About what a tensor takes beside its elements: objects of libtorch, of ours, of the collector.
constexpr int64_t kHandleBytes = 256;
// Node-API is told in steps of this many bytes.
constexpr int64_t kReportStep = 256 * 1024;

// Tensors on "meta" have a size and no memory.
int64_t bytes_of(const c10::StorageImpl& storage) {
  return storage.device_type() == c10::kMeta ? 0 : static_cast<int64_t>(storage.nbytes());
}

// Of tensors that consist of others, or hold what cannot be looked at.
int64_t bytes_without_storage(const at::Tensor& t) {
  if (t.layout() == c10::kSparse) {
    const auto* sparse = at::sparse::get_sparse_impl(t);
    return static_cast<int64_t>(sparse->indices().nbytes() + sparse->values().nbytes());
  }
  if (at::sparse_csr::is_sparse_compressed(t)) {
    const auto* sparse = at::sparse_csr::get_sparse_csr_impl(t);
    return static_cast<int64_t>(sparse->compressed_indices().nbytes() + sparse->plain_indices().nbytes() +
                                sparse->values().nbytes());
  }
  return t.numel() * static_cast<int64_t>(t.dtype().itemsize());
}

c10::StorageImpl* storage_of(const at::Tensor& t) {
  return t.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl();
}

// Whether the deleter of the storage's memory was `from`; it is `to` then.
bool mark(c10::StorageImpl* storage, c10::DeleterFnPtr from, c10::DeleterFnPtr to) {
  return storage->_mutable_data_ptr_no_checks().compare_exchange_deleter(from, to);
}

}  // namespace

size_t StorageTable::home(const void* storage) const noexcept {
  // Fibonacci hashing; the low bits of an address are zero.
  return (reinterpret_cast<uintptr_t>(storage) * 0x9e3779b97f4a7c15u) >> (64 - std::countr_zero(capacity_));
}

StorageTable::Account* StorageTable::find(const void* storage) noexcept {
  if (capacity_ == 0) return nullptr;
  for (size_t i = home(storage);; i = (i + 1) & (capacity_ - 1)) {
    if (accounts_[i].storage == storage) return &accounts_[i];
    if (accounts_[i].storage == nullptr) return nullptr;
  }
}

StorageTable::Account& StorageTable::operator[](const void* storage) {
  if (2 * (size_ + 1) > capacity_) grow();
  size_t i = home(storage);
  while (accounts_[i].storage != nullptr && accounts_[i].storage != storage) i = (i + 1) & (capacity_ - 1);
  if (accounts_[i].storage == nullptr) {
    accounts_[i] = {storage};
    ++size_;
  }
  return accounts_[i];
}

void StorageTable::erase(Account* account) noexcept {
  // What follows without a gap moves up, so that no search ends early.
  size_t gap = static_cast<size_t>(account - accounts_.get());
  for (size_t i = (gap + 1) & (capacity_ - 1); accounts_[i].storage != nullptr; i = (i + 1) & (capacity_ - 1)) {
    const size_t from_home = (i - home(accounts_[i].storage)) & (capacity_ - 1);
    if (from_home < ((i - gap) & (capacity_ - 1))) continue;
    accounts_[gap] = accounts_[i];
    gap = i;
  }
  accounts_[gap] = {};
  --size_;
}

void StorageTable::grow() {
  const size_t before = std::exchange(capacity_, capacity_ == 0 ? 1024 : 2 * capacity_);
  const auto old = std::exchange(accounts_, std::make_unique<Account[]>(capacity_));
  size_ = 0;
  for (size_t i = 0; i < before; ++i) {
    if (old[i].storage != nullptr) (*this)[old[i].storage] = old[i];
  }
}

void Memory::count(napi_env env, int64_t bytes, int64_t weight, int64_t handles) noexcept {
  bytes_ += bytes;
  unreported_ += weight + handles * kHandleBytes;
  if (unreported_ < kReportStep && unreported_ > -kReportStep) return;
  int64_t total;
  // Cleared first: the call may collect garbage, whose finalizers come back here and must not report it again.
  napi_adjust_external_memory(env, std::exchange(unreported_, 0), &total);
}

int64_t Memory::weigh(const c10::StorageImpl& storage, int64_t added) {
  const int64_t size = bytes_of(storage);
  if (size < kLargeStorage) return size;
  const Patience& patience = patience_for(storage.device());
  if (added > 0) young_ += static_cast<double>(added) / patience.young;
  return patience.weight(size);
}

void Memory::add(napi_env env, Entry& entry) {
  int64_t bytes = 0, weight = 0;
  entry.storage = nullptr;
  entry.own_bytes = 0;
  // A wrapper keeps the memory of what it wraps.
  const at::Tensor& t = innermost(entry.tensor);
  if (t.has_storage()) {
    c10::StorageImpl* storage = storage_of(t);
    const int64_t size = bytes_of(*storage);
    entry.storage = storage;
    if (mark(storage, small_blocks::free, small_blocks::free_counted)) {
      entry.first = true;
      bytes = weight = entry.own_bytes = size;
    } else {
      list(storage);
      auto& account = storages_[storage];
      ++account.handles;
      bytes = size - std::exchange(account.bytes, size);
      if (bytes != 0) {
        weight = weigh(*storage, bytes);
        weight -= std::exchange(account.weight, weight);
      }
    }
    made_ += bytes;
  } else if (t.defined()) {
    bytes = weight = entry.own_bytes = bytes_without_storage(t);
  }
  count(env, bytes, weight, 1);
}

void Memory::remove(napi_env env, Entry& entry) noexcept {
  int64_t bytes = -std::exchange(entry.own_bytes, 0), weight = bytes;
  StorageTable::Account* account = nullptr;
  const void* storage = std::exchange(entry.storage, nullptr);
  if (std::exchange(entry.first, false)) {
    // The tensor may have another storage by now.
    const at::Tensor& t = innermost(entry.tensor);
    const bool same = t.has_storage() && storage_of(t) == storage;
    if (!same || !mark(storage_of(t), small_blocks::free_counted, small_blocks::free)) {
      account = storages_.find(storage);
      if (account != nullptr && std::exchange(account->first, false)) bytes = weight = 0;
    }
  } else if (storage != nullptr) {
    account = storages_.find(storage);
    if (account != nullptr) --account->handles;
  }
  if (account != nullptr && account->handles == 0 && !account->first) {
    bytes -= account->bytes;
    weight -= account->weight;
    storages_.erase(account);
  }
  count(env, bytes, weight, -1);
}

void Memory::list(c10::StorageImpl* storage) {
  if (!mark(storage, small_blocks::free_counted, small_blocks::free_listed)) return;
  auto& account = storages_[storage];
  account.first = true;
  account.bytes = account.weight = bytes_of(*storage);
}

void Memory::publish(const at::Tensor& t) {
  if (!t.has_storage()) return;
  c10::StorageImpl* storage = storage_of(t);
  list(storage);
  mark(storage, small_blocks::free, small_blocks::free_listed);
}

void Memory::update(napi_env env, Entry& entry) {
  remove(env, entry);
  // A storage that others have handles to may have been given a new block.
  const at::Tensor& t = innermost(entry.tensor);
  if (t.has_storage()) {
    c10::StorageImpl* storage = storage_of(t);
    if (storages_.find(storage) != nullptr) mark(storage, small_blocks::free, small_blocks::free_listed);
  }
  add(env, entry);
}

}  // namespace tc
