// The table of ONNX operators: one row and one function each, in files by kind.
// Adding an operator is one function and one row.
#pragma once

#include <string_view>
#include <vector>

#include "onnx/context.h"

namespace octavo::onnx {

// The newest opset whose list of operator versions is in the tables.
constexpr int newest_opset = 24;

// What ONNX Runtime's optimizer and quantizer write; its only version is 1.
constexpr std::string_view microsoft_domain = "com.microsoft";

// What becomes of a quantized value that an operator reads: nothing may but what says so.
enum class StoredInputs : uint8_t {
  refused,
  moved,  // the operator is the same on stored values, and its outputs are stored alike
  read    // it knows of them
};

struct OperatorRow {
  std::string_view op_type;
  int least_inputs, most_inputs;  // any_number: no bound
  // Since-versions, ascending, up to newest_opset; those whose meaning the function
  // has, and those that exist but that it does not have.
  std::vector<int> known;
  Outputs (*function)(NodeContext& node);
  std::vector<int> unknown = {};
  std::string_view domain = "";
  StoredInputs stored = StoredInputs::refused;
};

constexpr int any_number = 1 << 20;

std::vector<OperatorRow> convolution_operators();
std::vector<OperatorRow> transposed_convolution_operators();
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
std::vector<OperatorRow> qlinear_operators();

struct OperatorChoice {
  const OperatorRow* row;
  int version;
};

// The row of an operator of a domain ("": ONNX's own) and its version in the file's opset, or why
// there is none.
Result<OperatorChoice> choose_operator(std::string_view domain, std::string_view op_type,
                                       int64_t opset);

}  // namespace octavo::onnx
