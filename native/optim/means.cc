#include "optim/means.h"

#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <map>

#include "optim/partial_memory.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

// A block is not ended before it has so many bytes, and so many chunks for each process.
constexpr int64_t kLeastBytes = int64_t{25} << 20;
constexpr int64_t kLeastChunks = 16;
constexpr int32_t kLongestRest = 1024;

const at::Tensor& grad_of(const Parameter& p) { return p.value.unsafeGetTensorImpl()->grad(); }

}  // namespace

void Means::divide(const std::deque<Parameter>& parameters, int processes, std::vector<size_t>& blocks) {
  struct Open {
    size_t number;
    int64_t reals = 0;
  };
  std::map<c10::ScalarType, Open> open;
  size_t next = blocks.empty() ? 0 : *std::max_element(blocks.begin(), blocks.end());
  const size_t none = next;
  for (size_t k = parameters.size(); k-- > 0;) {
    const at::Tensor& value = parameters[k].value;
    if (blocks[k] != none || is_partial(value)) continue;
    const int64_t size = int64_t(value.element_size()) / (value.is_complex() ? 2 : 1);
    const int64_t least = std::max(kLeastBytes / size, kLeastChunks * kChunk * processes);
    auto found = open.find(value.scalar_type());
    if (found == open.end() || found->second.reals >= least) {
      found = open.insert_or_assign(value.scalar_type(), Open{next++}).first;
    }
    blocks[k] = found->second.number;
    found->second.reals += reals(value);
  }
}

Means::Means(Peers& peers, const Shares& shares, std::deque<Parameter>& parameters, const std::vector<size_t>& blocks,
             int32_t first)
    : peers_(peers), shares_(shares), parameters_(parameters), progress_(parameters.size()), first_(first) {
  for (size_t k = 0; k < parameters.size(); ++k) {
    progress_[k].block = blocks[k];
    blocks_.resize(std::max(blocks_.size(), blocks[k] + 1));
    if (!is_partial(parameters[k].value)) blocks_[blocks[k]].parameters.push_back(k);
  }
}

Means::~Means() = default;

void Means::arrived(size_t parameter) {
  Progress& progress = progress_[parameter];
  Block& block = blocks_[progress.block];
  if (++progress.seen != progress.expected || !progress.present || block.waiting == 0 || --block.waiting > 0) return;
  std::vector<Read> read;
  for (const size_t k : block.parameters) {
    if (!progress_[k].present) continue;
    if (!readable(parameters_[k])) return;
    const at::Tensor& grad = grad_of(parameters_[k]);
    read.push_back({c10::weak_intrusive_ptr<c10::TensorImpl>(grad.getIntrusivePtr()),
                    c10::weak_intrusive_ptr<c10::StorageImpl>(grad.storage().getWeakStorageImpl()),
                    grad.const_data_ptr(), grad.unsafeGetTensorImpl()->version_counter().current_version()});
  }
  block.read = std::move(read);
  // A step says what is wrong with the other processes; a model whose group has gone still has its backward passes.
  try {
    block.begun = begin(progress.block);
  } catch (const std::exception&) {
    return;
  }
  block.begun->aside();
}

// Whether a step would read the gradient as it lies in memory, and whether changes of it are seen: memory that
// something else has as well, an array of JavaScript's for one, changes unseen.
bool Means::readable(const Parameter& p) const {
  const at::Tensor& grad = grad_of(p);
  return grad.defined() && !grad.is_inference() && grad.scalar_type() == p.dtype &&
         grad.sizes() == at::IntArrayRef(p.sizes) && lies_in(grad, p.layout) && grad.storage().resizable();
}

bool Means::unchanged(const Block& block) const {
  size_t next = 0;
  for (const size_t k : block.parameters) {
    if (!progress_[k].present) continue;
    // Of what a step that failed has begun for the others' sake nothing was noted.
    if (next == block.read.size()) return false;
    const Read& read = block.read[next++];
    const at::Tensor& grad = grad_of(parameters_[k]);
    if (!grad.defined() || grad.unsafeGetTensorImpl() != read.grad._unsafe_get_target() || !grad.has_storage() ||
        grad.storage().unsafeGetStorageImpl() != read.storage._unsafe_get_target() ||
        grad.unsafeGetTensorImpl()->version_counter().current_version() != read.version || !readable(parameters_[k]) ||
        grad.const_data_ptr() != read.data) {
      return false;
    }
  }
  return true;
}

