// The rows of table.cpp, or the functions behind them, one namespace a file.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::avx2 {

extern const ConvolutionKernel bytes, dense, groups, winograd;
extern const MatMulKernel matmul;

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

namespace layer_norm {
bool accepts(const NormalizeShape& shape);
void run(const NormalizeArguments& arguments);
}  // namespace layer_norm

namespace l2 {
bool accepts(const NormalizeShape& shape);
void run(const NormalizeArguments& arguments);
}  // namespace l2

namespace softmax {
bool accepts(const NormalizeShape& shape);
void run(const NormalizeArguments& arguments);
bool accepts_long(const NormalizeShape& shape);
void run_long(const NormalizeArguments& arguments);
}  // namespace softmax

namespace resize {
bool accepts(const ResizeShape& shape);
void run(const ResizeArguments& arguments);
}  // namespace resize

namespace pool {
bool accepts(const PoolShape& shape);
void run(const PoolArguments& arguments);
}  // namespace pool

namespace elementwise {
bool accepts(const ElementwiseShape& shape);
void run(const ElementwiseArguments& arguments);
}  // namespace elementwise

}  // namespace octavo::kernels::avx2
