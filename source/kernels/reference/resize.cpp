// Resize by two neighbours a direction.
#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

void run(const ResizeArguments& z) {
  const ResizeConstants& k = *z.constants;
  const ElementType type = k.shape.input;
  for (int32_t r = 0; r < z.rows; ++r) {
    for (int32_t x = 0; x < z.width; ++x) {
      const ptrdiff_t left = k.column[x] * z.upper.pixel_bytes,
                      right = k.next_column[x] * z.upper.pixel_bytes;
      const std::byte *upper = z.upper.row[r], *lower = z.lower.row[r];
      const int32_t wy = z.row_weight[r], wx = k.column_weight[x];
      std::byte* output = z.output.row[r] + x * z.output.pixel_bytes;
      for (int32_t c = 0; c < k.shape.channels; ++c) {
        const auto value = [&](const std::byte* pixel) {
          return stored(type, pixel, c) - k.input_zero[c];
        };
        const int32_t above = (128 - wx) * value(upper + left) + wx * value(upper + right);
        const int32_t below = (128 - wx) * value(lower + left) + wx * value(lower + right);
        const int32_t acc = (128 - wy) * above + wy * below;
        finish(k.epilogue, c, static_cast<float>(acc) * k.epilogue.multiplier[c], nullptr, output);
      }
    }
  }
}

constexpr ResizeKernel rows[] = {
    {.name = "reference_resize",
     .requires_features = 0,
     .accepts = [](const ResizeShape&) { return true; },
     .run = run,
     .takes_u16 = true},
};

}  // namespace

std::span<const ResizeKernel> reference_resize_kernels() {
  return rows;
}

}  // namespace octavo::kernels
