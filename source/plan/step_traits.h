// A step described once: its name, its table in plan.fbs, how many operands it reads, and its
// fields in the order of that table. Writing, reading and the verifier's classes follow from it.
// That no field is missing the compiler sees (the table's function has as many arguments) and the
// tests do (what was read equals what was written by the comparison that the compiler makes).
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>

#include "plan/plan.h"

namespace octavo {

namespace format {  // plan.fbs
struct Convolution;
struct Pool;
struct Add;
struct Multiply;
struct Rescale;
struct Gather;
struct Concat;
struct Reshape;
struct LayerNorm;
struct L2Normalize;
struct Softmax;
struct MatMul;
struct Resize;
struct Permute;
struct ConstantTensor;
struct Lookup;
struct Divide;
}  // namespace format

// An array of the file's constants; other vectors lie in its FlatBuffer.
template <class Array>
struct InConstants {
  Array& values;
  const char* what;  // "weights", for errors
};
template <class Array>
InConstants(Array&, const char*) -> InConstants<Array>;

// What most steps are.
struct UsualStep {
  static constexpr int operands = 1;  // any_number where that is so; a residual comes on top
  static constexpr int any_number = -1;
  static constexpr bool takes_residual = false;
  static constexpr bool moves = false;  // stored values, of any type, unchanged
};

template <class Step>
struct StepTraits;

template <>
struct StepTraits<ConvolutionStep> : UsualStep {
  using Table = format::Convolution;
  static constexpr std::string_view name = "convolution";
  static constexpr bool takes_residual = true;
  static auto fields(auto& s) {
    return std::tuple_cat(
        std::tie(s.kernel, s.stride, s.dilation, s.pads, s.groups),
        std::tuple(InConstants{s.weights, "weights"}, InConstants{s.bias, "bias"}),
        std::tie(s.epilogue, s.weight_type));
  }
};
template <>
struct StepTraits<PoolStep> : UsualStep {
  using Table = format::Pool;
  static constexpr std::string_view name = "pool";
  static auto fields(auto& s) {
    return std::tie(s.kind, s.kernel, s.stride, s.pads, s.count_include_pad, s.epilogue);
  }
};
template <>
struct StepTraits<AddStep> : UsualStep {
  using Table = format::Add;
  static constexpr std::string_view name = "add";
  static constexpr int operands = 2;
  static auto fields(auto& s) { return std::tie(s.b_multiplier, s.epilogue); }
};
template <>
struct StepTraits<MultiplyStep> : UsualStep {
  using Table = format::Multiply;
  static constexpr std::string_view name = "multiply";
  static constexpr int operands = 2;
  static auto fields(auto& s) { return std::tie(s.epilogue); }
};
template <>
struct StepTraits<RescaleStep> : UsualStep {
  using Table = format::Rescale;
  static constexpr std::string_view name = "rescale";
  static auto fields(auto& s) { return std::tie(s.offset, s.epilogue); }
};
template <>
struct StepTraits<GatherStep> : UsualStep {
  using Table = format::Gather;
  static constexpr std::string_view name = "gather";
  static constexpr bool moves = true;
  static auto fields(auto& s) { return std::tie(s.channels); }
};
template <>
struct StepTraits<ConcatStep> : UsualStep {
  using Table = format::Concat;
  static constexpr std::string_view name = "concat";
  static constexpr int operands = any_number;
  static constexpr bool moves = true;
  static auto fields(auto&) { return std::tuple(); }
};
template <>
struct StepTraits<ReshapeStep> : UsualStep {
  using Table = format::Reshape;
  static constexpr std::string_view name = "reshape";
  static constexpr bool moves = true;
  static auto fields(auto&) { return std::tuple(); }
};
template <>
struct StepTraits<LayerNormStep> : UsualStep {
  using Table = format::LayerNorm;
  static constexpr std::string_view name = "layer_norm";
  static auto fields(auto& s) { return std::tie(s.epsilon, s.offset, s.epilogue); }
};
template <>
struct StepTraits<L2NormalizeStep> : UsualStep {
  using Table = format::L2Normalize;
  static constexpr std::string_view name = "l2_normalize";
  static auto fields(auto& s) { return std::tie(s.floor, s.epilogue); }
};
template <>
struct StepTraits<SoftmaxStep> : UsualStep {
  using Table = format::Softmax;
  static constexpr std::string_view name = "softmax";
  static auto fields(auto& s) { return std::tie(s.coarse, s.fine, s.epilogue); }
};
template <>
struct StepTraits<MatMulStep> : UsualStep {
  using Table = format::MatMul;
  static constexpr std::string_view name = "matmul";
  static constexpr int operands = 2;
  static constexpr bool takes_residual = true;
  static auto fields(auto& s) { return std::tie(s.transpose_b, s.epilogue); }
};
template <>
struct StepTraits<ResizeStep> : UsualStep {
  using Table = format::Resize;
  static constexpr std::string_view name = "resize";
  static auto fields(auto& s) {
    return std::tie(s.row, s.row_weight, s.column, s.column_weight, s.epilogue);
  }
};
template <>
struct StepTraits<PermuteStep> : UsualStep {
  using Table = format::Permute;
  static constexpr std::string_view name = "permute";
  static constexpr bool moves = true;
  static auto fields(auto& s) { return std::tie(s.dims, s.perm); }
};
template <>
struct StepTraits<ConstantStep> : UsualStep {
  using Table = format::ConstantTensor;
  static constexpr std::string_view name = "constant";
  static constexpr int operands = 0;
  static auto fields(auto& s) { return std::tuple(InConstants{s.values, "values"}); }
};
template <>
struct StepTraits<LookupStep> : UsualStep {
  using Table = format::Lookup;
  static constexpr std::string_view name = "lookup";
  static auto fields(auto& s) { return std::tie(s.table); }
};
template <>
struct StepTraits<DivideStep> : UsualStep {
  using Table = format::Divide;
  static constexpr std::string_view name = "divide";
  static constexpr int operands = 2;
  static auto fields(auto& s) { return std::tie(s.epilogue); }
};

// f(StepTraits of the step that it holds).
template <class Function>
auto with_traits(const StepOperator& op, const Function& f) {
  return std::visit([&]<class Step>(const Step&) { return f(StepTraits<Step>{}); }, op);
}

// Null where stored values move, or are looked up or held.
template <class Step>
const Epilogue* epilogue_of(const Step& step) {
  if constexpr (std::is_same_v<Step, PoolStep>) {
    return step.kind == PoolStep::Kind::average ? &step.epilogue : nullptr;
  } else if constexpr (requires { step.epilogue; }) {
    return &step.epilogue;
  } else {
    return nullptr;
  }
}
inline const Epilogue* epilogue_of(const StepOperator& op) {
  return std::visit([](const auto& step) { return epilogue_of(step); }, op);
}

}  // namespace octavo
