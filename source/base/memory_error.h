// The Error of running out of memory, which must not need any.
#pragma once

#include "base/result.h"

namespace octavo {

// Fits what std::string holds without an allocation.
inline constexpr char out_of_memory_message[] = "out of memory";
static_assert(sizeof out_of_memory_message <= 16);

inline Error out_of_memory() {
  return {ErrorKind::unsupported, out_of_memory_message};
}

}  // namespace octavo
