#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo {

// Which chains of steps run depth first (runtime/chain.h). No bit of an answer depends on it.
struct DepthFirst {
  enum class Where : uint8_t {
    it_pays,  // maps between them are too large for the cache
    nowhere,
    possible,  // and a tile has one row where its rings are too large too
  } where = Where::it_pays;
  size_t cache_bytes = 0;  // of a core, next to it but for the smallest; 0: what the machine says
};

}  // namespace octavo
