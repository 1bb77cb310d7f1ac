#include "optim/cuda/mirror.h"

#include <memory>
#include <mutex>
#include <vector>

namespace tc::optim::cuda {
namespace {

// Memory that is both pinned and mapped is only given back after everything on the device is done, and the collector,
// which destroys optimizers, would wait for that. So the mirrors of the process share pages that are never given back.
class Pages {
 public:
  volatile int64_t* take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) add_page();
    volatile int64_t* const slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(volatile int64_t* slot) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);  // There is room: add_page has made it.
  }
  int64_t next_tag() {
    const std::lock_guard lock(mutex_);
    return ++last_tag_ << kTagShift;
  }

  static constexpr int kTagShift = 32;

 private:
  static constexpr size_t kSlots = 512;

  void add_page() {
    // Another thread may be capturing, which an allocation would end.
    const c10::cuda::CUDAStreamCaptureModeGuard relaxed(cudaStreamCaptureModeRelaxed);
    void* page = nullptr;
    C10_CUDA_CHECK(cudaHostAlloc(&page, kSlots * sizeof(int64_t), cudaHostAllocMapped | cudaHostAllocPortable));
    total_ += kSlots;
    free_.reserve(total_);
    for (size_t i = 0; i < kSlots; ++i) free_.push_back(static_cast<volatile int64_t*>(page) + i);
  }

  std::mutex mutex_;
  std::vector<volatile int64_t*> free_;
  size_t total_ = 0;
  int64_t last_tag_ = 0;
};

Pages& pages() {
  static Pages& all = *std::make_unique<Pages>().release();
  return all;
}

}  // namespace

// A step may still be under way when its optimizer is destroyed, and write to a slot that is another one's by then. So
// each count bears the mark of its mirror.
Mirror::Mirror() : memory_(pages().take()), tag_(pages().next_tag()) {
  void* address = nullptr;
  C10_CUDA_CHECK(cudaHostGetDevicePointer(&address, const_cast<int64_t*>(memory_), 0));
  on_device_ = static_cast<volatile int64_t*>(address);
  write(0);
}

Mirror::~Mirror() { pages().give_back(memory_); }

int64_t Mirror::read() const {
  const int64_t value = *memory_;
  return (value >> Pages::kTagShift) == (tag_ >> Pages::kTagShift) ? value - tag_ : 0;
}

void Mirror::write(int64_t count) { *memory_ = tag_ + count; }

}  // namespace tc::optim::cuda
