// The integers that a tensor is rounded to, and the one definition of that rounding where a file
// states it: an operator of the graph (FakeQuantize) run in float, what the importer folds, a step
// and its lookup table, and the pairs and constants of an exported file all go by it.
//
// Steps that are calibrated round by their multiplier instead of a quotient (numerics.md, "The
// epilogue"), and so does their simulation: the two fall on different sides of a tie now and then.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace octavo {

// real = (code - zero_point) * scale, code from 0 to `highest`; a signed type is one shifted by
// half of its range. One scale and zero point, or one a channel.
struct Grid {
  std::vector<float> scale{1.0f};
  std::vector<int32_t> zero_point{0};
  int32_t highest = 255;  // of a byte; 65535 of 16 bits

  bool by_channel() const { return scale.size() > 1; }
  size_t entry(size_t c) const { return by_channel() ? c : 0; }
  float scale_of(size_t c) const { return scale[entry(c)]; }
  int32_t zero_point_of(size_t c) const { return zero_point[entry(c)]; }

  // As ONNX has QuantizeLinear, each operation rounded to float, ties to even. NaN becomes the
  // zero point.
  int32_t code(float value, size_t c) const {
    const float code = float_code(value, c);
    return std::isnan(code) ? zero_point_of(c) : static_cast<int32_t>(code);
  }
  // What is left of a value after QuantizeLinear and DequantizeLinear; of NaN, NaN.
  float rounded(float value, size_t c) const {
    return (float_code(value, c) - static_cast<float>(zero_point_of(c))) * scale_of(c);
  }

  bool operator==(const Grid&) const = default;

 private:
  float float_code(float value, size_t c) const {
    const float most = static_cast<float>(highest);
    const float code = std::nearbyint(value / scale_of(c)) + static_cast<float>(zero_point_of(c));
    return code < 0 ? 0 : code > most ? most : code;
  }
};

}  // namespace octavo