// What the last step's processes had gradients for decides what is sent, as all of them know it.
std::unique_ptr<Averaging> Means::begin(size_t number) {
  const Block& block = blocks_[number];
  Parts parts(size_t(peers_.size()));
  for (const size_t k : block.parameters) {
    if (!progress_[k].present) continue;
    const Parameter& p = parameters_[k];
    const at::Tensor& grad = grad_of(p);
    // During a pass a copy is that of an earlier step.
    add_parts(parts, shares_, k, p.dtype,
              !grad.defined() ? nullptr : address(lies_in(grad, p.layout) ? grad : p.grad_copy));
  }
  const c10::ScalarType dtype = parameters_[block.parameters.front()].dtype;
  return peers_.average(parts, dtype_of(dtype), first_ + int32_t(number));
}

// Whether there is a gradient, of each parameter; then of each block whether it has begun, and whether that is no use.
std::vector<int32_t> Means::numbers() const {
  std::vector<int32_t> numbers;
  for (const Parameter& p : parameters_) numbers.push_back(grad_of(p).defined());
  for (const Block& block : blocks_) numbers.push_back(block.begun != nullptr);
  for (const Block& block : blocks_) numbers.push_back(block.begun != nullptr && !unchanged(block));
  return numbers;
}

bool Means::fill(const std::vector<int32_t>& agreed) {
  bool missing = false;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    Parameter& p = parameters_[k];
    if (agreed[k] == 0 || grad_of(p).defined()) continue;
    // As under DistributedDataParallel, whose buckets hold zeros for it.
    p.value.mutable_grad() = at::zeros_like(p.value);
    missing = true;
  }
  return missing;
}

void Means::take(const std::vector<int32_t>& agreed) {
  const int32_t* const begun = agreed.data() + parameters_.size();
  const int32_t* const changed = begun + blocks_.size();
  bool wasted = false;
  // Every process ends what one has begun. Those that have not begin it now, for the others' messages to find theirs.
  for (size_t b = 0; b < blocks_.size(); ++b) {
    if (begun[b] != 0 && blocks_[b].begun == nullptr) blocks_[b].begun = begin(b);
  }
  std::vector<size_t> again;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    Block& block = blocks_[b];
    const bool same = std::all_of(block.parameters.begin(), block.parameters.end(),
                                  [&](size_t k) { return progress_[k].present == (agreed[k] != 0); });
    for (const size_t k : block.parameters) progress_[k].present = agreed[k] != 0;
    if (begun[b] != 0) {
      const std::unique_ptr<Averaging> averaging = std::move(block.begun);
      if (same && changed[b] == 0) {
        ++used_;
        use(block, *averaging);
        continue;
      }
      averaging->finish();
      ++wasted_;
      wasted = true;
    }
    const auto present = [&](size_t k) { return progress_[k].present; };
    if (std::any_of(block.parameters.begin(), block.parameters.end(), present)) again.push_back(b);
  }
  // The rest, with the next one under way while one ends.
  std::unique_ptr<Averaging> next = again.empty() ? nullptr : begin(again.front());
  for (size_t i = 0; i < again.size(); ++i) {
    const std::unique_ptr<Averaging> averaging = std::move(next);
    if (i + 1 < again.size()) next = begin(again[i + 1]);
    use(blocks_[again[i]], *averaging);
  }
  if (rest_ > 0) --rest_;
  if (wasted) {
    rest_ = penalty_;
    penalty_ = std::min(2 * penalty_, kLongestRest);
  } else if (rest_ == 0) {
    penalty_ = std::max(penalty_ / 2, 1);
  }
  expect();
}

void Means::use(Block& block, Averaging& averaging) {
  at::Tensor means = averaging.finish();
  const c10::ScalarType dtype = parameters_[block.parameters.front()].dtype;
  if (c10::isComplexType(dtype)) means = means.view(dtype);
  int64_t at = 0;
  for (const size_t k : block.parameters) {
    if (!progress_[k].present) continue;
    Parameter& p = parameters_[k];
    const int64_t count = p.own->length() / (p.value.is_complex() ? 2 : 1);
    p.mean = means.narrow(0, at, count);
    at += count;
  }
}

void Means::drop() {
  for (Parameter& p : parameters_) p.mean.reset();
}

// The next step is taken to come after as many backward passes as this one.
void Means::expect() {
  for (Progress& each : progress_) each.expected = std::exchange(each.seen, 0);
  for (Block& block : blocks_) {
    block.read.clear();
    block.waiting = 0;
    const auto unheard = [&](size_t k) { return progress_[k].present && progress_[k].expected == 0; };
    if (rest_ > 0 || std::any_of(block.parameters.begin(), block.parameters.end(), unheard)) continue;
    for (const size_t k : block.parameters) block.waiting += progress_[k].present;
  }
}

}  // namespace tc::optim
