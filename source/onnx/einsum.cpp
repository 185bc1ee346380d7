// Einsum of one or two operands: sums over axes that only one operand has, and then a product of
// matrices between moves of axes. An axis that both operands and the result have counts the
// products; one that the result has not is summed by the product.
#include "onnx/einsum.h"

#include <algorithm>

#include "base/text.h"

namespace octavo::onnx {

namespace {

// "ij,jk->ik". Without an arrow the result has, in the order of letters, the axes that occur once.
struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

std::optional<Equation> read_equation(NodeContext& node) {
  std::string text = node.text("equation", "");
  const std::string stated = text;
  const auto refuse = [&](std::string_view why) {
    node.fail(concat("its equation ", quoted(stated), " ", why));
    return std::nullopt;
  };
  std::erase(text, ' ');
  if (text.find('.') != std::string::npos) return refuse("has an ellipsis, which is not known");
  Equation out;
  const size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  for (size_t comma; (comma = left.find(',')) != std::string::npos; left.erase(0, comma + 1)) {
    out.operands.push_back(left.substr(0, comma));
  }
  out.operands.push_back(left);
  std::string all;
  for (const std::string& operand : out.operands) all += operand;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (arrow != std::string::npos) {
    out.result = text.substr(arrow + 2);
  } else {
    std::string sorted = all;
    std::sort(sorted.begin(), sorted.end());
    for (const char c : sorted) {
      if (std::count(all.begin(), all.end(), c) == 1) out.result += c;
    }
  }
  for (const std::string& axes : out.operands) {
    for (const char c : axes) {
      if (!is_letter(c)) return refuse("is none of letters");
      if (std::count(axes.begin(), axes.end(), c) > 1) return refuse("takes a diagonal");
    }
  }
  for (const char c : out.result) {
    const bool once = std::count(out.result.begin(), out.result.end(), c) == 1;
    if (!once || all.find(c) == std::string::npos) return refuse("has an impossible result");
  }
  if (out.operands.size() != node.input_count()) return refuse("has another number of operands");
  return out;
}

// A value and the letters of its axes.
struct Lettered {
  Value value;
  std::string axes;

  int64_t size(char c) const { return value.shape()[axes.find(c)]; }
  bool has(char c) const { return axes.find(c) != std::string::npos; }
};

Lettered summed(NodeContext& node, Lettered x, const std::string& kept) {
  Reduce reduce{Reduce::Kind::sum, {}, false};
  std::string rest;
  for (size_t i = 0; i < x.axes.size(); ++i) {
    if (kept.find(x.axes[i]) == std::string::npos) {
      reduce.axes.push_back(static_cast<int>(i));
    } else {
      rest += x.axes[i];
    }
  }
  if (reduce.axes.empty()) return x;
  return {node.emit_part("sum", std::move(reduce), {x.value}), rest};
}

// The axes in another order.
Value turned(NodeContext& node, const Lettered& x, const std::string& axes) {
  Transpose op;
  for (const char c : axes) op.perm.push_back(static_cast<int>(x.axes.find(c)));
  return x.axes == axes ? x.value : node.emit_part("turned", std::move(op), {x.value});
}

int64_t product_of(const Lettered& a, const Lettered& b, const std::string& axes) {
  int64_t out = 1;
  for (const char c : axes) out *= a.has(c) ? a.size(c) : b.size(c);
  return out;
}

// Nothing is summed: operands laid out alike are multiplied.
Outputs element_product(NodeContext& node, const Lettered& a, const Lettered& b,
                        const std::string& result) {
  std::vector<Value> factors;
  for (const Lettered* x : {&a, &b}) {
    std::string own;
    Shape shape;
    for (const char c : result) {
      if (x->has(c)) own += c;
      shape.push_back(x->has(c) ? x->size(c) : 1);
    }
    factors.push_back(node.emit_part("axes", Reshape{shape}, {turned(node, *x, own)}));
  }
  return {node.emit(Binary{Binary::Kind::multiply}, factors)};
}

Outputs matrix_product(NodeContext& node, const Lettered& a, const Lettered& b,
                       const std::string& result) {
  std::string batch, rows, columns, inner;
  for (const char c : a.axes) {
    const bool in_result = result.find(c) != std::string::npos;
    (b.has(c) ? (in_result ? batch : inner) : rows) += c;
  }
  for (const char c : b.axes) {
    if (!a.has(c)) columns += c;
  }
  if (inner.empty()) return element_product(node, a, b, result);
  const int64_t k = product_of(a, b, inner), m = product_of(a, b, rows);
  const int64_t n = product_of(a, b, columns), count = product_of(a, b, batch);
  Shape left{m, k}, right{k, n};
  if (!batch.empty()) {
    left.insert(left.begin(), count);
    right.insert(right.begin(), count);
  }
  const Value x = node.emit_part("left", Reshape{left}, {turned(node, a, batch + rows + inner)});
  const Value w =
      node.emit_part("right", Reshape{right}, {turned(node, b, batch + inner + columns)});
  const Value made = node.emit(MatMul{}, {x, w});
  if (node.failed()) return {};
  Shape shape;
  for (const char c : batch + rows + columns) shape.push_back(a.has(c) ? a.size(c) : b.size(c));
  const Lettered out{node.emit_part("axes", Reshape{shape}, {made}), batch + rows + columns};
  return {turned(node, out, result)};
}

}  // namespace

Outputs einstein_sum(NodeContext& node) {
  const std::optional<Equation> equation = read_equation(node);
  if (!equation) return {};
  std::vector<Lettered> operands;
  for (size_t i = 0; i < equation->operands.size(); ++i) {
    const std::string& axes = equation->operands[i];
    if (node.input(i).shape().size() != axes.size()) {
      return node.fail(concat("operand ", i, " is ", list_text(node.input(i).shape()),
                              ", its axes ", quoted(axes)));
    }
    operands.push_back({node.input(i), axes});
  }
  const std::string& result = equation->result;
  if (operands.size() == 1) {
    const Lettered x = summed(node, operands[0], result);
    if (node.failed()) return {};
    return {turned(node, x, result)};
  }
  for (const char c : operands[0].axes) {
    if (operands[1].has(c) && operands[0].size(c) != operands[1].size(c)) {
      return node.fail(concat("axis ", std::string(1, c), " has two sizes"));
    }
  }
  const Lettered a = summed(node, operands[0], result + operands[1].axes);
  const Lettered b = summed(node, operands[1], result + operands[0].axes);
  if (node.failed()) return {};
  return matrix_product(node, a, b, result);
}

}  // namespace octavo::onnx
