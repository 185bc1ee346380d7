// "The epilogue: one rounding a step" of docs/numerics.md, line by line, and the
// access to stored values that the reference kernels share.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/kernel.h"

namespace octavo::kernels::reference {

// max(-0, +0) is the second operand, as on x86: it shows where t itself is stored.
inline float smaller(float a, float b) {
  return a < b ? a : b;
}
inline float larger(float a, float b) {
  return a > b ? a : b;
}

template <class T>
T load(const std::byte* values, ptrdiff_t index) {
  T value;
  std::memcpy(&value, values + index * ptrdiff_t{sizeof(T)}, sizeof value);
  return value;
}

template <class T>
void save(std::byte* values, ptrdiff_t index, T value) {
  std::memcpy(values + index * ptrdiff_t{sizeof(T)}, &value, sizeof value);
}

// Entry `index` of a pixel, as the integer that is stored there.
inline int32_t stored(ElementType type, const std::byte* pixel, ptrdiff_t index) {
  switch (type) {
    case ElementType::u8:
      return load<uint8_t>(pixel, index);
    case ElementType::i8:
      return load<int8_t>(pixel, index);
    case ElementType::i16:
      return load<int16_t>(pixel, index);
    case ElementType::u16:
      return load<uint16_t>(pixel, index);
    case ElementType::f32:
      break;  // never an operand
  }
  return 0;
}

// T(f): piecewise linear between 65 knots over a 16-bit argument.
inline int32_t table_value(const int16_t* knots, float f) {
  const int32_t u =
      static_cast<int32_t>(std::rint(smaller(larger(f, -32768.0f), 32767.0f))) + 32768;
  const int32_t i = u >> 10, d = u & 1023;
  return knots[i] * 1024 + (knots[i + 1] - knots[i]) * d;
}

inline float activated(const EpilogueArrays& e, int32_t o, float f) {
  switch (e.activation) {
    case Activation::none:
      return f;
    case Activation::clip:
      return smaller(larger(f, e.alpha), e.beta) * e.output_multiplier[o];
    case Activation::hard_swish: {
      const float gate = smaller(larger(f * e.alpha + e.beta, 0.0f), 1.0f);
      return (f * gate) * e.output_multiplier[o];
    }
    case Activation::hard_sigmoid: {
      const float gate = smaller(larger(f * e.alpha + e.beta, 0.0f), 1.0f);
      return gate * e.output_multiplier[o];
    }
    case Activation::table:
      return static_cast<float>(table_value(e.table, f)) * e.output_multiplier[o];
  }
  return f;
}

// f of channel o to the stored value. `residual` is the pixel of the residual, or null.
inline void finish(const EpilogueArrays& e, int32_t o, float f, const std::byte* residual,
                   std::byte* pixel) {
  float t = activated(e, o, f);
  if (residual != nullptr) {
    const int32_t x = stored(e.residual, residual, o);
    t = t + static_cast<float>(x - e.residual_zero[o]) * e.residual_multiplier[o];
  }
  if (e.output == ElementType::f32) {
    save<float>(pixel, o, t);
    return;
  }
  t = smaller(larger(t, e.lo[o]), e.hi[o]);
  const int32_t q = static_cast<int32_t>(std::rint(t)) + e.zero[o];
  switch (e.output) {
    case ElementType::u8:
      save(pixel, o, static_cast<uint8_t>(q));
      break;
    case ElementType::i8:
      save(pixel, o, static_cast<int8_t>(q));
      break;
    case ElementType::i16:
      save(pixel, o, static_cast<int16_t>(q));
      break;
    case ElementType::u16:
      save(pixel, o, static_cast<uint16_t>(q));
      break;
    case ElementType::f32:
      break;
  }
}

}  // namespace octavo::kernels::reference
