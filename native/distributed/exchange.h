// Averages between the ranks of a group, by messages from each to each: what one begins in a backward pass the others
// may begin later, and in another order, which a collective would not stand.
#pragma once

#include <memory>
#include <string>

#include "distributed/group.h"
#include "optim/peers.h"

namespace tc::distributed {

// Messages of other tags are those of send() and recv().
inline constexpr int32_t kFirstExchangeTag = int32_t{1} << 30;

// `what` is who calls, in messages.
std::unique_ptr<optim::Averaging> average(const std::shared_ptr<Group>& group, const std::string& what,
                                          const optim::Parts& parts, optim::Dtype dtype, int32_t channel);
std::unique_ptr<optim::Sending> spread(const std::shared_ptr<Group>& group, const std::string& what, optim::Parts parts,
                                       int32_t channel);

}  // namespace tc::distributed
