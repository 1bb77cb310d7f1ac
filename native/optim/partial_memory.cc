#include "optim/partial_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <typeinfo>
#include <utility>

#include "error.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

int64_t page() {
  static const int64_t size = sysconf(_SC_PAGESIZE);
  return size;
}
int64_t whole_pages(int64_t bytes) { return (bytes + page() - 1) / page() * page(); }
char* up(char* at) { return reinterpret_cast<char*>(whole_pages(int64_t(reinterpret_cast<intptr_t>(at)))); }
char* down(char* at) { return at - reinterpret_cast<intptr_t>(at) % page(); }

class Region {
 public:
  explicit Region(int64_t bytes) : bytes_(std::max(bytes, page())) {
    void* const data =
        mmap(nullptr, size_t(bytes_), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<char*>(data);
  }
  ~Region() { munmap(data_, size_t(bytes_)); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  char* data() const { return data_; }

 private:
  int64_t bytes_;
  char* data_ = nullptr;
};

void let_go(void* region) { delete static_cast<std::shared_ptr<Region>*>(region); }

constexpr const char* kClosed =
    "a parameter or gradient of a fully sharded module is not whole here: use parameters in the module's forward pass, "
    "or between unshard() and reshard()";

class PartialStorage final : public c10::StorageImpl {
 public:
  PartialStorage(const std::shared_ptr<Region>& region, char* data, int64_t bytes, Range range)
      : c10::StorageImpl(
            use_byte_size_t(), bytes,
            c10::DataPtr(data, std::make_unique<std::shared_ptr<Region>>(region).release(), let_go, c10::kCPU), nullptr,
            false),
        kept(range),
        region_(region),
        memory_(data) {}

  char* memory() const { return memory_; }
  const std::shared_ptr<Region>& region() const { return region_; }
  bool is_closed() const { return closed_; }
  void close() {
    if (closed_) return;
    set_closed(*this);
    closed_ = true;
  }
  void open() {
    if (!closed_) return;
    set_open(*this);
    closed_ = false;
  }

  Range kept;

 private:
  // Before 2.13 libtorch's storages cannot be opened again, and stay open: what is not there then reads as zero.
  template <class S>
  static void set_closed(S& storage) {
    if constexpr (requires { storage.clear_data_ptr_access_error_msg_(); }) {
      storage.release_data_and_set_meta_custom_data_ptr_error_msg_(kClosed);
    }
  }
  template <class S>
  static void set_open(S& storage) {
    if constexpr (requires { storage.clear_data_ptr_access_error_msg_(); }) storage.clear_data_ptr_access_error_msg_();
  }

  std::shared_ptr<Region> region_;
  char* memory_;
  bool closed_ = false;
};

// Asked of every gradient that is clipped, so without a dynamic_cast, which takes several times as long.
PartialStorage* find(const at::Tensor& tensor) {
  if (!tensor.has_storage()) return nullptr;
  c10::StorageImpl& storage = *tensor.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl();
  return typeid(storage) == typeid(PartialStorage) ? static_cast<PartialStorage*>(&storage) : nullptr;
}
PartialStorage& of(const at::Tensor& tensor) {
  PartialStorage* const found = find(tensor);
  if (found == nullptr) throw Error("ERR_INTERNAL", "a tensor does not lie in a partial memory");
  return *found;
}

int64_t size_of_real(const at::Tensor& tensor) {
  return int64_t(tensor.element_size()) / (tensor.is_complex() ? 2 : 1);
}

}  // namespace

std::vector<at::Tensor> partial_like(const std::vector<at::Tensor>& tensors, const std::vector<Range>& kept) {
  int64_t bytes = 0;
  for (const at::Tensor& tensor : tensors) bytes += whole_pages(int64_t(tensor.nbytes()));
  const auto region = std::make_shared<Region>(bytes);
  std::vector<at::Tensor> partial;
  int64_t begin = 0;
  for (size_t k = 0; k < tensors.size(); ++k) {
    const at::Tensor& like = tensors[k];
    auto storage = c10::make_intrusive<PartialStorage>(region, region->data() + begin, int64_t(like.nbytes()), kept[k]);
    at::Tensor made = at::empty({0}, like.options().requires_grad(false));
    made.unsafeGetTensorImpl()->set_storage_keep_dtype(c10::Storage(storage));
    made.unsafeGetTensorImpl()->set_sizes_contiguous(like.sizes());
    storage->close();
    partial.push_back(std::move(made));
    begin += whole_pages(int64_t(like.nbytes()));
  }
  return partial;
}

bool is_partial(const at::Tensor& tensor) { return find(tensor) != nullptr; }

bool is_closed(const at::Tensor& tensor) {
  const PartialStorage* const storage = find(tensor);
  return storage != nullptr && storage->is_closed();
}

void require_whole(const at::Tensor& tensor) {
  if (!is_partial(tensor)) return;
  throw Error("ERR_STATE",
              "each rank has a part of a fully sharded module's parameters and gradients: use optim.shard(optimizer), "
              "and clip inside of it");
}

at::Tensor kept_part(const at::Tensor& tensor) {
  const PartialStorage& storage = of(tensor);
  char* const data = storage.memory() + storage.kept.begin * size_of_real(tensor);
  return at::from_blob(
      data, {storage.kept.length() / (tensor.is_complex() ? 2 : 1)}, [region = storage.region()](void*) {},
      tensor.options().requires_grad(false));
}

char* memory_of(const at::Tensor& tensor) { return of(tensor).memory(); }

void open(const at::Tensor& tensor) { of(tensor).open(); }

void keep_only(const at::Tensor& tensor, Range reals) {
  PartialStorage& storage = of(tensor);
  storage.close();
  storage.kept = reals;
  char* const data = storage.memory();
  const auto give = [](char* begin, char* end) {
    // A refusal costs memory alone: nobody reads what is left there.
    if (begin < end) static_cast<void>(madvise(begin, size_t(end - begin), MADV_DONTNEED));
  };
  char* const end = data + whole_pages(int64_t(tensor.nbytes()));
  if (reals.length() == 0) return give(data, end);
  give(data, down(data + reals.begin * size_of_real(tensor)));
  give(up(data + reals.end * size_of_real(tensor)), end);
}

int64_t resident_bytes(const at::Tensor& tensor) {
  const int64_t pages = whole_pages(int64_t(tensor.nbytes())) / page();
  std::vector<unsigned char> there(size_t(pages), 0);
  if (pages == 0 || mincore(memory_of(tensor), size_t(pages * page()), there.data()) != 0) return 0;
  return page() * std::count_if(there.begin(), there.end(), [](unsigned char each) { return (each & 1) != 0; });
}

void Opened::add(const at::Tensor& tensor) {
  PartialStorage* const storage = find(tensor);
  if (storage == nullptr || !storage->is_closed()) return;
  tensors_.push_back(tensor);
  storage->open();
}

void Opened::close() const {
  for (const at::Tensor& tensor : tensors_) {
    if (PartialStorage* const storage = find(tensor)) storage->close();
  }
}
void Opened::reopen() const {
  for (const at::Tensor& tensor : tensors_) {
    if (PartialStorage* const storage = find(tensor)) storage->open();
  }
}

}  // namespace tc::optim
