#include "optim/partial_memory.h"

#include <ATen/ops/empty.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#include "error.h"

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

// What tells a storage in a region from every other is the function that lets go of it.
void let_go(void* region) { delete static_cast<std::shared_ptr<Region>*>(region); }

}  // namespace

std::vector<at::Tensor> partial_like(const std::vector<at::Tensor>& tensors) {
  int64_t bytes = 0;
  for (const at::Tensor& tensor : tensors) bytes += whole_pages(int64_t(tensor.nbytes()));
  const auto region = std::make_shared<Region>(bytes);
  std::vector<at::Tensor> partial;
  int64_t begin = 0;
  for (const at::Tensor& tensor : tensors) {
    auto owner = std::make_unique<std::shared_ptr<Region>>(region);
    c10::DataPtr data(region->data() + begin, owner.get(), let_go, c10::kCPU);
    static_cast<void>(owner.release());
    const c10::Storage storage(c10::Storage::use_byte_size_t(), tensor.nbytes(), std::move(data), nullptr, false);
    at::Tensor made = at::empty({0}, tensor.options().requires_grad(false));
    made.unsafeGetTensorImpl()->set_storage_keep_dtype(storage);
    made.unsafeGetTensorImpl()->set_sizes_contiguous(tensor.sizes());
    partial.push_back(std::move(made));
    begin += whole_pages(int64_t(tensor.nbytes()));
  }
  return partial;
}

bool is_partial(const at::Tensor& tensor) {
  return tensor.has_storage() && tensor.storage().data_ptr().get_deleter() == let_go;
}

void require_whole(const at::Tensor& tensor) {
  if (!is_partial(tensor)) return;
  throw Error("ERR_STATE",
              "each rank has a part of a fully sharded module's parameters and gradients: use optim.shard(optimizer), "
              "and clip inside of it");
}

void keep_only(const at::Tensor& tensor, Range reals) {
  const int64_t size = int64_t(tensor.element_size()) / (tensor.is_complex() ? 2 : 1);
  char* const data = static_cast<char*>(tensor.mutable_data_ptr());
  const auto give = [](char* begin, char* end) {
    // A refusal costs memory alone: nobody reads what is left there.
    if (begin < end) static_cast<void>(madvise(begin, size_t(end - begin), MADV_DONTNEED));
  };
  char* const end = data + whole_pages(int64_t(tensor.nbytes()));
  if (reals.length() == 0) return give(data, end);
  give(data, down(data + reals.begin * size));
  give(up(data + reals.end * size), end);
}

int64_t resident_bytes(const at::Tensor& tensor) {
  const int64_t pages = whole_pages(int64_t(tensor.nbytes())) / page();
  std::vector<unsigned char> there(size_t(pages), 0);
  if (pages == 0 || mincore(tensor.mutable_data_ptr(), size_t(pages * page()), there.data()) != 0) return 0;
  return page() * std::count_if(there.begin(), there.end(), [](unsigned char each) { return (each & 1) != 0; });
}

}  // namespace tc::optim
