#include "binding/func/layers.h"

#include <ATen/core/grad_mode.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/env.h"
#include "binding/error.h"
#include "binding/func/wrapped.h"
#include "binding/hooks.h"

namespace tc {
namespace {

namespace ft = at::functorch;

// libtorch has 64 levels of batched tensors.
constexpr size_t kMaxDepth = 48;

// A handle whose tensor is wrapped, while its entry holds that tensor.
struct Made {
  Entry* entry;
  uint32_t use;
};

// Of one transform that this thread is inside of.
struct Frame {
  uint64_t number;  // by the order of entering
  size_t made;      // how many handles had been noted before
};

struct Thread {
  std::vector<Frame> frames;
  std::vector<Made> made;
  size_t next_sweep = 1024;
  size_t fixed = 0;  // so many of the handles are left alone while stepped below their transform
  uint64_t entered = 0;
};
thread_local Thread of_thread;

bool holds(const Made& m) { return m.entry->use == m.use && m.entry->kind == Kind::Tensor; }

// Drops what is gone already from the handles of the innermost transform.
void sweep() {
  auto& made = of_thread.made;
  const size_t start = std::max(of_thread.frames.back().made, of_thread.fixed);
  const auto first = made.begin() + static_cast<std::ptrdiff_t>(start);
  made.erase(std::remove_if(first, made.end(), [](const Made& m) { return !holds(m); }), made.end());
  of_thread.next_sweep = std::max<size_t>(1024, 2 * made.size());
}

// The handles that were made inside of the transform that has just ended: batched ones have no meaning any more,
// tracking ones are their values.
void end_handles(const Frame& frame, int64_t level) noexcept {
  auto& made = of_thread.made;
  size_t kept = frame.made;
  for (size_t i = frame.made; i < made.size(); ++i) {
    const Made m = made[i];
    if (!holds(m)) continue;
    const at::Tensor value = without_ended(m.entry->tensor);
    if (level_of(value) >= level) {
      escape(*m.entry);
      continue;
    }
    if (m.entry->weak_hooks) hold_hooks(Env::current()->env, *m.entry);
    m.entry->tensor = value;
    if (is_wrapped(value)) made[kept++] = m;
  }
  made.resize(kept, Made{nullptr, 0});
}

// A libtorch that knows nothing of inference mode around transforms takes an argument less.
template <class Type>
int64_t push(Type type, const std::optional<c10::SymInt>& size, std::optional<ft::RandomnessType> randomness,
             std::optional<bool> grad_mode, std::optional<bool> fw_grad_mode, std::optional<bool> inference_mode) {
  if constexpr (requires {
                  ft::initAndPushDynamicLayer(type, size, randomness, grad_mode, fw_grad_mode, std::nullopt,
                                              inference_mode);
                }) {
    return ft::initAndPushDynamicLayer(type, size, randomness, grad_mode, fw_grad_mode, std::nullopt, inference_mode);
  } else {
    return ft::initAndPushDynamicLayer(type, size, randomness, grad_mode, fw_grad_mode, std::nullopt);
  }
}

}  // namespace

int64_t depth_of_transforms() { return static_cast<int64_t>(of_thread.frames.size()); }
uint64_t transforms_entered() { return of_thread.entered; }

void check_current(const at::Tensor& t, uint64_t entered) {
  const int64_t level = level_of(t);
  if (level == 0) return;
  const auto& frames = of_thread.frames;
  const auto index = static_cast<size_t>(level - 1);
  if (index < frames.size() && frames[index].number <= entered) return;
  throw Error("ERR_STATE", kEscaped);
}

void note(Entry& entry) {
  auto& made = of_thread.made;
  if (of_thread.frames.empty()) return;
  if (made.size() >= of_thread.next_sweep) sweep();
  made.push_back({&entry, entry.use});
}

Layer::Layer(Kind kind, std::optional<int64_t> size, std::optional<Randomness> randomness)
    : before_(c10::AutogradState::get_tls_state()) {
  if (of_thread.frames.size() >= kMaxDepth) {
    throw Error("ERR_STATE", "transforms can be nested " + std::to_string(kMaxDepth) + " deep at most");
  }
  const bool inference = c10::InferenceMode::is_enabled();
  const bool differentiates = kind != Kind::Vmap;
  const auto type = kind == Kind::Vmap   ? ft::TransformType::Vmap
                    : kind == Kind::Grad ? ft::TransformType::Grad
                                         : ft::TransformType::Jvp;
  of_thread.frames.reserve(kMaxDepth);
  std::optional<c10::SymInt> batch;
  std::optional<ft::RandomnessType> draws;
  if (size.has_value()) batch.emplace(*size);
  if (randomness.has_value()) draws = static_cast<ft::RandomnessType>(*randomness);
  level_ = push(type, batch, draws, kind == Kind::Grad ? std::optional<bool>(before_.get_grad_mode()) : std::nullopt,
                kind == Kind::Jvp ? std::optional<bool>(before_.get_fw_grad_mode()) : std::nullopt,
                differentiates ? std::optional<bool>(inference) : std::nullopt);
  of_thread.frames.push_back({++of_thread.entered, of_thread.made.size()});
  try {
    auto& state = c10::AutogradState::get_tls_state();
    if (differentiates && inference) {
      recording_.emplace(false);
      // That set all modes; a transform changes its own alone.
      state.set_grad_mode(before_.get_grad_mode());
      state.set_fw_grad_mode(before_.get_fw_grad_mode());
      state.set_multithreading_enabled(before_.get_multithreading_enabled());
    }
    if (kind == Kind::Grad) state.set_grad_mode(true);
    if (kind == Kind::Jvp) {
      state.set_fw_grad_mode(true);
      dual_.emplace();
    }
  } catch (...) {
    leave();
    throw;
  }
}

Layer Layer::vmap(int64_t size, Randomness randomness) { return Layer(Kind::Vmap, size, randomness); }
Layer Layer::grad() { return Layer(Kind::Grad, std::nullopt, std::nullopt); }
Layer Layer::jvp() { return Layer(Kind::Jvp, std::nullopt, std::nullopt); }

Layer::~Layer() { leave(); }

void Layer::leave() noexcept {
  // The level ends before the layer that its tensors belong to.
  dual_.reset();
  recording_.reset();
  c10::AutogradState::set_tls_state(before_);
  ft::popDynamicLayerAndDeleteMetadata();
  const Frame frame = of_thread.frames.back();
  of_thread.frames.pop_back();
  end_handles(frame, level_);
}

struct BelowInnermost::Held {
  ft::DynamicLayer layer;
  Frame frame;
  size_t fixed;
};

BelowInnermost::BelowInnermost() {
  if (of_thread.frames.empty()) throw Error("ERR_INTERNAL", "there is no transform to step out of");
  held_ = std::make_unique<Held>(Held{ft::popDynamicLayer(), of_thread.frames.back(), of_thread.fixed});
  of_thread.frames.pop_back();
  of_thread.fixed = of_thread.made.size();
}

BelowInnermost::~BelowInnermost() {
  ft::pushDynamicLayer(std::move(held_->layer));
  of_thread.frames.push_back(held_->frame);
  of_thread.fixed = held_->fixed;
}

}  // namespace tc
