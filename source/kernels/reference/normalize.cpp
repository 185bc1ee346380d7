// Over the channels of each pixel: layer norm, L2 normalization, softmax.
#include <algorithm>
#include <cmath>

#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

int64_t centred(const NormalizeConstants& n, const std::byte* pixel, int32_t c) {
  return stored(n.shape.input, pixel, c) - n.input_zero;
}

void layer_norm(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  const int64_t count = n.shape.channels;
  int64_t sum = 0, squares = 0;
  for (int32_t c = 0; c < count; ++c) {
    sum += centred(n, x, c);
    squares += centred(n, x, c) * centred(n, x, c);
  }
  const int64_t variance = count * squares - sum * sum;
  const float scale = 1.0f / std::sqrt(static_cast<float>(variance) + n.least);
  for (int32_t c = 0; c < count; ++c) {
    const int64_t deviation = count * centred(n, x, c) - sum;
    const float f =
        (static_cast<float>(deviation) * scale) * n.epilogue.multiplier[c] + n.offset[c];
    finish(n.epilogue, c, f, nullptr, y);
  }
}

void l2_normalize(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  int64_t squares = 0;
  for (int32_t c = 0; c < n.shape.channels; ++c) {
    squares += centred(n, x, c) * centred(n, x, c);
  }
  const float length = larger(std::sqrt(static_cast<float>(squares)), n.least);
  for (int32_t c = 0; c < n.shape.channels; ++c) {
    const float f = static_cast<float>(centred(n, x, c)) * (n.epilogue.multiplier[c] / length);
    finish(n.epilogue, c, f, nullptr, y);
  }
}

uint32_t exponential(const NormalizeConstants& n, int32_t distance) {
  const uint32_t product =
      uint32_t{n.coarse[distance >> 8]} * uint32_t{n.fine[distance & 255]};  // at most 2^30
  return (product + (1u << 14)) >> 15;
}

uint64_t long_exponential(const NormalizeConstants& n, int32_t distance) {
  const uint64_t product =
      uint64_t{n.long_coarse[distance >> 8]} * n.long_fine[distance & 255];  // at most 2^60
  return (product + (1u << 29)) >> 30;
}

template <auto exponential>
void softmax(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  const ElementType type = n.shape.input;
  int32_t largest = stored(type, x, 0);
  for (int32_t c = 1; c < n.shape.channels; ++c) largest = std::max(largest, stored(type, x, c));
  uint64_t sum = 0;
  for (int32_t c = 0; c < n.shape.channels; ++c) {
    sum += exponential(n, largest - stored(type, x, c));
  }
  for (int32_t c = 0; c < n.shape.channels; ++c) {
    const auto e = exponential(n, largest - stored(type, x, c));
    const float f = static_cast<float>(e) * (n.epilogue.multiplier[c] / static_cast<float>(sum));
    finish(n.epilogue, c, f, nullptr, y);
  }
}

void run(const NormalizeArguments& arguments) {
  const NormalizeConstants& n = *arguments.constants;
  for (int32_t r = 0; r < arguments.rows; ++r) {
    for (int32_t column = 0; column < arguments.width; ++column) {
      const std::byte* x = arguments.input.row[r] + column * arguments.input.pixel_bytes;
      std::byte* y = arguments.output.row[r] + column * arguments.output.pixel_bytes;
      switch (n.shape.kind) {
        case NormalizeShape::Kind::layer_norm:
          layer_norm(n, x, y);
          break;
        case NormalizeShape::Kind::l2:
          l2_normalize(n, x, y);
          break;
        case NormalizeShape::Kind::softmax:
          softmax<exponential>(n, x, y);
          break;
        case NormalizeShape::Kind::long_softmax:
          softmax<long_exponential>(n, x, y);
          break;
      }
    }
  }
}

constexpr NormalizeKernel rows[] = {
    {.name = "reference_normalize",
     .requires_features = 0,
     .accepts = [](const NormalizeShape&) { return true; },
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .run = run,
     .takes_u16 = true},
};

}  // namespace

std::span<const NormalizeKernel> reference_normalize_kernels() {
  return rows;
}

}  // namespace octavo::kernels
