#include "binding/room.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tc {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

int64_t read_number(const fs::path& path, int64_t otherwise) {
  std::ifstream file(path);
  int64_t n;
  return file >> n ? n : otherwise;  // "max" is no number
}

// The number behind a word at the beginning of a line.
int64_t read_field(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string key; file >> key;) {
    int64_t n;
    if (key == name && file >> n) return n;
    std::getline(file, key);
  }
  return 0;
}

// How one version of control groups names its files.
struct Names {
  const char *limit, *used, *cache;
};
constexpr Names kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Names kVersion2{"memory.max", "memory.current", "inactive_file"};

// A group's limit holds for the groups below it as well. What the kernel keeps of files that are not in use it gives
// up.
void apply(Room& room, const fs::path& mount, const std::string& group, const Names& names) {
  std::error_code none;
  // In a container the path may be that of the host, where the mount shows the container's own group as its root.
  for (fs::path at = fs::path(group).relative_path();; at = at.parent_path()) {
    const fs::path folder = mount / at;
    const int64_t limit = read_number(folder / names.limit, kNone);
    // Version 1 writes the absence of a limit as a number near the largest.
    if (limit < kNone / 2) {
      const int64_t used = read_number(folder / names.used, 0) - read_field(folder / "memory.stat", names.cache);
      room.total = std::min(room.total, limit);
      room.left = std::min(room.left, limit - std::max<int64_t>(used, 0));
    }
    if (at.empty() || at == at.parent_path()) return;
  }
}

bool lists_memory(const std::string& controllers) {
  return ("," + controllers + ",").find(",memory,") != std::string::npos;
}

void apply_groups(Room& room, const fs::path& root) {
  const fs::path base = root / "sys/fs/cgroup";
  std::error_code none;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (lists_memory(controllers)) {
      apply(room, base / "memory", group, kVersion1);
    } else if (controllers.empty()) {
      apply(room, fs::exists(base / "unified", none) ? base / "unified" : base, group, kVersion2);
    }
  }
}

}  // namespace

Room memory_room(const std::string& root) {
  const fs::path at = root.empty() ? "/" : root;
  Room room;
  const int64_t total = read_field(at / "proc/meminfo", "MemTotal:"),
                left = read_field(at / "proc/meminfo", "MemAvailable:");
  if (total > 0) room = {total * 1024, left * 1024};
  apply_groups(room, at);
  rlimit own;
  if (getrlimit(RLIMIT_DATA, &own) == 0 && own.rlim_cur != RLIM_INFINITY) {
    room.total = std::min(room.total, static_cast<int64_t>(own.rlim_cur));
  }
  return room;
}

}  // namespace tc
