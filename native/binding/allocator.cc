#include "binding/allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>

#include "binding/env.h"
#include "binding/kept_blocks.h"
#include "binding/room.h"
#include "binding/small_blocks.h"

namespace tc {
namespace {

constexpr size_t kLarge = size_t{64} << 20;
constexpr size_t kHugePage = size_t{2} << 20;
// Left to everything else in the process and on the machine.
constexpr int64_t kReserve = int64_t{256} << 20;

// Bytes of the large blocks that are alive. Memory counts as used only once it is written to, so what was granted and
// not yet written would be granted again.
std::atomic<int64_t> granted{0};

bool fits(size_t bytes) {
  const auto wanted = static_cast<int64_t>(std::min<uint64_t>(bytes, std::numeric_limits<int64_t>::max() / 2));
  const Room r = memory_room();
  const int64_t reserve = kReserve + r.total / 32;
  return wanted <= r.left - reserve && wanted <= r.total - reserve - granted;
}

c10::DeleterFnPtr base_deleter;

void free_block(void* memory) {
  if (memory != nullptr) {
    if (small_blocks::owns(memory)) return small_blocks::free(memory);
    if (const size_t bytes = malloc_usable_size(memory); bytes >= kLarge) granted -= static_cast<int64_t>(bytes);
  }
  base_deleter(memory);
}

// A step walks through seven arrays at once; with 4 KB pages a tenth of its time goes into finding their addresses.
c10::DataPtr allocate_huge_pages(size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kHugePage, bytes) != 0) return {};
  // Whole pages only, so that a tensor takes no more memory than it needs. Where the system has none, nothing happens.
  madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return {memory, memory, base_deleter, c10::Device(c10::kCPU)};
}

// Under AddressSanitizer each tensor has a block of malloc's, whose edges it watches.
#if defined(TORCH_CLIP_SANITIZE)
constexpr bool kPools = false;
#else
constexpr bool kPools = true;
#endif

class CpuAllocator final : public c10::Allocator {
 public:
  explicit CpuAllocator(c10::Allocator& base) : base_(base) { base_deleter = base.raw_deleter(); }

  c10::DataPtr allocate(size_t bytes) override {
    const bool pools = kPools && !profiles_memory.load(std::memory_order_relaxed);
    if (pools && bytes > 0 && bytes <= small_blocks::kLargest) {
      void* block = small_blocks::allocate(bytes);
      return {block, block, small_blocks::free, c10::Device(c10::kCPU)};
    }
    if (pools && bytes > 0 && bytes < kHugePage) {
      if (void* block = kept_blocks::allocate(bytes)) {
        return {block, block, kept_blocks::free, c10::Device(c10::kCPU)};
      }
    }
    if (bytes >= kLarge && !fits(bytes)) {
      if (const Env* state = Env::current()) state->call(state->collector);
      TORCH_CHECK_WITH(OutOfMemoryError, fits(bytes), "not enough memory: ", bytes, " bytes were asked for, and about ",
                       std::max<int64_t>(0, std::min(memory_room().left, memory_room().total - granted)), " are free");
    }
    c10::DataPtr block = pools && bytes >= kHugePage ? allocate_huge_pages(bytes) : c10::DataPtr{};
    if (!block) block = base_.allocate(bytes);
    if (bytes > 0) {
      if (const size_t usable = malloc_usable_size(block.get()); usable >= kLarge) {
        granted += static_cast<int64_t>(usable);
        TORCH_INTERNAL_ASSERT(block.compare_exchange_deleter(base_deleter, free_block));
      }
    }
    return block;
  }
  // oneDNN asks for memory without its deleter, and gives it back through this.
  c10::DeleterFnPtr raw_deleter() const override { return free_block; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { base_.copy_data(to, from, bytes); }

 private:
  c10::Allocator& base_;
};

}  // namespace

void install_allocator() {
  static std::once_flag once;
  std::call_once(once, [] {
    static CpuAllocator allocator(*c10::GetCPUAllocator());
    c10::SetCPUAllocator(&allocator, 1);
  });
}

}  // namespace tc
