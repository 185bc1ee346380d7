// Convolution weights to int8, one scale an output channel, with the proof that no
// partial sum leaves int32 (docs/numerics.md, "What is verified").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace octavo {

// A convolution's weights as the integer step sees them: w * (scale of the input's
// channel), so that `sum of rounded * stored` needs only one factor an output channel.
struct ScaledWeights {
  int64_t outputs = 0, taps = 0;  // taps: kh * kw * channels of the group
  std::vector<double> values;     // [outputs, taps]
  // How much of the output's squared error a squared error of a tap's weight makes: the
  // second moment of its stored input. [outputs or 1, taps]
  std::vector<double> importance;
  // Real value of a weight = value / row_scale. Matters where one scale serves all rows.
  std::vector<double> row_scale;  // [outputs]
};

struct IntegerWeights {
  std::vector<int16_t> values;  // [outputs, taps], -127..127 but for integers of a quantized file
  std::vector<double> unit;     // [outputs]: real value of one unit of the accumulator

  bool operator==(const IntegerWeights&) const = default;
};

// Each row's scale is the one with the least expected squared error of the output
// (weighted by `importance`), from the largest weight down. With per_channel false one
// scale serves all rows.
IntegerWeights quantize_weights(const ScaledWeights& weights, bool per_channel);

// Integers less their zero point, as a quantized file stores them.
struct WholeLevels {
  int lo = -128, hi = 127;
};
inline constexpr WholeLevels levels_of_word{-32768, 32767};
inline constexpr WholeLevels levels_of_any_byte{-255, 255}, levels_of_any_word{-65535, 65535};

// For weights that a quantized file stores as integers: the scale with which DequantizeLinear gives
// every one of the row, to the bit, from one of the levels; nothing if there is none. A row of
// zeros has any.
std::optional<float> stored_scale(std::span<const float> row, WholeLevels levels = {});

// bias = rint(real_bias / unit - sum of w * offset): what zero points (or a picture's
// mean) contribute is taken off, so that kernels multiply what they read. Clamped to 53 bits;
// fits_accumulator tells whether it may be used. offsets: [taps] of each row by its group.
struct BiasTerms {
  double real_bias = 0;
  std::span<const double> offsets;  // [taps]
};
int64_t fold_bias(std::span<const int16_t> row, double unit, const BiasTerms& terms);

// The accumulator's proof for one row: `largest` is the largest stored magnitude of the
// input, `shifted` whether kernels may shift it by 128 (u8).
bool fits_accumulator(std::span<const int16_t> row, int64_t bias, int64_t largest, bool shifted);

// Rounds a row again with a larger unit until it fits.
void raise_until_fits(const ScaledWeights& weights, int64_t output, const BiasTerms& terms,
                      int64_t largest, bool shifted, IntegerWeights& out);

}  // namespace octavo
