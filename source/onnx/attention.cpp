// Attention of opset 23, written out: softmax(q k^T scale + mask) v for every head.
#include <cmath>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

// [n, tokens, heads * d] as [n, heads, tokens, d]; four axes are so already.
Value by_heads(NodeContext& node, const Value& x, int64_t heads, std::string_view part) {
  const Shape& shape = x.shape();
  if (shape.size() == 4) return x;
  const Value split =
      node.emit_part(part, Reshape{{shape[0], shape[1], heads, shape[2] / heads}}, {x});
  return node.emit_part(part, Transpose{{0, 2, 1, 3}}, {split});
}

// Heads of the three inputs, which must agree; 0 and a failure where they do not.
int64_t heads_of(NodeContext& node) {
  const int64_t q_heads = node.integer("q_num_heads", 0);
  const int64_t kv_heads = node.integer("kv_num_heads", 0);
  const size_t rank = node.input(0).shape().size();
  for (size_t i = 0; i < 3; ++i) {
    const Shape& shape = node.input(i).shape();
    if (shape.size() != rank || (rank != 3 && rank != 4)) {
      node.fail(concat("input ", i, " has the shape ", list_text(shape),
                       ", expected three or four axes in all of q, k and v"));
      return 0;
    }
    const int64_t heads = rank == 4 ? shape[1] : i == 0 ? q_heads : kv_heads;
    if (heads < 1 || (rank == 3 && shape[2] % heads != 0)) {
      node.fail(
          concat("input ", i, " of shape ", list_text(shape), " cannot have ", heads, " heads"));
      return 0;
    }
  }
  const int64_t heads = rank == 4 ? node.input(0).shape()[1] : q_heads;
  for (size_t i = 1; i < 3; ++i) {
    const int64_t other = rank == 4 ? node.input(i).shape()[1] : kv_heads;
    if (other == heads) continue;
    node.fail(concat("q has ", heads, " heads, k and v ", other, "; only equal numbers are known"));
    return 0;
  }
  return heads;
}

bool refuses_variants(NodeContext& node) {
  if (node.integer("is_causal", 0) != 0) {
    node.fail("is_causal is not known");
  } else if (node.real("softcap", 0) != 0) {
    node.fail("softcap is not known");
  } else if (node.has_input(4) || node.has_input(5)) {
    node.fail("past keys and values are not known");
  } else if (node.reads_output(1) || node.reads_output(2) || node.reads_output(3)) {
    node.fail("only its first output is known");
  }
  return node.failed();
}

Outputs attention(NodeContext& node) {
  node.integer("softmax_precision", 1);  // float32 here
  node.integer("qk_matmul_output_mode", 0);
  const int64_t heads = refuses_variants(node) ? 0 : heads_of(node);
  if (node.failed()) return {};
  const Value q = by_heads(node, node.input(0), heads, "q");
  const Value k = by_heads(node, node.input(1), heads, "k");
  const Value v = by_heads(node, node.input(2), heads, "v");
  const auto width = static_cast<float>(q.shape().back());
  const float scale = node.real("scale", 1 / std::sqrt(width));
  const Value products = node.emit_part("qk", MatMul{true}, {q, k});
  Value scores = node.emit_part("scale", Binary{Binary::Kind::multiply}, {products, scalar(scale)});
  if (node.has_input(3)) {
    scores = node.emit_part("mask", Binary{Binary::Kind::add}, {scores, node.input(3)});
  }
  const Value weights = node.emit_part("softmax", Softmax{3}, {scores});
  const Value out = node.emit(MatMul{}, {weights, v});
  if (node.failed() || node.input(0).shape().size() == 4) return {out};
  const Value tokens = node.emit_part("joined", Transpose{{0, 2, 1, 3}}, {out});
  if (node.failed()) return {};
  const Shape& shape = tokens.shape();
  return {node.emit_part("joined", Reshape{{shape[0], shape[1], shape[2] * shape[3]}}, {tokens})};
}

}  // namespace

std::vector<OperatorRow> attention_operators() {
  return {{"Attention", 3, 6, {23, 24}, attention}};
}

}  // namespace octavo::onnx
