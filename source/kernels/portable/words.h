// Inside the folder: convolutions of u16, and products of two activations as quantized files store
// them (ConvolutionKernel's and MatMulKernel's functions).
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::portable {

namespace dense {  // grouped too
bool accepts(const ConvolutionShape& s);
size_t packed_bytes(const ConvolutionShape& s);
void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias, std::byte* packed);
size_t scratch_bytes(const ConvolutionShape& s);
void run(const ConvolutionArguments& a);
}  // namespace dense

namespace depthwise {
bool accepts(const ConvolutionShape& s);
size_t packed_bytes(const ConvolutionShape& s);
void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias, std::byte* packed);
size_t scratch_bytes(const ConvolutionShape& s);
void run(const ConvolutionArguments& a);
}  // namespace depthwise

namespace matmul {
bool accepts(const MatMulShape& s);
size_t scratch_bytes(const MatMulShape& s);
void run(const MatMulArguments& m);
}  // namespace matmul

}  // namespace octavo::kernels::portable
