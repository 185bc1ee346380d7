// Kernels in plain C++, for what no ISA's folder takes and the reference would be slow at. They ask
// for the least of an ISA's features, so that `--isa reference` is the reference alone.
#include "kernels/table.h"

#include "kernels/portable/words.h"

namespace octavo::kernels {

namespace {

#if defined(__aarch64__)
constexpr FeatureSet least = feature::neon;
#else
constexpr FeatureSet least = feature::avx2;
#endif

constexpr ConvolutionKernel convolutions[] = {
    {.name = "portable_words_depthwise",
     .requires_features = least,
     .accepts = portable::depthwise::accepts,
     .channel_step = 1,
     .packed_bytes = portable::depthwise::packed_bytes,
     .pack = portable::depthwise::pack,
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .scratch_bytes = portable::depthwise::scratch_bytes,
     .run = portable::depthwise::run,
     .takes_u16 = true},
    {.name = "portable_words_dense",
     .requires_features = least,
     .accepts = portable::dense::accepts,
     .channel_step = 1,
     .packed_bytes = portable::dense::packed_bytes,
     .pack = portable::dense::pack,
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .scratch_bytes = portable::dense::scratch_bytes,
     .run = portable::dense::run,
     .takes_u16 = true},
};

constexpr MatMulKernel matmuls[] = {
    {.name = "portable_matmul",
     .requires_features = least,
     .accepts = portable::matmul::accepts,
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .scratch_bytes = portable::matmul::scratch_bytes,
     .run = portable::matmul::run,
     .takes_u16 = true,
     .takes_any_right = true},
};

}  // namespace

KernelTable portable_table() {
  return {.convolutions = convolutions,
          .pools = {},
          .elementwises = {},
          .normalizes = {},
          .matmuls = matmuls,
          .resizes = {}};
}

}  // namespace octavo::kernels
