// How much memory there is to be had: of the machine, of the control groups that the process is in, of its own limit.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace tc {

struct Room {
  int64_t total = std::numeric_limits<int64_t>::max();
  int64_t left = std::numeric_limits<int64_t>::max();
};

// `root` is where /proc and /sys are looked for, for tests.
Room memory_room(const std::string& root = "");

}  // namespace tc
