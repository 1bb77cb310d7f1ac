#include "binding/small_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_set>
#include <utility>

namespace tc::small_blocks {
namespace {

constexpr size_t kSmallest = 64;
constexpr size_t kClasses = 7;  // 64, 128, ... 4096
static_assert(kSmallest << (kClasses - 1) == kLargest);
constexpr size_t kSlabBytes = size_t{1} << 16;

struct Block {
  Block* next;
};

// A slab is aligned to its size: a block's address gives the slab, which names the class.
struct Slab {
  size_t size_class;
};

uintptr_t slab_of(const void* block) { return reinterpret_cast<uintptr_t>(block) & ~(kSlabBytes - 1); }

size_t class_of(size_t bytes) { return std::bit_width((std::max(bytes, kSmallest) - 1) / kSmallest); }
constexpr size_t bytes_of(size_t size_class) { return kSmallest << size_class; }

struct List {
  Block* head = nullptr;
  size_t length = 0;

  void push(Block* block) {
    block->next = head;
    head = block;
    ++length;
  }
  Block* pop() {
    Block* block = head;
    head = block->next;
    --length;
    return block;
  }
};

// What threads hand to one another. Slabs are never returned: their number is bounded by the most blocks alive at once.
class Exchange {
 public:
  void give(size_t size_class, List& from, size_t count) {
    std::lock_guard lock(mutex_);
    while (count-- > 0) lists_[size_class].push(from.pop());
  }

  void fill(size_t size_class, List& to) {
    std::lock_guard lock(mutex_);
    List& list = lists_[size_class];
    for (size_t i = 0; i < 64 && list.length > 0; ++i) to.push(list.pop());
    if (to.length == 0) carve(size_class, to);
  }

  bool owns(const void* memory) {
    std::lock_guard lock(mutex_);
    return slabs_.contains(slab_of(memory));
  }

 private:
  void carve(size_t size_class, List& to) {
    auto* memory = static_cast<std::byte*>(::operator new(kSlabBytes, std::align_val_t{kSlabBytes}));
    auto* slab = std::construct_at(reinterpret_cast<Slab*>(memory), Slab{size_class});
    slabs_.insert(slab_of(slab));
    const size_t size = bytes_of(slab->size_class);
    // The slab's header takes up the first block. Backwards, so that blocks are handed out in rising order.
    for (size_t at = kSlabBytes - size; at >= size; at -= size) to.push(reinterpret_cast<Block*>(memory + at));
  }

  std::mutex mutex_;
  std::array<List, kClasses> lists_;
  std::unordered_set<uintptr_t> slabs_;
};

Exchange& exchange() {
  // Never destroyed: threads may still free while statics go.
  static Exchange& instance = *std::make_unique<Exchange>().release();
  return instance;
}

struct Cache {
  // 32 MB a class at most before blocks are offered to the other threads.
  static constexpr size_t kMostBytes = size_t{32} << 20;

  std::array<List, kClasses> lists;
  ~Cache() {
    for (size_t c = 0; c < kClasses; ++c) exchange().give(c, lists[c], lists[c].length);
  }
};

thread_local Cache cache;

}  // namespace

void* allocate(size_t bytes) {
  const size_t c = class_of(bytes);
  List& list = cache.lists[c];
  if (list.head == nullptr) exchange().fill(c, list);
  return list.pop();
}

void free(void* block) noexcept {
  const size_t c = reinterpret_cast<const Slab*>(slab_of(block))->size_class;
  List& list = cache.lists[c];
  list.push(static_cast<Block*>(block));
  if (list.length * bytes_of(c) > Cache::kMostBytes) exchange().give(c, list, list.length / 2);
}

void free_counted(void* block) noexcept { free(block); }
void free_listed(void* block) noexcept { free(block); }

bool owns(const void* memory) { return exchange().owns(memory); }

}  // namespace tc::small_blocks
