// The product of two activations, one for each row.
#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

// acc of one output: `a` is a pixel of the left operand, `b` a row of the right one.
int64_t accumulate(const MatMulArguments& m, const std::byte* a, const std::byte* b, int32_t c) {
  const MatMulShape& s = m.constants->shape;
  int64_t acc = 0;
  for (int32_t k = 0; k < s.depth; ++k) {
    const int32_t right = s.transpose_b ? stored(s.b, b + c * m.b.pixel_bytes, k)
                                        : stored(s.b, b + k * m.b.pixel_bytes, c);
    acc += int64_t{stored(s.a, a, k) - m.constants->a_zero} * (right - m.constants->b_zero);
  }
  return acc;
}

void run(const MatMulArguments& m) {
  const MatMulShape& s = m.constants->shape;
  for (int32_t r = 0; r < m.rows; ++r) {
    for (int32_t x = 0; x < m.width; ++x) {
      const std::byte* a = m.a.row[r] + x * m.a.pixel_bytes;
      const std::byte* residual =
          s.has_residual ? m.residual.row[r] + x * m.residual.pixel_bytes : nullptr;
      std::byte* output = m.output.row[r] + x * m.output.pixel_bytes;
      for (int32_t c = 0; c < s.channels; ++c) {
        const float f = static_cast<float>(accumulate(m, a, m.b.row[r], c)) *
                        m.constants->epilogue.multiplier[c];
        finish(m.constants->epilogue, c, f, residual, output);
      }
    }
  }
}

constexpr MatMulKernel rows[] = {
    {.name = "reference_matmul",
     .requires_features = 0,
     .accepts = [](const MatMulShape&) { return true; },
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .scratch_bytes = [](const MatMulShape&) { return size_t{0}; },
     .run = run,
     .takes_u16 = true,
     .takes_any_right = true},
};

}  // namespace

std::span<const MatMulKernel> reference_matmul_kernels() {
  return rows;
}

}  // namespace octavo::kernels
