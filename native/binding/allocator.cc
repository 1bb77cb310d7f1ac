#include "binding/allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <fstream>
#include <limits>
#include <mutex>
#include <string>

#include "binding/env.h"
#include "binding/small_blocks.h"

namespace tc {
namespace {

constexpr size_t kLarge = size_t{1} << 30;
// Left to everything else in the process and on the machine.
constexpr int64_t kReserve = int64_t{256} << 20;

int64_t read_number(const char* path) {
  std::ifstream file(path);
  int64_t n;
  return file >> n ? n : std::numeric_limits<int64_t>::max();
}

int64_t available_bytes() {
  int64_t available = std::numeric_limits<int64_t>::max();
  std::ifstream meminfo("/proc/meminfo");
  for (std::string key; meminfo >> key;) {
    int64_t kilobytes;
    if (key == "MemAvailable:" && meminfo >> kilobytes) available = kilobytes * 1024;
    std::getline(meminfo, key);
  }
  const int64_t limit = read_number("/sys/fs/cgroup/memory.max");
  const int64_t used = read_number("/sys/fs/cgroup/memory.current");
  if (limit != std::numeric_limits<int64_t>::max() && used != std::numeric_limits<int64_t>::max()) {
    available = std::min(available, limit - used);
  }
  return available;
}

bool fits(size_t bytes) {
  const int64_t available = available_bytes();
  return available == std::numeric_limits<int64_t>::max() ||
         (available > kReserve && bytes <= static_cast<uint64_t>(available - kReserve));
}

c10::DeleterFnPtr base_deleter;

class CpuAllocator final : public c10::Allocator {
 public:
  explicit CpuAllocator(c10::Allocator& base) : base_(base) { base_deleter = base.raw_deleter(); }

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes > 0 && bytes <= small_blocks::kLargest) {
      void* block = small_blocks::allocate(bytes);
      return {block, block, small_blocks::free, c10::Device(c10::kCPU)};
    }
    if (bytes >= kLarge && !fits(bytes)) {
      if (const Env* state = Env::current()) state->call(state->collector);
      TORCH_CHECK_WITH(OutOfMemoryError, fits(bytes), "not enough memory: ", bytes, " bytes were asked for, and about ",
                       available_bytes(), " are free");
    }
    return base_.allocate(bytes);
  }
  // oneDNN asks for memory without its deleter, and gives it back through this.
  c10::DeleterFnPtr raw_deleter() const override {
    return [](void* memory) {
      if (small_blocks::owns(memory)) return small_blocks::free(memory);
      base_deleter(memory);
    };
  }
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
