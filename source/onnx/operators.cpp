#include "onnx/operators.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"

namespace octavo::onnx {

namespace {

using Table = std::map<std::pair<std::string_view, std::string_view>, OperatorRow>;

Table make_table() {
  Table table;
  for (const auto rows :
       {convolution_operators, transposed_convolution_operators, pool_operators, matrix_operators,
        attention_operators, elementwise_operators, activation_operators,
        normalization_operators, reduction_operators,
        movement_operators, indexing_operators, shape_operators, resize_operators, logic_operators,
        quantization_operators, qlinear_operators}) {
    for (OperatorRow& row : rows()) {
      table.emplace(std::pair(row.domain, row.op_type), std::move(row));
    }
  }
  return table;
}

// Operators that a reader may expect here, and why they are not.
struct Refusal {
  std::string_view op_type, why;
};
constexpr std::string_view dynamic =
    "dynamic quantization finds its scales anew for every picture, which no plan does; build from "
    "the float file, or quantize it statically";
constexpr std::string_view few_bits =
    "weights of fewer than 8 bits are not known; quantize to 8, or build from the float file";
constexpr std::string_view recurrent =
    "recurrent layers are not known; replace them by convolutions or attention";
constexpr Refusal refusals[] = {
    {"LSTM", recurrent},
    {"GRU", recurrent},
    {"RNN", recurrent},
    {"ConvInteger", dynamic},
    {"MatMulInteger", dynamic},
    {"DynamicQuantizeLinear", dynamic},
    {"DynamicQuantizeMatMul", dynamic},
    {"MatMulIntegerToFloat", dynamic},
    {"MatMulNBits", few_bits},
    {"MatMulBnb4", few_bits},
    {"Loop", "control flow is not known; simplify the file (onnxsim or onnxslim)"},
    {"Scan", "control flow is not known; simplify the file (onnxsim or onnxslim)"},
};

Error no_row(std::string_view domain, std::string_view op_type, const Table& table) {
  if (domain == "com.amd.quark") {
    return rejected(
        "Quark's own operators (bfloat16, block floating point, other widths than 8 and 16) are "
        "not known; quantize to INT8 or INT16 in the QDQ form, or build from the float file");
  }
  if (!domain.empty() && domain != microsoft_domain) {
    return rejected(concat("operators of the domain ", quoted(domain),
                           " are not known; of ONNX Runtime's optimizations, those up to "
                           "ORT_ENABLE_EXTENDED are; else save the file without them"));
  }
  for (const Refusal& refusal : refusals) {
    if (refusal.op_type == op_type) return rejected(std::string(refusal.why));
  }
  std::vector<std::string> names;  // in order: the same suggestion every time
  for (const auto& [key, row] : table) {
    if (key.first == domain) names.emplace_back(key.second);
  }
  const std::string near = nearest_name(op_type, names);
  return rejected(concat("the operator is not known",
                         domain.empty() ? "" : concat(" in the domain ", quoted(domain)),
                         near.empty() ? "" : concat("; the nearest that is: ", near)));
}

int newest_until(const std::vector<int>& versions, int64_t opset) {
  int newest = 0;
  for (const int version : versions) {
    if (version <= opset) newest = std::max(newest, version);
  }
  return newest;
}

}  // namespace

Result<OperatorChoice> choose_operator(std::string_view domain, std::string_view op_type,
                                       int64_t opset) {
  static const Table table = make_table();
  const auto found = table.find({domain, op_type});
  if (found == table.end()) return no_row(domain, op_type, table);
  const OperatorRow& row = found->second;
  if (domain.empty() && opset > newest_opset) {
    return rejected(concat("its version in opset ", opset, " is not known; export with opset ",
                           newest_opset, " or older"));
  }
  const int known = newest_until(row.known, opset), unknown = newest_until(row.unknown, opset);
  if (known == 0 || unknown > known) {
    return rejected(concat("its version in opset ", opset, " is not known, those since opset ",
                           list_text(row.known), " are"));
  }
  return OperatorChoice{&row, known};
}

}  // namespace octavo::onnx
