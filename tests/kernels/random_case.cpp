#include "kernels/random_case.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace octavo::kernels {

size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
      return 1;
    case ElementType::i16:
    case ElementType::u16:
      return 2;
    case ElementType::f32:
      return 4;
  }
  return 0;
}

int32_t least_of(ElementType type) {
  return type == ElementType::i16 ? -32767 : type == ElementType::i8 ? -127 : 0;
}

int32_t most_of(ElementType type) {
  return type == ElementType::u16   ? 65535
         : type == ElementType::i16 ? 32767
         : type == ElementType::i8  ? 127
                                    : 255;
}

RandomRows::RandomRows(Random& random, ElementType type, int32_t rows, int32_t width,
                       int32_t channels, bool slack, int32_t least, int32_t most) {
  const ptrdiff_t element = ptrdiff_t(element_bytes(type));
  // A slice of a wider tensor now and then.
  const int32_t more = random.chance(30) ? random.between(1, 70) : 0;
  pixel_bytes_ = (channels + more) * element;
  const int extreme = random.between(0, 3);  // all least, all most, either, anything
  for (int32_t r = 0; r < rows; ++r) {
    const size_t bytes = size_t(width - 1) * size_t(pixel_bytes_) + size_t(channels * element);
    memory_.emplace_back(bytes + (slack ? size_t{slack_bytes} : 0));
    std::byte* row = memory_.back().data();
    std::memset(row, 0xa5, memory_.back().size());
    for (size_t i = 0; i < bytes / size_t(element) && type != ElementType::f32; ++i) {
      const int32_t value = extreme == 0   ? least
                            : extreme == 1 ? most
                            : extreme == 2 ? random.one_of({least, most})
                                           : random.between(least, most);
      std::memcpy(row + i * size_t(element), &value, size_t(element));  // little-endian
    }
    pointers_.push_back(row);
  }
  const_pointers_.assign(pointers_.begin(), pointers_.end());
}

void RandomRows::fill(std::byte value) {
  for (Guarded& row : memory_) std::memset(row.data(), int(value), row.size());
}

bool RandomRows::operator==(const RandomRows& other) const {
  for (size_t r = 0; r < memory_.size(); ++r) {
    if (std::memcmp(memory_[r].data(), other.memory_[r].data(), memory_[r].size()) != 0) {
      return false;
    }
  }
  return true;
}

std::vector<float> random_multipliers(Random& random, int32_t channels, float typical) {
  const int kind = random.between(0, 12);
  // Where short cuts of kernels end: what they prove of an epilogue holds up to such a multiplier.
  const float limit = random.one_of(
      {0.25f, 0.5f, 1.0f, 32.0f, 4096.0f, 8192.0f, 1048576.0f, 8388608.0f, 268435456.0f});
  const int exponent = random.between(-34, 34);
  std::vector<float> values(size_t(channels), 0.0f);
  for (float& value : values) {
    const float sign = random.one_of({-1.0f, 1.0f});
    switch (kind) {
      case 10:
        value = sign * (random.chance(96) ? limit : std::nextafter(limit, 2 * limit));
        break;
      case 11:
        value = sign * std::ldexp(random.real(1.0f, 2.0f), exponent);
        break;
      case 12:
        value = sign * std::ldexp(random.real(1.0f, 2.0f), random.between(-40, 39));
        break;
      case 0:
        value = std::ldexp(1.0f, -100);
        break;
      case 1:
        value = std::ldexp(1.0f, 40);
        break;
      case 2:
        value = random.one_of({std::ldexp(-1.0f, -100), std::ldexp(1.0f, -100),
                               std::ldexp(-1.0f, 40), std::ldexp(1.0f, 40)});
        break;
      // Powers of two make ties.
      case 3:
      case 4:
        value = std::ldexp(1.0f, std::ilogb(typical) - random.between(0, 2));
        break;
      case 5:
        value = random.real(-2.0f, 2.0f) * typical;
        break;
      default:
        value = random.real(0.1f, 3.0f) * typical;
    }
    if (std::fabs(value) < std::ldexp(1.0f, -100)) value = typical;
  }
  return values;
}

std::vector<int32_t> random_zeros(Random& random, int32_t channels, ElementType type) {
  std::vector<int32_t> zeros(size_t(channels), 0);
  if (least_of(type) < 0 || type == ElementType::f32) return zeros;
  const int kind = random.between(0, 3);
  const int32_t most = most_of(type), common = random.between(0, most);
  for (int32_t& zero : zeros) {
    zero = kind == 0 ? 0 : kind == 1 ? most : kind == 2 ? common : random.between(0, most);
  }
  return zeros;
}

