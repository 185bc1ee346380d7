// The integers that a tensor is rounded to, and the one definition of that rounding: an operator of
// the graph (FakeQuantize) run in float, what the importer folds, a step and its lookup table, the
// pairs and constants of an exported file, the simulation of a plan and its comparison with float
// all go by it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace octavo {

// As a file states it: real = (code - zero_point) * scale, code from 0 to `highest`; a signed type
// is one shifted by half of its range. One scale and zero point, or one a channel.
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

// The same over whole rows of channels. A file divides by its scale. A step that is calibrated
// multiplies by the inverse (numerics.md, "The epilogue"), and so does its simulation: the two fall
// on different sides of a tie now and then.
struct RowRounding {
  // One entry a channel. No inverse: divided.
  std::vector<float> scale, inverse_scale;
  std::vector<float> lo, hi;  // codes less the zero point

  // Of a tensor of so many channels, by division.
  static RowRounding of(const Grid& grid, size_t channels) {
    RowRounding out;
    for (size_t c = 0; c < channels; ++c) {
      const int32_t zero = grid.zero_point_of(c);
      out.scale.push_back(grid.scale_of(c));
      out.lo.push_back(static_cast<float>(-zero));
      out.hi.push_back(static_cast<float>(grid.highest - zero));
    }
    return out;
  }

  bool empty() const { return scale.empty(); }
  // values: rows of channels, the last axis. Each becomes what its code holds; NaN stays.
  void apply(std::span<float> values) const {
    if (empty()) return;
    if (inverse_scale.empty()) {
      round_rows(values, [this](float value, size_t c) { return value / scale[c]; });
    } else {
      round_rows(values, [this](float value, size_t c) { return value * inverse_scale[c]; });
    }
  }

 private:
  // rint for |x| < 2^22, which compilers turn into vector code.
  static float round_even(float x) {
    constexpr float magic = 12582912.0f;  // 1.5 * 2^23
    return (x + magic) - magic;
  }

  // units(value, channel): the value in units of the channel's scale.
  template <class Units>
  void round_rows(std::span<float> values, Units units) const {
    const size_t channels = scale.size();
    for (size_t first = 0; first + channels <= values.size(); first += channels) {
      float* row = values.data() + first;
      for (size_t c = 0; c < channels; ++c) {
        const float t = std::min(std::max(units(row[c], c), lo[c]), hi[c]);
        row[c] = round_even(t) * scale[c];
      }
    }
  }
};

}  // namespace octavo
