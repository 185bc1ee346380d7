#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo {

// Which chains of steps run depth first (runtime/chain.h). No bit of an answer depends on it.
struct DepthFirst {
  enum class Where : uint8_t {
    it_pays,  // where maps between steps are too large for the cache
    nowhere,
    possible,  // by tiles of one row where the rings of larger ones would take too much of the
               // cache
  } where = Where::it_pays;
  size_t cache_bytes = 0;  // level 2 of a core; 0: what the machine says
};

}  // namespace octavo
