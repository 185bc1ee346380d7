// The table of ONNX operators: one row and one function each, in files by kind.
// Adding an operator is one function and one row.
#pragma once

#include <string_view>
#include <vector>

#include "onnx/context.h"

namespace octavo::onnx {

// The newest opset whose list of operator versions is in the tables.
constexpr int newest_opset = 24;

struct OperatorRow {
  std::string_view op_type;
  int least_inputs, most_inputs;  // any_number: no bound
  // Since-versions, ascending, up to newest_opset; those whose meaning the function
  // has, and those that exist but that it does not have.
  std::vector<int> known;
  Outputs (*function)(NodeContext& node);
  std::vector<int> unknown = {};
  std::string_view domain = "";
};

// What ONNX Runtime's optimizer writes; its only version is 1.
constexpr std::string_view microsoft_domain = "com.microsoft";

constexpr int any_number = 1 << 20;

std::vector<OperatorRow> convolution_operators();
std::vector<OperatorRow> pool_operators();
std::vector<OperatorRow> matrix_operators();
std::vector<OperatorRow> attention_operators();
std::vector<OperatorRow> elementwise_operators();
std::vector<OperatorRow> activation_operators();
std::vector<OperatorRow> normalization_operators();
std::vector<OperatorRow> reduction_operators();
std::vector<OperatorRow> movement_operators();
std::vector<OperatorRow> indexing_operators();
std::vector<OperatorRow> shape_operators();
std::vector<OperatorRow> resize_operators();
std::vector<OperatorRow> logic_operators();
std::vector<OperatorRow> quantization_operators();

struct OperatorChoice {
  const OperatorRow* row;
  int version;
};

// The row of an operator of a domain ("": ONNX's own) and its version in the file's opset, or why
// there is none.
Result<OperatorChoice> choose_operator(std::string_view domain, std::string_view op_type,
                                       int64_t opset);

}  // namespace octavo::onnx
