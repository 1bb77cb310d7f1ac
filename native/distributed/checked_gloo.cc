#include "distributed/checked_gloo.h"

#include <c10/core/ScalarType.h>

#include <array>

#include "distributed/exchange.h"

namespace tc::distributed {
namespace {

using Tensors = CheckedGloo::Tensors;

// FNV-1a (Fowler, Noll and Vo).
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash ^ (hash >> 32);
}

std::string size_of(const at::Tensor& t) {
  return std::to_string(t.numel()) + (t.numel() == 1 ? " element of " : " elements of ") +
         std::string(c10::getDtypeNames(t.scalar_type()).first);
}
// What only moves memory may take it for something else.
std::string memory_of(const at::Tensor& t) { return std::to_string(t.nbytes()) + " bytes"; }

std::string_view name_of(const c10d::ReduceOp& op) {
  constexpr std::array<std::string_view, 9> kNames{"sum",  "avg", "product", "min",       "max",
                                                   "band", "bor", "bxor",    "premul sum"};
  const auto index = size_t(op.op_);
  return index < kNames.size() ? kNames[index] : "another";
}

std::string reduction(const std::string& name, const at::Tensor& t, const c10d::ReduceOp& op) {
  return name + " of " + size_of(t) + ", " + std::string(name_of(op));
}

// Those that are not there are refused by Gloo itself.
bool on_host(const Tensors& tensors) { return !tensors.empty() && tensors[0].defined() && tensors[0].is_cpu(); }

std::string rank_of(int64_t rank) { return "rank " + std::to_string(rank); }

}  // namespace

CheckedGloo* CheckedGloo::of(const c10d::ProcessGroup& group) {
  try {
    return dynamic_cast<CheckedGloo*>(group.getBackend(c10d::ProcessGroup::BackendType::GLOO).get());
  } catch (const c10::Error&) {
    return nullptr;
  }
}

void CheckedGloo::require_same() const {
  if (comparison_) comparison_->require_same();
}

void CheckedGloo::leave() {
  if (!comparison_) return;
  comparison_->settle();
  if (comparison_->leave()) meeting_->let_go();
}

void CheckedGloo::compare() {
  if (getSize() > 1) comparison_ = Comparison::begin(meeting_, getRank(), getSize(), getOptions()->timeout);
}

void CheckedGloo::choose_channel(uint64_t place, std::string_view call) {
  // Calls under way at once have different places; two that differ in one place share a channel once in a million.
  collectiveCounter_ = uint32_t(place % (1 << 12)) << 20 | uint32_t(hash_of(call) % (1 << 20));
}

template <class Say, class Issue>
CheckedGloo::WorkPtr CheckedGloo::collective(bool on_host, const Say& say, const Issue& issue) {
  if (!comparison_) return issue();
  comparison_->require_same();
  const uint64_t place = comparison_->place();
  std::string call = outer_.empty() ? say() : std::string(outer_);
  choose_channel(place, call);
  const WorkPtr work = named(call, issue);
  // What is made of others ends with them.
  return comparison_->place() == place ? comparison_->follow(std::move(call), work, on_host) : work;
}

