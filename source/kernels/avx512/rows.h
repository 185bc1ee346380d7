// The functions behind the rows of table.cpp, one namespace a file.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::avx512 {

namespace dense {
// The channels of a grouped convolution are not split over threads.
inline constexpr int32_t unsplit = 1 << 24;

bool accepts_pointwise(const ConvolutionShape& shape);
bool accepts_grouped(const ConvolutionShape& shape);
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t prepared_bytes(const ConvolutionShape& shape);
void prepare(const ConvolutionConstants& constants, std::byte* prepared);
size_t scratch_bytes(const ConvolutionShape& shape);
void run(const ConvolutionArguments& arguments);
void run_grouped(const ConvolutionArguments& arguments);

// Of a packed pointwise convolution in one group: the weights and the biases of 16 channels.
std::byte* packed_column(const ConvolutionShape& shape, ptrdiff_t vector, std::byte* packed);
int32_t* packed_bias(const ConvolutionShape& shape, ptrdiff_t vector, std::byte* packed);
}  // namespace dense

namespace grouped {
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t prepared_bytes(const ConvolutionShape& shape);
void prepare(const ConvolutionConstants& constants, std::byte* prepared);
size_t scratch_bytes(const ConvolutionShape& shape);
void run(const ConvolutionArguments& arguments);
}  // namespace grouped

namespace grouped_wide {
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t prepared_bytes(const ConvolutionShape& shape);
void prepare(const ConvolutionConstants& constants, std::byte* prepared);
size_t scratch_bytes(const ConvolutionShape& shape);
void run(const ConvolutionArguments& arguments);
}  // namespace grouped_wide

namespace depthwise {
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t prepared_bytes(const ConvolutionShape& shape);
void prepare(const ConvolutionConstants& constants, std::byte* prepared);
size_t scratch_bytes(const ConvolutionShape& shape);
void run(const ConvolutionArguments& arguments);
}  // namespace depthwise

namespace wide {
bool accepts(const ConvolutionShape& shape);
bool accepts_grouped(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t prepared_bytes(const ConvolutionShape& shape);
void prepare(const ConvolutionConstants& constants, std::byte* prepared);
size_t scratch_bytes(const ConvolutionShape& shape);
void run(const ConvolutionArguments& arguments);
void run_grouped(const ConvolutionArguments& arguments);

// As dense::packed_column and packed_bias.
std::byte* packed_column(const ConvolutionShape& shape, ptrdiff_t vector, std::byte* packed);
int32_t* packed_bias(const ConvolutionShape& shape, ptrdiff_t vector, std::byte* packed);
}  // namespace wide

namespace depthwise_wide {
bool accepts(const ConvolutionShape& shape);
size_t packed_bytes(const ConvolutionShape& shape);
void pack(const ConvolutionShape& shape, const int8_t* weights, const int32_t* bias,
          std::byte* packed);
size_t prepared_bytes(const ConvolutionShape& shape);
void prepare(const ConvolutionConstants& constants, std::byte* prepared);
size_t scratch_bytes(const ConvolutionShape& shape);
void run(const ConvolutionArguments& arguments);
}  // namespace depthwise_wide

namespace layer_norm {
bool accepts(const NormalizeShape& shape);
size_t prepared_bytes(const NormalizeShape& shape);
void prepare(const NormalizeConstants& constants, std::byte* prepared);
void run(const NormalizeArguments& arguments);
}  // namespace layer_norm

namespace l2 {
bool accepts(const NormalizeShape& shape);
size_t prepared_bytes(const NormalizeShape& shape);
void prepare(const NormalizeConstants& constants, std::byte* prepared);
void run(const NormalizeArguments& arguments);
}  // namespace l2

namespace softmax {
bool accepts(const NormalizeShape& shape);
size_t prepared_bytes(const NormalizeShape& shape);
void prepare(const NormalizeConstants& constants, std::byte* prepared);
void run(const NormalizeArguments& arguments);
}  // namespace softmax

namespace resize {
bool accepts(const ResizeShape& shape);
void run(const ResizeArguments& arguments);
}  // namespace resize

extern const ConvolutionKernel winograd;

extern const MatMulKernel matmul, matmul_wide;

namespace pool {
bool accepts(const PoolShape& shape);
void run(const PoolArguments& arguments);
}  // namespace pool

namespace elementwise {
bool accepts(const ElementwiseShape& shape);
size_t prepared_bytes(const ElementwiseShape& shape);
void prepare(const ElementwiseConstants& constants, std::byte* prepared);
void run(const ElementwiseArguments& arguments);
}  // namespace elementwise

}  // namespace octavo::kernels::avx512
