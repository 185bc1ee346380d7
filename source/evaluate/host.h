// Facts on this machine, for `doctor` and for the host part of a measurement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace octavo {

struct Host {
  std::string cpu;       // model name
  std::string governor;  // of the clock; "" where it cannot be read
  std::string kernel, compiler, version;
  int logical_cores = 1, physical_cores = 1;
  uint64_t memory_total_bytes = 0, memory_available_bytes = 0;
  std::vector<std::string> isas;  // that this machine runs, weakest first
};

Host host_facts();
int physical_cores();  // that this process may use; at least 1
// Most memory that this process has held at once, since it began; 0 where it cannot be read.
uint64_t peak_resident_bytes();

}  // namespace octavo
