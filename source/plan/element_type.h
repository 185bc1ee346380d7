// What a stored type is: its bytes, its values.
#pragma once

#include <cstdint>

#include "plan/plan.h"

namespace octavo {

struct StoredLevels {
  int32_t lo = 0, hi = 255;
  int32_t steps() const { return hi - lo; }
  bool operator==(const StoredLevels&) const = default;
};

inline int32_t element_size(ElementType type) {
  if (type == ElementType::f32) return 4;
  return type == ElementType::i16 || type == ElementType::u16 ? 2 : 1;
}

inline bool is_unsigned(ElementType type) {
  return type == ElementType::u8 || type == ElementType::u16;
}

// Signed types leave out their lowest value, so that a magnitude is bounded alike on both sides.
// f32, which stores what is not rounded, has none: as i16.
inline StoredLevels levels_of(ElementType type) {
  switch (type) {
    case ElementType::u8:
      return {0, UINT8_MAX};
    case ElementType::i8:
      return {-INT8_MAX, INT8_MAX};
    case ElementType::u16:
      return {0, UINT16_MAX};
    case ElementType::i16:
    case ElementType::f32:
      break;
  }
  return {-INT16_MAX, INT16_MAX};
}

}  // namespace octavo
