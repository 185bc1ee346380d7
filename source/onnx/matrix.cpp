// MatMul and Gemm, and what ONNX Runtime's optimizer makes of them.
#include "base/text.h"
#include "onnx/einsum.h"
#include "onnx/fused.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

// A vector operand counts as a matrix of one row (left) or one column (right), and its
// axis is dropped from the result.
Outputs matrix_product(NodeContext& node) {
  Value a = node.input(0), b = node.input(1);
  const Shape a_shape = a.shape(), b_shape = b.shape();
  if (a_shape.empty() || b_shape.empty()) return node.fail("an operand has no axes");
  if (a_shape.size() == 1) a = node.emit_part("row", Reshape{{1, a_shape[0]}}, {a});
  if (b_shape.size() == 1) b = node.emit_part("column", Reshape{{b_shape[0], 1}}, {b});
  Value out = node.emit(MatMul{false}, {a, b});
  if (node.failed() || (a_shape.size() > 1 && b_shape.size() > 1)) return {out};
  Shape shape = out.shape();
  if (b_shape.size() == 1) shape.pop_back();
  if (a_shape.size() == 1) shape.erase(shape.end() - (b_shape.size() == 1 ? 1 : 2));
  return {node.emit_part("vector", Reshape{shape}, {out})};
}

Value scaled(NodeContext& node, const Value& x, float factor, std::string_view part) {
  if (factor == 1) return x;
  return node.emit_part(part, Binary{Binary::Kind::multiply}, {x, scalar(factor)});
}

// alpha * A * B + beta * C. A constant C that is the same for every row becomes the bias.
Outputs general_product(NodeContext& node) {
  const float alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  const bool transpose_a = node.integer("transA", 0) != 0;
  const MatMul op{node.integer("transB", 0) != 0};
  Value a = node.input(0), b = node.input(1);
  if (a.shape().size() != 2 || b.shape().size() != 2) {
    return node.fail(
        concat("needs two matrices, found ", list_text(a.shape()), " and ", list_text(b.shape())));
  }
  if (transpose_a) a = node.emit_part("transpose_a", Transpose{{1, 0}}, {a});
  b = scaled(node, b, alpha, "alpha");
  const int64_t columns = b.is_absent() ? 0 : b.shape()[op.transpose_b ? 0 : 1];
  if (!node.has_input(2) || beta == 0) return {node.emit(op, {a, b})};
  Value c = scaled(node, node.input(2), beta, "beta");
  if (node.failed()) return {};
  const int64_t last = c.shape().empty() ? 1 : c.shape().back();
  if (c.is_constant() && element_count(c.shape()) == last && (last == columns || last == 1)) {
    c = node.emit_part("bias", Reshape{{last}}, {c});
    if (last != columns) c = node.emit_part("bias", Expand{{columns}}, {c});
    return {node.emit(op, {a, b, c})};
  }
  const Value product = node.emit_part("product", op, {a, b});
  return {node.emit(Binary{Binary::Kind::add}, {product, c})};
}

Outputs fused_general_product(NodeContext& node) {
  std::vector<float> parameters;
  for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    if (node.attribute(name) != nullptr) parameters.push_back(node.real(name, 0));
  }
  const Outputs outputs = general_product(node);
  if (node.failed() || outputs.empty()) return {};
  return {with_activation(node, outputs[0], parameters)};
}

// alpha * A * B, the last two axes of either turned.
Outputs fused_matrix_product(NodeContext& node) {
  const float alpha = node.real("alpha", 1);
  const bool turned_batch =
      node.integer("transBatchA", 0) != 0 || node.integer("transBatchB", 0) != 0;
  Value a = node.input(0), b = node.input(1);
  if (turned_batch) return node.fail("it turns the axes of its batch, which is not known");
  if (a.shape().size() < 2 || b.shape().size() < 2) return node.fail("an operand is no matrix");
  if (node.integer("transA", 0) != 0) {
    std::vector<int> perm;
    for (size_t i = 0; i < a.shape().size(); ++i) perm.push_back(static_cast<int>(i));
    std::swap(perm.back(), perm[perm.size() - 2]);
    a = node.emit_part("transpose_a", Transpose{perm}, {a});
  }
  const MatMul op{node.integer("transB", 0) != 0};
  if (b.is_constant()) return {node.emit(op, {a, scaled(node, b, alpha, "alpha")})};
  return {node.emit(op, {scaled(node, a, alpha, "alpha"), b})};
}

}  // namespace

std::vector<OperatorRow> matrix_operators() {
  return {
      {"MatMul", 2, 2, {1, 9, 13}, matrix_product},
      {"Gemm", 2, 3, {7, 9, 11, 13}, general_product, {1, 6}},
      {"Einsum", 1, any_number, {12}, einstein_sum},
      {"FusedGemm", 2, 3, {1}, fused_general_product, {}, microsoft_domain},
      {"FusedMatMul", 2, 2, {1}, fused_matrix_product, {}, microsoft_domain},
  };
}

}  // namespace octavo::onnx
