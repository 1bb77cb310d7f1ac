#include "ops/checked_kernels.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_ctc_loss_backward_cpu_dispatch.h>
#include <ATen/ops/_embedding_bag_backward_cpu_dispatch.h>
#include <ATen/ops/_embedding_bag_per_sample_weights_backward_cpu_dispatch.h>
#include <ATen/ops/_segment_reduce_backward_cpu_dispatch.h>
#include <ATen/ops/adaptive_max_pool2d_backward_cpu_dispatch.h>
#include <ATen/ops/adaptive_max_pool3d_backward_cpu_dispatch.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/embedding_backward_compositeimplicitautograd_dispatch.h>
#include <ATen/ops/embedding_dense_backward_cpu_dispatch.h>
#include <ATen/ops/fractional_max_pool2d_backward_cpu_dispatch.h>
#include <ATen/ops/fractional_max_pool3d_backward_cpu_dispatch.h>
#include <ATen/ops/full.h>
#include <ATen/ops/grid_sampler_2d_backward_cpu_dispatch.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/max_pool2d_with_indices_backward_cpu_dispatch.h>
#include <ATen/ops/max_pool3d_with_indices_backward_cpu_dispatch.h>
#include <ATen/ops/where.h>
#include <c10/util/Exception.h>
#include <c10/util/string_view.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "binding/error.h"
#include "binding/func/wrapped.h"

