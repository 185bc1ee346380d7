// The functions behind the rows of table.cpp, one namespace a file.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::avx2 {

namespace dense {
// The channels of a grouped convolution are not split over threads.
inline constexpr int32_t unsplit = 1 << 24;

bool accepts(const ConvolutionShape& shape);
bool accepts_grouped(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t scratch_bytes(const ConvolutionShape& shape, int32_t output_width);
void run(const ConvolutionArguments& arguments);
}  // namespace dense

namespace depthwise {
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t scratch_bytes(const ConvolutionShape& shape, int32_t output_width);
void run(const ConvolutionArguments& arguments);
}  // namespace depthwise

namespace wide {
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t scratch_bytes(const ConvolutionShape& shape, int32_t output_width);
void run(const ConvolutionArguments& arguments);
}  // namespace wide

namespace pool {
bool accepts(const PoolShape& shape);
void run(const PoolArguments& arguments);
}  // namespace pool

namespace elementwise {
bool accepts(const ElementwiseShape& shape);
void run(const ElementwiseArguments& arguments);
}  // namespace elementwise

}  // namespace octavo::kernels::avx2
