#include "command/hb_style.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "command/print.h"
#include "quantize/types.h"

namespace octavo::command {

namespace {

// Columns as wide as their widest cell, two spaces behind each, a line above and below the names.
std::string ruled(std::vector<std::vector<std::string>> rows) {
  std::vector<size_t> width(rows.front().size(), 0);
  for (auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = printable(row[i]);
      width[i] = std::max(width[i], row[i].size());
    }
  }
  size_t total = 0;
  for (const size_t w : width) total += w + 2;
  std::string out = std::string(total, '=') + "\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < width.size(); ++i) {
      out += fmt::format("{:<{}}  ", rows[r][i], width[i]);
    }
    out += r == 0 ? concat("\n", std::string(total, '-'), "\n") : "\n";
  }
  return out;
}

// The name under which its users know what a step does, as it is formed and as a plan has it.
struct HbType {
  const char* operator()(const form::Pool& pool) const {
    return pool.op.kind == Pool2d::Kind::maximum ? "MaxPool" : "AveragePool";
  }
  const char* operator()(const PoolStep& pool) const {
    return pool.kind == PoolStep::Kind::maximum ? "MaxPool" : "AveragePool";
  }
  const char* operator()(const form::Convolution&) const { return "Conv"; }
  const char* operator()(const ConvolutionStep&) const { return "Conv"; }
  const char* operator()(const form::Add&) const { return "Add"; }
  const char* operator()(const AddStep&) const { return "Add"; }
  const char* operator()(const form::Multiply&) const { return "Mul"; }
  const char* operator()(const MultiplyStep&) const { return "Mul"; }
  const char* operator()(const form::Divide&) const { return "Div"; }
  const char* operator()(const DivideStep&) const { return "Div"; }
  const char* operator()(const form::Rescale&) const { return "BatchNormalization"; }
  const char* operator()(const RescaleStep&) const { return "BatchNormalization"; }
  const char* operator()(const form::Lookup&) const { return "BatchNormalization"; }
  const char* operator()(const LookupStep&) const { return "BatchNormalization"; }
  const char* operator()(const form::LayerNorm&) const { return "LayerNormalization"; }
  const char* operator()(const LayerNormStep&) const { return "LayerNormalization"; }
  const char* operator()(const form::L2Normalize&) const { return "LpNormalization"; }
  const char* operator()(const L2NormalizeStep&) const { return "LpNormalization"; }
  const char* operator()(const form::Softmax&) const { return "Softmax"; }
  const char* operator()(const SoftmaxStep&) const { return "Softmax"; }
  const char* operator()(const form::MatMul&) const { return "MatMul"; }
  const char* operator()(const MatMulStep&) const { return "MatMul"; }
  const char* operator()(const form::Resize&) const { return "Resize"; }
  const char* operator()(const ResizeStep&) const { return "Resize"; }
  const char* operator()(const form::Gather&) const { return "Gather"; }
  const char* operator()(const GatherStep&) const { return "Gather"; }
  const char* operator()(const form::Concat&) const { return "Concat"; }
  const char* operator()(const ConcatStep&) const { return "Concat"; }
  const char* operator()(const form::Reshape&) const { return "Reshape"; }
  const char* operator()(const ReshapeStep&) const { return "Reshape"; }
  const char* operator()(const form::Permute&) const { return "Transpose"; }
  const char* operator()(const PermuteStep&) const { return "Transpose"; }
  const char* operator()(const form::Constant&) const { return "Constant"; }
  const char* operator()(const ConstantStep&) const { return "Constant"; }
};

const char* data_type(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
      return "int8";
    case ElementType::i16:
    case ElementType::u16:
      return "int16";
    case ElementType::f32:
      return "float";
  }
  return "--";
}

// The largest magnitude that the stored values can stand for.
std::string threshold(const PlanTensor& tensor) {
  if (tensor.type == ElementType::f32) return "--";
  const bool from_zero = tensor.type == ElementType::u8 || tensor.type == ElementType::u16;
  const bool byte = tensor.type == ElementType::u8 || tensor.type == ElementType::i8;
  const double span = byte ? 255 : 65535;
  const double low = from_zero ? 0 : byte ? -127 : -32768;
  const double high = from_zero ? span : byte ? 127 : 32767;
  double most = 0;
  for (size_t c = 0; c < std::max(tensor.scale.size(), tensor.zero_point.size()); ++c) {
    const double scale = tensor.scale[tensor.scale.size() == 1 ? 0 : c];
    const double zero = tensor.zero_point[tensor.zero_point.size() == 1 ? 0 : c];
    most = std::max(most, scale * std::max(std::fabs(low - zero), std::fabs(high - zero)));
  }
  return fixed(most, 6);
}

}  // namespace

Status check_hb_style(const std::string& style) {
  if (style.empty() || style == "hb") return {};
  return usage_error(concat("--style ", quoted(style), ": known is hb"));
}

std::string hb_check_table(const Graph& graph, const FormedSteps& formed, bool whole,
                           const std::vector<HbNode>& others) {
  std::vector<std::vector<std::string>> cells{
      {"Node", "ON", "Subgraph", "Type", "In/Out DataType"}};
  std::vector<ElementType> types(graph.tensors.size(), ElementType::u8);
  if (whole) {
    if (auto stored = stored_types(graph, formed, {})) types = std::move(stored->of);
    types[formed.stored_as[graph.output]] = ElementType::f32;
  }
  for (const FormedStep& step : formed.steps) {
    if (step.nodes.empty()) continue;  // a constant
    const char* read = step.inputs.empty() ? "--" : data_type(types[step.inputs.front()]);
    cells.push_back({graph.nodes[step.nodes.back()].name, "CPU", "id(0)",
                     std::visit(HbType{}, step.form),
                     concat(read, "/", data_type(types[step.output]))});
  }
  for (const HbNode& node : others) {
    cells.push_back({node.name, node.can_run ? "CPU" : "--", node.can_run ? "id(0)" : "--",
                     node.op_type, node.can_run ? "int8/int8" : "float/float"});
  }
  return ruled(std::move(cells));
}

std::string hb_build_tables(const Plan& plan, const OutputDistance& output) {
  std::vector<std::string> cosine(plan.steps.size(), "--");
  for (const StepReport& report : plan.report) cosine[report.step] = fixed(report.cosine, 6);
  std::vector<std::vector<std::string>> cells{
      {"Node", "ON", "Subgraph", "Type", "Cosine Similarity", "Threshold", "In/Out DataType"}};
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const PlanTensor& made = plan.tensors[step.output];
    const char* read =
        step.inputs.empty() ? "--" : data_type(plan.tensors[step.inputs.front()].type);
    cells.push_back({step.name, "CPU", "id(0)", std::visit(HbType{}, step.op), cosine[i],
                     threshold(made), concat(read, "/", data_type(made.type))});
  }
  const std::string name = plan.steps.empty() ? "output" : plan.steps.back().name;
  return concat(
      "The converted model node information:\n", ruled(std::move(cells)),
      "\nThe quantify model output:\n",
      ruled({{"Node", "Cosine Similarity", "L1 Distance", "L2 Distance", "Chebyshev Distance"},
             {name, fixed(output.cosine, 6), fixed(output.l1, 6), fixed(output.l2, 6),
              fixed(output.chebyshev, 6)}}));
}

}  // namespace octavo::command
