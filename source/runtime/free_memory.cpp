// What /proc and the control groups say of memory. A file that is not there, as on a system
// without control groups, bounds nothing.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/text.h"
#include "runtime/memory.h"

namespace octavo::runtime {

namespace {

constexpr size_t no_bound = SIZE_MAX / 2;

// The number of a file's first line; no_bound for "max" and for what cannot be read.
size_t number_in(const std::string& path) {
  std::ifstream file(path);
  size_t value = 0;
  return file >> value ? value : no_bound;
}

// The number behind a word at the beginning of a line: "inactive_file 4096", "MemAvailable: 1 kB".
size_t number_behind(const std::string& path, const std::string& word) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(word)) return std::strtoull(line.c_str() + word.size(), nullptr, 10);
  }
  return no_bound;
}

struct GroupFiles {
  const char *limit, *used, *reclaimable;
};
constexpr GroupFiles version_2{"/memory.max", "/memory.current", "inactive_file "};
constexpr GroupFiles version_1{"/memory.limit_in_bytes", "/memory.usage_in_bytes",
                               "total_inactive_file "};

// What a control group has left, its file cache that can be dropped included.
size_t free_in_group(const std::string& folder, const GroupFiles& files) {
  const size_t limit = number_in(folder + files.limit), used = number_in(folder + files.used);
  if (limit >= no_bound || used >= no_bound) return no_bound;
  size_t cache = number_behind(folder + "/memory.stat", files.reclaimable);
  if (cache >= no_bound) cache = 0;
  return limit - std::min(limit, used - std::min(used, cache));
}

// Of the group at `path` below `root` and of all that hold it. Within a container the path may be
// the outside's; the root is then the container's own group.
size_t free_in_groups(const std::string& root, std::string path, const GroupFiles& files) {
  size_t least = free_in_group(root, files);
  while (path.size() > 1) {
    least = std::min(least, free_in_group(root + path, files));
    path.resize(path.rfind('/'));
  }
  return least;
}

size_t free_in_control_groups() {
  size_t least = no_bound;
  std::ifstream groups("/proc/self/cgroup");  // "0::/path" or "7:memory:/path"
  for (std::string line; std::getline(groups, line);) {
    const size_t colon = line.find(':'), second = line.find(':', colon + 1);
    if (second == std::string::npos) continue;
    const std::string names = concat(",", line.substr(colon + 1, second - colon - 1), ",");
    const std::string path = line.substr(second + 1);
    if (names == ",,") {
      least = std::min(least, free_in_groups("/sys/fs/cgroup", path, version_2));
    } else if (names.find(",memory,") != std::string::npos) {
      least = std::min(least, free_in_groups("/sys/fs/cgroup/memory", path, version_1));
    }
  }
  return least;
}

}  // namespace

size_t free_memory_bytes() {
  size_t available = number_behind("/proc/meminfo", "MemAvailable:");
  if (available < no_bound) {
    available *= 1024;
  } else {
    const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) available = static_cast<size_t>(pages) * static_cast<size_t>(page);
  }
  return std::min(available, free_in_control_groups());
}

}  // namespace octavo::runtime
