#include "evaluate/host.h"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/text.h"
#include "kernels/isa.h"

namespace octavo {

namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The text behind "key : " of /proc/cpuinfo or /proc/meminfo.
std::string proc_value(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

uint64_t proc_bytes(const std::string& path, const std::string& key) {
  return std::strtoull(proc_value(path, key).c_str(), nullptr, 10) * 1024;
}

std::vector<int> allowed_cpus() {
  std::vector<int> out;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  }
  return out;
}

}  // namespace

int physical_cores() {
  // Two hardware threads of one core share a (package, core) pair.
  std::set<std::string> cores;
  for (const int cpu : allowed_cpus()) {
    const std::string folder = concat("/sys/devices/system/cpu/cpu", cpu, "/topology/");
    const std::string core = first_line(folder + "core_id");
    cores.insert(core.empty() ? concat("cpu", cpu)
                              : concat(first_line(folder + "physical_package_id"), ":", core));
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

// Not getrusage's: that begins with the memory of whoever started this program.
uint64_t peak_resident_bytes() {
  return proc_bytes("/proc/self/status", "VmHWM");
}

Host host_facts() {
  Host host;
  host.cpu = proc_value("/proc/cpuinfo", "model name");
  if (host.cpu.empty()) host.cpu = "unknown";
  host.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  struct utsname name {};
  if (uname(&name) == 0) host.kernel = concat(name.sysname, " ", name.release, " ", name.machine);
#if defined(__clang__)
  host.compiler = concat("clang ", __clang_major__, ".", __clang_minor__);
#elif defined(__GNUC__)
  host.compiler = concat("gcc ", __GNUC__, ".", __GNUC_MINOR__);
#endif
  host.version = OCTAVO_VERSION;
  host.logical_cores = static_cast<int>(allowed_cpus().size());
  host.physical_cores = physical_cores();
  host.memory_total_bytes = proc_bytes("/proc/meminfo", "MemTotal");
  host.memory_available_bytes = proc_bytes("/proc/meminfo", "MemAvailable");
  host.isas = runnable_isas();
  return host;
}

}  // namespace octavo
