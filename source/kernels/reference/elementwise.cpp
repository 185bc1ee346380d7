#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

// f of channel c, before the epilogue.
float value(const ElementwiseConstants& e, const std::byte* a, const std::byte* b, int32_t c) {
  const ElementwiseShape& s = e.shape;
  const int32_t left = stored(s.a, a, c) - e.a_zero[c];
  switch (s.kind) {
    case ElementwiseShape::Kind::add: {
      const int32_t right = stored(s.b, b, c) - e.b_zero[c];
      return static_cast<float>(left) * e.epilogue.multiplier[c] +
             static_cast<float>(right) * e.b_multiplier[c];
    }
    case ElementwiseShape::Kind::multiply: {
      const int64_t right = stored(s.b, b, c) - e.b_zero[c];
      return static_cast<float>(left * right) * e.epilogue.multiplier[c];
    }
    case ElementwiseShape::Kind::divide: {
      const int32_t right = stored(s.b, b, c) - e.b_zero[c];
      const float divisor = right == 0 ? 0.5f : static_cast<float>(right);
      return (static_cast<float>(left) * e.epilogue.multiplier[c]) / divisor;
    }
    case ElementwiseShape::Kind::rescale:
      return static_cast<float>(left) * e.epilogue.multiplier[c] + e.offset[c];
  }
  return 0;
}

void run(const ElementwiseArguments& arguments) {
  const ElementwiseConstants& e = *arguments.constants;
  const bool has_b = e.shape.kind != ElementwiseShape::Kind::rescale;
  for (int32_t r = 0; r < arguments.rows; ++r) {
    for (int32_t x = 0; x < arguments.width; ++x) {
      const std::byte* a = arguments.a.row[r] + x * arguments.a.pixel_bytes;
      const ptrdiff_t b_column = e.shape.b_is_one_pixel ? 0 : x;
      const std::byte* b =
          has_b ? arguments.b.row[r] + b_column * arguments.b.pixel_bytes : nullptr;
      std::byte* output = arguments.output.row[r] + x * arguments.output.pixel_bytes;
      for (int32_t c = 0; c < e.shape.channels; ++c) {
        finish(e.epilogue, c, value(e, a, b, c), nullptr, output);
      }
    }
  }
}

constexpr ElementwiseKernel rows[] = {
    {.name = "reference_elementwise",
     .requires_features = 0,
     .accepts = [](const ElementwiseShape&) { return true; },
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .run = run,
     .takes_u16 = true},
};

}  // namespace

std::span<const ElementwiseKernel> reference_elementwise_kernels() {
  return rows;
}

}  // namespace octavo::kernels
