// The ranks of a process group as the engine's peers.
#pragma once

#include <memory>
#include <string>

#include "distributed/group.h"
#include "optim/peers.h"

namespace tc::distributed {

// `what` is who calls, in messages.
std::unique_ptr<optim::Peers> peers_of(std::shared_ptr<Group> group, std::string what);

}  // namespace tc::distributed
