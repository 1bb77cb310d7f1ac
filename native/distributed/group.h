// Process groups.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <utility>

#include "binding/owning_object.h"

namespace tc::distributed {

// A group is destroyed only when JavaScript asks for it: the destructor of Gloo's waits for what is under way, which
// neither a collection nor the end of an environment may do.
struct Group {
  // Throws ERR_STATE after it is destroyed, and ERR_DISTRIBUTED after it is spoilt.
  c10::intrusive_ptr<c10d::ProcessGroup> live() const;
  bool destroyed() const;
  // From here on every call fails: the ranks no longer do the same, and would take each other's data for their own.
  void spoil();
  c10::intrusive_ptr<c10d::ProcessGroup> take();
  // The first of some channels for averages; all ranks reserve the same, in one order.
  int32_t reserve(int32_t channels) { return std::exchange(channels_, channels_ + channels); }

  std::string name;
  int rank = 0, size = 0;
  std::chrono::milliseconds timeout{0};

 private:
  friend std::shared_ptr<Group> make_group(c10::intrusive_ptr<c10d::ProcessGroup> group, std::string name,
                                           std::chrono::milliseconds timeout);
  mutable std::mutex mutex_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  bool spoilt_ = false;
  int32_t channels_ = 1;  // after optim::kModules
};

std::shared_ptr<Group> make_group(c10::intrusive_ptr<c10d::ProcessGroup> group, std::string name,
                                  std::chrono::milliseconds timeout);

struct GroupObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x633130645f677270};
  static constexpr const char* kNoun = "a process group";

  std::shared_ptr<Group> group;
};

std::shared_ptr<Group> group_of(napi_env env, napi_value value);

}  // namespace tc::distributed
