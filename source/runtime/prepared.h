// A plan made ready for one ISA: each step with its kernel, packed weights and
// per-channel arrays. Constant; sessions add addresses.
#pragma once

#include <variant>
#include <vector>

#include "kernels/kernel.h"
#include "runtime/layout.h"
#include "runtime/memory.h"
#include "runtime/move.h"
#include "runtime/program.h"

namespace octavo::runtime {

struct PreparedConvolution {
  kernels::ConvolutionShape shape;
  const kernels::ConvolutionKernel* kernel = nullptr;
  const std::byte* packed = nullptr;
  kernels::EpilogueArrays epilogue;
  int32_t dilated_rows = 1;  // (kernel_h - 1) * dilation_h + 1
  int32_t pad_top = 0, pad_left = 0;
};

struct PreparedPool {
  kernels::PoolShape shape;
  const kernels::PoolKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  const int32_t* input_zero = nullptr;
  int32_t pad_top = 0, pad_left = 0;
  const int32_t *row_from = nullptr, *row_to = nullptr, *row_count = nullptr;
  const int32_t *column_from = nullptr, *column_to = nullptr, *column_count = nullptr;
};

struct PreparedElementwise {
  kernels::ElementwiseShape shape;
  const kernels::ElementwiseKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  const int32_t *a_zero = nullptr, *b_zero = nullptr;
  const float *b_multiplier = nullptr, *offset = nullptr;
};

// Stored values that only move: Gather, Concat and Reshape.
struct PreparedMove {
  enum class Kind { gather, concat, reshape } kind = Kind::concat;
  GatherChannels channels;  // gather only
};

using PreparedStep =
    std::variant<PreparedConvolution, PreparedPool, PreparedElementwise, PreparedMove>;

}  // namespace octavo::runtime

namespace octavo {

struct Program::Impl {
  Plan plan;
  std::string isa;
  FeatureSet features = 0;
  runtime::Layout layout;
  runtime::ConstantPool constants;
  std::vector<runtime::PreparedStep> steps;
  size_t scratch_bytes = 0;  // of one thread
};

}  // namespace octavo

namespace octavo::runtime {

// Fills impl.steps and the constants; the plan has passed verify().
void prepare_steps(Program::Impl& impl);

// About how many bytes prepare_steps and the row tables of a session will ask for.
double constant_bytes_estimate(const Program::Impl& impl);

}  // namespace octavo::runtime
