// The C library's check of longjmp allows for one stack only.
#undef _FORTIFY_SOURCE
#include "optim/cuda/emulation/block.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace tc::optim::cuda::emulation {

Index thread_index, block_index, block_size, grid_size;
int devices = 1;
int stream = 0;
uint64_t launches = 0;
bool capturing = false;
std::vector<std::function<void()>> graph;

namespace {

constexpr size_t kStack = 256 * 1024;
constexpr size_t kGuard = 64 * 1024;

// A thread of the block, with a stack of its own, reused for one block after another.
struct Fiber {
  void* stack = nullptr;
  jmp_buf at;
  bool started = false, ended = true;
  std::optional<std::source_location> waits;
  Held held = Held::kBlock;  // by that barrier
};

std::mutex one_kernel;
std::vector<std::unique_ptr<Fiber>> fibers;
Fiber* current = nullptr;
jmp_buf scheduler;
Kernel kernel_of_launch;
const void* call_of_launch;

[[noreturn]] void fail(const char* what, const std::source_location& location) {
  std::fprintf(stderr, "emulated kernel, block %u of %u: %s: %s:%u, %s\n", block_index.x, grid_size.x, what,
               location.file_name(), location.line(), location.function_name());
  std::abort();
}

void leave() {
  if (_setjmp(current->at) == 0) _longjmp(scheduler, 1);
}

void serve() {
  for (;;) {
    kernel_of_launch(call_of_launch);
    current->ended = true;
    leave();
  }
}

// Runs until the thread's next barrier or its end. Jumping between stacks takes no system call.
__attribute__((noinline)) void resume(Fiber& fiber) {
  current = &fiber;
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.at, 1);
  fiber.started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack = {static_cast<char*>(fiber.stack) + kGuard, 0, kStack};
  context.uc_link = nullptr;
  makecontext(&context, serve, 0);
  setcontext(&context);
}

void make_fibers(size_t count) {
  while (fibers.size() < count) {
    auto fiber = std::make_unique<Fiber>();
    fiber->stack = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fiber->stack == MAP_FAILED || mprotect(fiber->stack, kGuard, PROT_NONE) != 0) throw std::bad_alloc();
    fibers.push_back(std::move(fiber));
  }
}

// The order in which blocks, and threads between barriers, take turns.
class Order {
 public:
  Order() {
    const char* const text = std::getenv("TORCH_CLIP_EMULATION_ORDER");
    const std::string_view name = text == nullptr ? "" : text;
    forward_ = name == "forward";
    backward_ = name == "backward";
    random_ = name.empty() ? launches : std::strtoull(text, nullptr, 10);
  }

  void arrange(std::vector<uint32_t>& turns) {
    if (forward_) return;
    if (backward_) return std::sort(turns.begin(), turns.end(), std::greater<>());
    for (size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[next() % i]);
  }

 private:
  // splitmix64
  uint64_t next() {
    uint64_t z = random_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  bool forward_, backward_;
  uint64_t random_;
};

// Lets the threads of this range go on if all of them wait at one barrier, of this kind.
bool release(uint32_t first, uint32_t last, Held held) {
  const Fiber* waiting = nullptr;
  bool ended = false, all = true;
  for (uint32_t t = first; t < last; ++t) {
    const Fiber& fiber = *fibers[t];
    ended = ended || fiber.ended;
    if (!fiber.waits || fiber.held != held) {
      all = false;
      continue;
    }
    if (waiting != nullptr && (waiting->waits->line() != fiber.waits->line() ||
                               std::string_view(waiting->waits->file_name()) != fiber.waits->file_name())) {
      fail("another thread waits at another barrier than the one at", *fiber.waits);
    }
    waiting = &fiber;
  }
  if (ended && waiting != nullptr) fail("a thread has ended where others wait", *waiting->waits);
  if (!all) return false;
  for (uint32_t t = first; t < last; ++t) fibers[t]->waits.reset();
  return true;
}

void run_block(std::vector<uint32_t>& turns, Order& order) {
  const uint32_t count = uint32_t(turns.size());
  for (const uint32_t t : turns) fibers[t]->ended = false;
  for (uint32_t ended = 0; ended < count;) {
    order.arrange(turns);
    for (const uint32_t t : turns) {
      Fiber& fiber = *fibers[t];
      if (fiber.ended || fiber.waits) continue;
      thread_index.x = t;
      resume(fiber);
      if (fiber.ended) ++ended;
    }
    bool released = release(0, count, Held::kBlock);
    for (uint32_t t = 0; t < count; t += kWarp)
      released = release(t, std::min(t + kWarp, count), Held::kWarp) || released;
    if (released || ended == count) continue;
    const auto waits = [](const auto& fiber) { return fiber->waits.has_value(); };
    fail("not all threads come to the barrier at", *(*std::find_if(fibers.begin(), fibers.end(), waits))->waits);
  }
}

}  // namespace

void run(int64_t blocks, int threads, Kernel kernel, const void* call) {
  if (blocks < 1) throw std::invalid_argument("CUDA refuses to start a kernel of no blocks");
  const std::lock_guard lock(one_kernel);
  ++launches;
  Order order;
  make_fibers(size_t(threads));
  kernel_of_launch = kernel;
  call_of_launch = call;
  block_size.x = unsigned(threads);
  grid_size.x = unsigned(blocks);
  std::vector<uint32_t> block_turns(static_cast<size_t>(blocks)), thread_turns(static_cast<size_t>(threads));
  std::iota(block_turns.begin(), block_turns.end(), 0);
  std::iota(thread_turns.begin(), thread_turns.end(), 0);
  order.arrange(block_turns);
  for (const uint32_t block : block_turns) {
    block_index.x = block;
    run_block(thread_turns, order);
  }
}

namespace {

// Worker threads have optimizers, too.
std::mutex of_blocks;
std::map<uint64_t, std::set<int>> blocks;
uint64_t last_block = 0;

}  // namespace

uint64_t remember() {
  const std::lock_guard lock(of_blocks);
  blocks[++last_block] = {stream};
  return last_block;
}
void use(uint64_t block) {
  const std::lock_guard lock(of_blocks);
  blocks.at(block).insert(stream);
}
void forget(uint64_t block) noexcept {
  const std::lock_guard lock(of_blocks);
  blocks.erase(block);
}
int64_t unknown() {
  const std::lock_guard lock(of_blocks);
  return std::count_if(blocks.begin(), blocks.end(), [](const auto& block) { return block.second.count(stream) == 0; });
}

void barrier(Held held, std::source_location location) {
  current->waits = location;
  current->held = held;
  leave();
}

}  // namespace tc::optim::cuda::emulation
