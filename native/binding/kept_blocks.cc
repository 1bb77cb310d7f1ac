#include "binding/kept_blocks.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>

#include "binding/small_blocks.h"

namespace tc::kept_blocks {
namespace {

constexpr size_t kAlignment = 64;
// Four sizes from each power of two to the next, so that a block is at most a quarter larger than its tensor.
constexpr size_t kFirst = std::bit_width(small_blocks::kLargest) - 1;
constexpr size_t kClasses = 4 * (std::bit_width(kLargest) - 1 - kFirst) + 1;
// What a thread keeps at most: more than the tensors of a step that fits the processor's caches.
constexpr size_t kMostBytes = size_t{32} << 20;

constexpr size_t bytes_of(size_t size_class) { return (4 + size_class % 4) << (kFirst + size_class / 4 - 2); }

// The largest class whose blocks have at most so many bytes.
constexpr size_t class_below(size_t bytes) {
  const size_t power = std::bit_width(bytes) - 1;
  return std::min(4 * (power - kFirst) + ((bytes >> (power - 2)) & 3), kClasses - 1);
}
static_assert(bytes_of(0) == small_blocks::kLargest && bytes_of(kClasses - 1) == kLargest);
static_assert(class_below(bytes_of(7)) == 7 && class_below(bytes_of(7) - 1) == 6);

struct Block {
  Block* next;
};

struct Cache {
  std::array<Block*, kClasses> heads{};
  std::array<size_t, kClasses> bytes{};
  size_t total = 0;

  void push(size_t size_class, void* memory) {
    auto* block = static_cast<Block*>(memory);
    block->next = heads[size_class];
    heads[size_class] = block;
    bytes[size_class] += bytes_of(size_class);
    total += bytes_of(size_class);
  }
  void* pop(size_t size_class) {
    Block* block = heads[size_class];
    if (block == nullptr) return nullptr;
    heads[size_class] = block->next;
    bytes[size_class] -= bytes_of(size_class);
    total -= bytes_of(size_class);
    return block;
  }
  void clear() {
    for (size_t c = 0; c < kClasses; ++c) {
      while (void* block = pop(c)) std::free(block);
    }
  }
  ~Cache() { clear(); }
};

thread_local Cache cache;

}  // namespace

void* allocate(size_t bytes) {
  const size_t c = class_below(bytes - 1) + 1;
  if (void* block = cache.pop(c)) return block;
  void* block = nullptr;
  if (posix_memalign(&block, kAlignment, bytes_of(c)) == 0) return block;
  cache.clear();
  return nullptr;
}

void free(void* block) noexcept {
  cache.push(class_below(malloc_usable_size(block)), block);
  if (cache.total <= kMostBytes) return;
  // Sizes that are no longer asked for make room.
  const auto most = std::max_element(cache.bytes.begin(), cache.bytes.end()) - cache.bytes.begin();
  std::free(cache.pop(static_cast<size_t>(most)));
}

}  // namespace tc::kept_blocks
