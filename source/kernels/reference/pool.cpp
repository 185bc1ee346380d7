#include <algorithm>

#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

// What pooling one channel of one window gives.
struct Window {
  int32_t maximum = INT32_MIN;
  int32_t sum = 0;  // of x - z
};

Window visit(const PoolArguments& a, int32_t r, int32_t x, int32_t c) {
  Window window;
  for (int32_t y = a.row_begin[r]; y < a.row_end[r]; ++y) {
    for (int32_t i = a.constants->column_begin[x]; i < a.constants->column_end[x]; ++i) {
      const std::byte* pixel = a.input.row[y] + i * a.input.pixel_bytes;
      const int32_t value = stored(a.constants->shape.input, pixel, c);
      window.maximum = std::max(window.maximum, value);
      window.sum += value - a.constants->input_zero[c];
    }
  }
  return window;
}

void save_stored(ElementType type, std::byte* pixel, int32_t c, int32_t value) {
  switch (type) {
    case ElementType::u8:
      save(pixel, c, static_cast<uint8_t>(value));
      break;
    case ElementType::i8:
      save(pixel, c, static_cast<int8_t>(value));
      break;
    case ElementType::i16:
      save(pixel, c, static_cast<int16_t>(value));
      break;
    case ElementType::u16:
      save(pixel, c, static_cast<uint16_t>(value));
      break;
    case ElementType::f32:
      break;  // no plan has it
  }
}

void run(const PoolArguments& a) {
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; ++x) {
      std::byte* pixel = a.output.row[r] + x * a.output.pixel_bytes;
      for (int32_t c = a.channel_begin; c < a.channel_end; ++c) {
        const Window window = visit(a, r, x, c);
        if (a.constants->shape.kind == PoolStep::Kind::maximum) {
          save_stored(a.constants->shape.output, pixel, c, window.maximum);
          continue;
        }
        const int32_t n = a.row_count[r] * a.constants->column_count[x];
        const float f = (static_cast<float>(window.sum) * a.constants->epilogue.multiplier[c]) *
                        (1.0f / static_cast<float>(n));
        finish(a.constants->epilogue, c, f, nullptr, pixel);
      }
    }
  }
}

constexpr PoolKernel rows[] = {
    {.name = "reference_pool",
     .requires_features = 0,
     .accepts = [](const PoolShape&) { return true; },
     .run = run,
     .takes_u16 = true},
};

}  // namespace

std::span<const PoolKernel> reference_pool_kernels() {
  return rows;
}

}  // namespace octavo::kernels