namespace {

std::vector<int16_t> random_knots(Random& random) {
  std::vector<int16_t> knots(128, 0);
  const bool extreme = random.chance(30);
  int32_t knot = random.between(-32768, 32767);
  for (size_t i = 0; i < 65; ++i) {
    knots[i] = int16_t(knot);
    const int32_t step = extreme ? random.one_of({-32767, 32767}) : random.between(-3000, 3000);
    if (knot + step >= -32768 && knot + step <= 32767) knot += step;
  }
  return knots;
}

}  // namespace

RandomEpilogue::RandomEpilogue(Random& random, int32_t channels, ElementType output,
                               Activation activation, float typical, bool residual,
                               ElementType residual_type) {
  // f lies in about -3..3 before an activation (in table arguments for a table).
  const float range = float(most_of(output == ElementType::f32 ? ElementType::u8 : output));
  const float f_range = activation == Activation::none    ? range / 2
                        : activation == Activation::table ? 30000.0f
                                                          : 3.0f;
  const float r_typical = activation == Activation::table ? range / 1e7f : range / 3;
  scalars_.activation = activation;
  scalars_.alpha = activation == Activation::clip ? random.real(-2, 0.5f) : random.real(0.1f, 0.3f);
  scalars_.beta = activation == Activation::clip ? random.real(0.5f, 6) : 0.5f;
  if (random.chance(30)) {
    const auto extreme = [&](int most) {
      return random.one_of({-1.0f, 1.0f}) * std::ldexp(1.0f, random.between(-100, most));
    };
    constexpr float largest = std::numeric_limits<float>::max();
    scalars_.alpha = activation == Activation::clip
                         ? random.one_of({-largest, -1073741824.0f, -0.0f, 0.0f, extreme(40)})
                         : extreme(40);
    scalars_.beta = activation == Activation::clip
                        ? random.one_of({largest, 1073741824.0f, 1073741952.0f, 0.0f, extreme(40)})
                        : extreme(40);
    if (activation == Activation::clip && scalars_.alpha > scalars_.beta)
      std::swap(scalars_.alpha, scalars_.beta);
  }
  scalars_.output = output;
  scalars_.residual = residual_type;
  const std::vector<int32_t> zeros = random_zeros(random, channels, output);
  std::vector<float> lo, hi;
  const bool narrow = random.chance(30);
  for (const int32_t zero : zeros) {
    int32_t least = least_of(output), most = most_of(output);
    if (narrow) {
      least = random.between(least, most);
      most = random.between(least, most);
    }
    lo.push_back(float(least - zero));
    hi.push_back(float(most - zero));
  }
  multiplier_.emplace(
      channel_array<float>(random_multipliers(random, channels, f_range / typical)));
  zero_.emplace(channel_array<int32_t>(zeros));
  lo_.emplace(channel_array<float>(lo));
  hi_.emplace(channel_array<float>(hi));
  if (activation != Activation::none) {
    output_multiplier_.emplace(
        channel_array<float>(random_multipliers(random, channels, r_typical)));
  }
  if (activation == Activation::table) table_.emplace(channel_array<int16_t>(random_knots(random)));
  if (residual) {
    const float mx = range / float(most_of(residual_type));
    residual_multiplier_.emplace(channel_array<float>(random_multipliers(random, channels, mx)));
    residual_zero_.emplace(channel_array<int32_t>(random_zeros(random, channels, residual_type)));
  }
}

EpilogueArrays RandomEpilogue::arrays() const {
  auto floats = [](const std::optional<Guarded>& g) {
    return g ? reinterpret_cast<const float*>(g->data()) : nullptr;
  };
  auto ints = [](const std::optional<Guarded>& g) {
    return g ? reinterpret_cast<const int32_t*>(g->data()) : nullptr;
  };
  EpilogueArrays e = scalars_;
  e.multiplier = floats(multiplier_);
  e.output_multiplier = floats(output_multiplier_);
  e.residual_multiplier = floats(residual_multiplier_);
  e.residual_zero = ints(residual_zero_);
  e.lo = floats(lo_);
  e.hi = floats(hi_);
  e.zero = ints(zero_);
  e.table = table_ ? reinterpret_cast<const int16_t*>(table_->data()) : nullptr;
  return e;
}

}  // namespace octavo::kernels