CheckedGloo::WorkPtr CheckedGloo::broadcast(Tensors& tensors, const c10d::BroadcastOptions& opts) {
  return collective(
      on_host(tensors), [&] { return "broadcast of " + memory_of(tensors[0]) + " from " + rank_of(opts.rootRank); },
      [&] { return ProcessGroupGloo::broadcast(tensors, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::allreduce(Tensors& tensors, const c10d::AllreduceOptions& opts) {
  return collective(
      on_host(tensors), [&] { return reduction("allReduce", tensors[0], opts.reduceOp); },
      [&] { return ProcessGroupGloo::allreduce(tensors, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::reduce(Tensors& tensors, const c10d::ReduceOptions& opts) {
  return collective(
      on_host(tensors),
      [&] { return reduction("reduce", tensors[0], opts.reduceOp) + ", to " + rank_of(opts.rootRank); },
      [&] { return ProcessGroupGloo::reduce(tensors, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::_reduce_scatter_base(at::Tensor& output, at::Tensor& input,
                                                       const c10d::ReduceScatterOptions& opts) {
  return collective(
      output.is_cpu(), [&] { return reduction("reduceScatterTensor", output, opts.reduceOp); },
      [&] { return ProcessGroupGloo::_reduce_scatter_base(output, input, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::_allgather_base(at::Tensor& output, at::Tensor& input,
                                                  const c10d::AllgatherOptions& opts) {
  return collective(
      input.is_cpu(), [&] { return "allGather of " + memory_of(input); },
      [&] { return ProcessGroupGloo::_allgather_base(output, input, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                                            const c10d::AllgatherOptions& opts) {
  return collective(
      on_host(inputs), [&] { return "allGather of " + memory_of(inputs[0]); },
      [&] { return ProcessGroupGloo::allgather(outputs, inputs, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::gather(std::vector<Tensors>& outputs, Tensors& inputs,
                                         const c10d::GatherOptions& opts) {
  return collective(
      on_host(inputs), [&] { return "gather of " + memory_of(inputs[0]) + " to " + rank_of(opts.rootRank); },
      [&] { return ProcessGroupGloo::gather(outputs, inputs, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                                          const c10d::ScatterOptions& opts) {
  return collective(
      on_host(outputs), [&] { return "scatter of " + memory_of(outputs[0]) + " from " + rank_of(opts.rootRank); },
      [&] { return ProcessGroupGloo::scatter(outputs, inputs, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::reduce_scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                                                 const c10d::ReduceScatterOptions& opts) {
  return collective(
      on_host(outputs), [&] { return reduction("reduceScatter", outputs[0], opts.reduceOp); },
      [&] { return ProcessGroupGloo::reduce_scatter(outputs, inputs, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::alltoall_base(at::Tensor& output, at::Tensor& input,
                                                std::vector<int64_t>& output_counts, std::vector<int64_t>& input_counts,
                                                const c10d::AllToAllOptions& opts) {
  const bool even = output_counts.empty() && input_counts.empty();
  return collective(
      input.is_cpu(), [&] { return "allToAll of " + (even ? memory_of(input) : "given shares"); },
      [&] { return ProcessGroupGloo::alltoall_base(output, input, output_counts, input_counts, opts); });
}

CheckedGloo::WorkPtr CheckedGloo::barrier(const c10d::BarrierOptions& opts) {
  return collective(true, [] { return std::string("barrier"); }, [&] { return ProcessGroupGloo::barrier(opts); });
}

void CheckedGloo::monitoredBarrier(const c10d::BarrierOptions& opts, bool wait_all_ranks) {
  // It sends messages, whose tags are beyond those of sharded optimizers.
  constexpr uint32_t kFirst = uint32_t{3} << 29;
  if (comparison_) {
    comparison_->require_same();
    collectiveCounter_ = kFirst + uint32_t(comparison_->place() % (1 << 28)) * 2;
  }
  ProcessGroupGloo::monitoredBarrier(opts, wait_all_ranks);
}

// Messages of another size have another tag. Those of sharded optimizers are agreed upon before.
int CheckedGloo::channel_of(const Tensors& tensors, int tag) const {
  if (!comparison_ || tag < 0 || tag >= kFirstExchangeTag || tensors.size() != 1) return tag;
  return int((uint64_t(tag) + hash_of(memory_of(tensors[0]))) % kFirstExchangeTag);
}

CheckedGloo::WorkPtr CheckedGloo::send(Tensors& tensors, int to, int tag) {
  const int channel = channel_of(tensors, tag);
  require_same();
  WorkPtr work = ProcessGroupGloo::send(tensors, to, channel);
  if (comparison_ && tag < kFirstExchangeTag) {
    comparison_->follow_message(getRank(), to, tag, "a message of " + memory_of(tensors[0]), work);
  }
  return work;
}

CheckedGloo::WorkPtr CheckedGloo::recv(Tensors& tensors, int from, int tag) {
  const int channel = channel_of(tensors, tag);
  require_same();
  WorkPtr work = ProcessGroupGloo::recv(tensors, from, channel);
  if (comparison_ && tag < kFirstExchangeTag) {
    comparison_->follow_message(from, getRank(), tag, "a message of " + memory_of(tensors[0]), work);
  }
  return work;
}

CheckedGloo::WorkPtr CheckedGloo::recvAnysource(Tensors& tensors, int tag) {
  const int channel = channel_of(tensors, tag);
  require_same();
  WorkPtr work = ProcessGroupGloo::recvAnysource(tensors, channel);
  if (comparison_) comparison_->follow_any(work);
  return work;
}

}  // namespace tc::distributed