namespace tc {
namespace {

using at::IntArrayRef;
using at::Tensor;

// What a graph has saved is not always what it gets back: hooks may unpack other values, and JavaScript may write to
// memory that it shares.
constexpr const char* kUnchanged = "nothing may change them after the forward pass";

[[noreturn]] void refuse(const std::string& what, int64_t size, int64_t got, const char* rule) {
  throw Error("ERR_INDEX", "the " + what + " saved for the backward pass must be from 0 to " +
                               std::to_string(size - 1) + ", got " + std::to_string(got) + "; " + rule);
}

[[noreturn]] void refuse_sizes(const char* op) {
  throw Error("ERR_SHAPE", std::string("what ") + op + " saved for the backward pass must keep its sizes");
}

// Whether all integers are from 0 to size - 1: of `i` and `size - 1 - i`, one is negative for another. One pass without
// a branch, so that it costs little beside the op.
bool all_within(const int64_t* indices, int64_t count, int64_t size) {
  constexpr int64_t kGrain = 1 << 16;
  return at::parallel_reduce(
      0, count, kGrain, true,
      [=](int64_t begin, int64_t end, bool good) {
        uint64_t signs = 0;
        for (int64_t i = begin; i < end; ++i) {
          signs |=
              static_cast<uint64_t>(indices[i]) | (static_cast<uint64_t>(size - 1) - static_cast<uint64_t>(indices[i]));
        }
        return good && (signs >> 63) == 0;
      },
      std::logical_and<>());
}

void check_range(const std::string& what, const Tensor& given, int64_t size, const char* rule = kUnchanged) {
  if (given.numel() == 0 || !c10::isIntegralType(given.scalar_type(), false)) return;  // refused in time
  const Tensor wide = given.scalar_type() == at::kLong ? given : given.to(at::kLong);
  const Tensor dense = wide.is_non_overlapping_and_dense() ? wide : wide.contiguous();
  if (all_within(dense.const_data_ptr<int64_t>(), dense.numel(), size)) return;
  const auto [low, high] = at::aminmax(dense);
  const auto least = low.item<int64_t>();
  refuse(what, size, least < 0 ? least : high.item<int64_t>(), rule);
}

void check_pooled(const char* op, const Tensor& grad, const Tensor& input, const Tensor& indices, int64_t dims,
                  const char* rule = kUnchanged) {
  if (input.dim() < dims) return;  // refused in time
  if (indices.numel() != grad.numel()) refuse_sizes(op);
  int64_t size = 1;
  for (int64_t d = input.dim() - dims; d < input.dim(); ++d) size *= input.size(d);
  check_range("indices of " + std::string(op) + "()", indices, size, rule);
}

// Of a window whose positions are all in the padding, libtorch saves a place outside of the input.
const char* window_rule(IntArrayRef dilation) {
  const bool gaps = std::any_of(dilation.begin(), dilation.end(), [](int64_t d) { return d > 1; });
  return gaps ? "no window may lie in the padding alone, and nothing may change them after the forward pass"
              : kUnchanged;
}

Tensor max_pool2d_backward(const Tensor& grad, const Tensor& self, IntArrayRef kernel, IntArrayRef stride,
                           IntArrayRef padding, IntArrayRef dilation, bool ceil_mode, const Tensor& indices) {
  check_pooled("maxPool2d", grad, self, indices, 2, window_rule(dilation));
  return at::cpu::max_pool2d_with_indices_backward(grad, self, kernel, stride, padding, dilation, ceil_mode, indices);
}

Tensor max_pool3d_backward(const Tensor& grad, const Tensor& self, IntArrayRef kernel, IntArrayRef stride,
                           IntArrayRef padding, IntArrayRef dilation, bool ceil_mode, const Tensor& indices) {
  check_pooled("maxPool3d", grad, self, indices, 3, window_rule(dilation));
  return at::cpu::max_pool3d_with_indices_backward(grad, self, kernel, stride, padding, dilation, ceil_mode, indices);
}

Tensor adaptive_max_pool2d_backward(const Tensor& grad, const Tensor& self, const Tensor& indices) {
  check_pooled("adaptiveMaxPool2d", grad, self, indices, 2);
  return at::cpu::adaptive_max_pool2d_backward(grad, self, indices);
}

Tensor adaptive_max_pool3d_backward(const Tensor& grad, const Tensor& self, const Tensor& indices) {
  check_pooled("adaptiveMaxPool3d", grad, self, indices, 3);
  return at::cpu::adaptive_max_pool3d_backward(grad, self, indices);
}

Tensor fractional_max_pool2d_backward(const Tensor& grad, const Tensor& self, IntArrayRef kernel, IntArrayRef size,
                                      const Tensor& indices) {
  check_pooled("fractionalMaxPool2d", grad, self, indices, 2);
  return at::cpu::fractional_max_pool2d_backward(grad, self, kernel, size, indices);
}

Tensor fractional_max_pool3d_backward(const Tensor& grad, const Tensor& self, IntArrayRef kernel, IntArrayRef size,
                                      const Tensor& indices) {
  check_pooled("fractionalMaxPool3d", grad, self, indices, 3);
  return at::cpu::fractional_max_pool3d_backward(grad, self, kernel, size, indices);
}

const std::string kEmbedded = "indices of embedding()", kBagged = "indices of embeddingBag()";

Tensor embedding_dense_backward(const Tensor& grad, const Tensor& indices, int64_t rows, int64_t padding,
                                bool by_frequency) {
  check_range(kEmbedded, indices, rows);
  return at::cpu::embedding_dense_backward(grad, indices, rows, padding, by_frequency);
}

// Of the kernel for dense gradients above, and of none for sparse ones.
Tensor embedding_backward(const Tensor& grad, const Tensor& indices, c10::SymInt rows, c10::SymInt padding,
                          bool by_frequency, bool sparse) {
  if (sparse && indices.is_cpu() && !is_wrapped(indices)) check_range(kEmbedded, indices, rows.expect_int());
  return at::compositeimplicitautograd::embedding_backward_symint(grad, indices, std::move(rows), std::move(padding),
                                                                  by_frequency, sparse);
}

void check_bags(const Tensor& grad, const Tensor& indices, const Tensor& bags, int64_t rows) {
  check_range(kBagged, indices, rows);
  // Without them, libtorch makes them from the offsets.
  if (bags.numel() != 0 && bags.numel() != indices.numel()) refuse_sizes("embeddingBag");
  check_range("bags of embeddingBag()", bags, grad.size(0));
}

Tensor embedding_bag_backward(const Tensor& grad, const Tensor& indices, const Tensor& offsets, const Tensor& bags,
                              const Tensor& bag_size, const Tensor& largest, int64_t rows, bool by_frequency,
                              int64_t mode, bool sparse, const std::optional<Tensor>& weights, int64_t padding) {
  check_bags(grad, indices, bags, rows);
  if (bag_size.numel() != 0 && bag_size.numel() != grad.size(0)) refuse_sizes("embeddingBag");
  return at::cpu::_embedding_bag_backward(grad, indices, offsets, bags, bag_size, largest, rows, by_frequency, mode,
                                          sparse, weights, padding);
}

Tensor embedding_bag_weights_backward(const Tensor& grad, const Tensor& weight, const Tensor& indices,
                                      const Tensor& offsets, const Tensor& bags, int64_t mode, int64_t padding) {
  check_bags(grad, indices, bags, weight.size(0));
  return at::cpu::_embedding_bag_per_sample_weights_backward(grad, weight, indices, offsets, bags, mode, padding);
}

Tensor segment_reduce_backward(const Tensor& grad, const Tensor& output, const Tensor& data, std::string_view reduce,
                               const std::optional<Tensor>& lengths, const std::optional<Tensor>& offsets, int64_t axis,
                               const std::optional<at::Scalar>& initial) {
  const int64_t size = data.size(axis);
  if (lengths.has_value() && lengths->numel() > 0) {
    check_range("lengths of segmentReduce()", *lengths, size + 1);
    if (!lengths->sum(-1).eq(size).all().item<bool>()) refuse_sizes("segmentReduce");
  }
  if (offsets.has_value() && offsets->numel() > 0) {
    check_range("offsets of segmentReduce()", *offsets, size + 1);
    if (offsets->diff(1, -1).lt(0).any().item<bool>()) refuse_sizes("segmentReduce");
  }
  return at::cpu::_segment_reduce_backward(grad, output, data, reduce, lengths, offsets, axis, initial);
}

// The targets come as a copy, as JavaScript may write to theirs at any time.
void check_alignments(const Tensor& log_probs, const Tensor& targets, IntArrayRef input_lengths,
                      IntArrayRef target_lengths, const Tensor& losses, const Tensor& log_alpha) {
  const int64_t steps = log_probs.size(0), batch = log_probs.size(1), classes = log_probs.size(2);
  const auto lengths = static_cast<int64_t>(target_lengths.size());
  if (static_cast<int64_t>(input_lengths.size()) != batch || lengths != batch) refuse_sizes("ctcLoss");
  if (losses.numel() != batch || log_alpha.dim() != 3 || log_alpha.size(0) != batch) refuse_sizes("ctcLoss");
  const int64_t room = (log_alpha.size(2) - 1) / 2;
  int64_t start = 0;
  for (int64_t b = 0; b < batch; ++b) {
    if (input_lengths[b] < 0 || input_lengths[b] > std::min(steps, log_alpha.size(1))) refuse_sizes("ctcLoss");
    const int64_t length = target_lengths[b];
    const int64_t given = targets.dim() == 1 ? targets.size(0) - start : targets.size(1);
    if (length < 0 || length > std::min(room, given)) refuse_sizes("ctcLoss");
    check_range("targets of ctcLoss()",
                targets.dim() == 1 ? targets.narrow(0, start, length) : targets.select(0, b).narrow(0, 0, length),
                classes);
    start += length;
  }
}

Tensor ctc_loss_backward(const Tensor& grad, const Tensor& log_probs, const Tensor& targets, IntArrayRef input_lengths,
                         IntArrayRef target_lengths, const Tensor& losses, const Tensor& log_alpha, int64_t blank,
                         bool zero_infinity) {
  const Tensor own = targets.clone();
  check_alignments(log_probs, own, input_lengths, target_lengths, losses, log_alpha);
  return at::cpu::_ctc_loss_backward(grad, log_probs, own, input_lengths, target_lengths, losses, log_alpha, blank,
                                     zero_infinity);
}

// Of the padding modes, 0 takes what is outside for zeros.
constexpr int64_t kBorder = 1;

// libtorch's loop over several coordinates at a time clips NaN to the first pixel in the forward pass, but not in the
// backward pass. So what has no position among the pixels gets one outside of the edge where the forward pass saw it,
// which also makes its gradient 0. By reflection, infinities have none either, and come out as NaN.
Tensor with_positions(const Tensor& grid, const Tensor& input, int64_t padding) {
  // What overflows when it is multiplied by the size is lost as well.
  const Tensor scaled = grid.mul(static_cast<double>(2 * std::max(input.size(2), input.size(3))));
  const Tensor good = at::isfinite(scaled);
  if (good.all().item<bool>()) return grid;
  const Tensor edge = padding == kBorder ? at::where(scaled.gt(0), 2, -1) : at::full({}, -1, at::kLong);
  return at::where(good, grid, edge.to(grid.scalar_type()));
}

std::tuple<Tensor, Tensor> grid_sampler_2d_backward(const Tensor& grad, const Tensor& input, const Tensor& grid,
                                                    int64_t mode, int64_t padding, bool align_corners,
                                                    std::array<bool, 2> mask) {
  const Tensor positions = input.dim() == 4 && padding != 0 ? with_positions(grid, input, padding) : grid;
  return at::cpu::grid_sampler_2d_backward(grad, input, positions, mode, padding, align_corners, mask);
}

// libtorch says so where one of its kernels is replaced.
class Silence final : public c10::WarningHandler {
  void process(const c10::Warning&) override {}
};

}  // namespace

void install_checked_kernels() {
  static std::once_flag once;
  std::call_once(once, [] {
    Silence silence;
    const c10::WarningUtils::WarningHandlerGuard quiet(&silence);
    // Never destroyed: graphs may run until the process ends.
    const auto library_of = [](c10::DispatchKey key) -> torch::Library& {
      return *std::make_unique<torch::Library>(torch::Library::IMPL, "aten", key, __FILE__, __LINE__).release();
    };
    library_of(c10::DispatchKey::CompositeImplicitAutograd).impl("embedding_backward", TORCH_FN(embedding_backward));
    torch::Library& library = library_of(c10::DispatchKey::CPU);
    library.impl("max_pool2d_with_indices_backward", TORCH_FN(max_pool2d_backward));
    library.impl("max_pool3d_with_indices_backward", TORCH_FN(max_pool3d_backward));
    library.impl("adaptive_max_pool2d_backward", TORCH_FN(adaptive_max_pool2d_backward));
    library.impl("adaptive_max_pool3d_backward", TORCH_FN(adaptive_max_pool3d_backward));
    library.impl("fractional_max_pool2d_backward", TORCH_FN(fractional_max_pool2d_backward));
    library.impl("fractional_max_pool3d_backward", TORCH_FN(fractional_max_pool3d_backward));
    library.impl("embedding_dense_backward", TORCH_FN(embedding_dense_backward));
    library.impl("_embedding_bag_backward", TORCH_FN(embedding_bag_backward));
    library.impl("_embedding_bag_per_sample_weights_backward", TORCH_FN(embedding_bag_weights_backward));
    library.impl("_segment_reduce_backward", TORCH_FN(segment_reduce_backward));
    library.impl("_ctc_loss_backward", TORCH_FN(ctc_loss_backward));
    library.impl("grid_sampler_2d_backward", TORCH_FN(grid_sampler_2d_backward));
  });
}

}  // namespace tc
