// What the module octavo_float exports: one symbol of C linkage, `octavo_float_entry`.
#pragma once

#include <memory>

#include "float/engine.h"

namespace octavo {

struct FloatEntry {
  const char* version;  // OCTAVO_VERSION of the build: both sides must be of one build
  Result<std::unique_ptr<FloatSession>> (*create)(const Graph& graph);
};

inline constexpr char float_entry_symbol[] = "octavo_float_entry";
inline constexpr char float_module_name[] = "liboctavo_float.so";

}  // namespace octavo
