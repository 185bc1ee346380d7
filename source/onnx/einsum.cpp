// Einsum, operand by operand: what two of them have in common becomes the batch or the inner
// axis of a matrix product, the rest its rows and columns.
#include "onnx/einsum.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "onnx/movement.h"

namespace octavo::onnx {

namespace {

// Letters of axes. "..." is written out: a digit an axis, the last is '0'.
using Axes = std::string;

struct Equation {
  std::vector<Axes> operands;
  Axes result;
};

struct Term {
  Value value;
  Axes axes;

  int64_t size(char axis) const { return value.shape()[axes.find(axis)]; }
  bool has(char axis) const { return axes.find(axis) != Axes::npos; }
};

constexpr std::string_view dots = "...";

// The digits for `count` axes in front of `text`'s dots, or why the text is none.
Axes written_out(NodeContext& node, std::string_view text, size_t count) {
  Axes out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (text.substr(i, dots.size()) == dots) {
      for (size_t digit = count; digit-- > 0;) out += static_cast<char>('0' + digit);
      i += dots.size() - 1;
    } else if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
      out += letter;
    } else {
      node.fail(concat("its equation has ", quoted(std::string(1, letter)), " in it"));
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (size_t at; (at = text.find(separator)) != std::string_view::npos;) {
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  out.push_back(text);
  return out;
}

// Without "->", the axes that appear once, in the order of the alphabet, behind the dots'.
Axes implied_result(const std::vector<Axes>& operands) {
  Axes all, digits, letters;
  for (const Axes& axes : operands) all += axes;
  for (const char axis : std::set<char>(all.begin(), all.end())) {
    if (axis <= '9') {
      digits.insert(digits.begin(), axis);
    } else if (std::count(all.begin(), all.end(), axis) == 1) {
      letters += axis;
    }
  }
  return digits + letters;
}

Equation read_equation(NodeContext& node) {
  std::string text = node.text("equation", "");
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  const auto operands = split(std::string_view(text).substr(0, arrow), ',');
  Equation out;
  if (operands.size() != node.input_count()) {
    node.fail(concat("its equation ", quoted(text), " is of ", operands.size(), " operands, it has ",
                     node.input_count()));
    return out;
  }
  constexpr size_t most_dots = 8;
  size_t longest = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    const size_t rank = node.input(i).shape().size();
    const bool dotted = operands[i].find(dots) != std::string_view::npos;
    const size_t letters = operands[i].size() - (dotted ? dots.size() : 0);
    const bool fits = dotted ? rank >= letters && rank - letters <= most_dots : rank == letters;
    if (!fits) {
      node.fail(concat("its equation gives operand ", i, " the axes ", quoted(operands[i]),
                       ", whose shape is ", list_text(node.input(i).shape())));
      return out;
    }
    longest = std::max(longest, dotted ? rank - letters : 0);
    out.operands.push_back(written_out(node, operands[i], dotted ? rank - letters : 0));
  }
  out.result = arrow == std::string::npos
                   ? implied_result(out.operands)
                   : written_out(node, std::string_view(text).substr(arrow + 2), longest);
  return out;
}

// Each letter at most once, and the result's among the operands'.
bool refuses_letters(NodeContext& node, const Equation& equation) {
  Axes known;
  for (const Axes& axes : equation.operands) {
    if (std::set<char>(axes.begin(), axes.end()).size() != axes.size()) {
      node.fail("its equation takes a diagonal, which is not known");
    }
    known += axes;
  }
  const Axes& result = equation.result;
  const bool once = std::set<char>(result.begin(), result.end()).size() == result.size();
  if (!once || result.find_first_not_of(known) != Axes::npos) {
    node.fail("its equation's result has an axis twice, or one that no operand has");
  }
  return node.failed();
}

// Axes of size 1 broadcast like numpy's; the same letter is one size otherwise.
bool refuses_sizes(NodeContext& node, const std::vector<Term>& terms) {
  for (const Term& a : terms) {
    for (const Term& b : terms) {
      for (const char axis : a.axes) {
        if (!b.has(axis) || a.size(axis) == b.size(axis)) continue;
        node.fail(concat("its equation's axis ", quoted(std::string(1, axis)), " is ", a.size(axis),
                         " and ", b.size(axis)));
        return true;
      }
    }
  }
  return false;
}

// The axes of a term in another order.
Value in_order(NodeContext& node, const Term& term, const Axes& order) {
  std::vector<int> perm;
  for (const char axis : order) perm.push_back(static_cast<int>(term.axes.find(axis)));
  if (order == term.axes) return term.value;
  return node.emit_part("order", Transpose{perm}, {term.value});
}

// A term without the axes that nothing else has.
void sum_over(NodeContext& node, Term& term, const Axes& kept) {
  std::vector<int> axes;
  Axes left;
  for (size_t i = 0; i < term.axes.size(); ++i) {
    if (kept.find(term.axes[i]) == Axes::npos) {
      axes.push_back(static_cast<int>(i));
    } else {
      left += term.axes[i];
    }
  }
  if (axes.empty()) return;
  term.value = node.emit_part("sum", Reduce{Reduce::Kind::sum, axes, false}, {term.value});
  term.axes = left;
}

Shape sizes(const Term& term, const Axes& axes) {
  Shape out;
  for (const char axis : axes) out.push_back(term.size(axis));
  return out;
}

// The product of two terms, summed over the axes that are in both and not `kept`.
Term contracted(NodeContext& node, const Term& a, const Term& b, const Axes& kept) {
  Axes batch, inner, rows, columns;
  for (const char axis : a.axes) {
    const bool shared = b.has(axis);
    (!shared ? rows : kept.find(axis) != Axes::npos ? batch : inner) += axis;
  }
  for (const char axis : b.axes) {
    if (!a.has(axis)) columns += axis;
  }
  const Value left = in_order(node, a, batch + rows + inner);
  const Value right = in_order(node, b, batch + inner + columns);
  if (node.failed()) return {};
  const Shape of_batch = sizes(a, batch), of_rows = sizes(a, rows), of_columns = sizes(b, columns);
  Shape whole = of_batch;
  whole.insert(whole.end(), of_rows.begin(), of_rows.end());
  whole.insert(whole.end(), of_columns.begin(), of_columns.end());
  const auto matrices = [&](int64_t first, int64_t second) {
    Shape shape = of_batch;
    shape.insert(shape.end(), {first, second});
    return shape;
  };
  const int64_t m = element_count(of_rows), n = element_count(of_columns);
  const int64_t k = element_count(sizes(a, inner));
  const Value p = reshaped(node, left, inner.empty() ? matrices(m, 1) : matrices(m, k));
  const Value q = reshaped(node, right, inner.empty() ? matrices(1, n) : matrices(k, n));
  if (node.failed()) return {};
  const Value product = inner.empty() ? node.emit(Binary{Binary::Kind::multiply}, {p, q})
                                      : node.emit(MatMul{}, {p, q});
  if (node.failed()) return {};
  return {reshaped(node, product, whole), batch + rows + columns};
}

}  // namespace

Outputs einstein_sum(NodeContext& node) {
  const Equation equation = read_equation(node);
  if (node.failed() || refuses_letters(node, equation)) return {};
  std::vector<Term> terms;
  for (size_t i = 0; i < equation.operands.size(); ++i) {
    terms.push_back({node.input(i), equation.operands[i]});
  }
  if (refuses_sizes(node, terms)) return {};
  for (size_t i = 0; i < terms.size() && !node.failed(); ++i) {
    Axes others = equation.result;
    for (size_t j = 0; j < terms.size(); ++j) {
      if (j != i) others += terms[j].axes;
    }
    sum_over(node, terms[i], others);
  }
  Term product = terms[0];
  for (size_t i = 1; i < terms.size() && !node.failed(); ++i) {
    Axes kept = equation.result;
    for (size_t j = i + 1; j < terms.size(); ++j) kept += terms[j].axes;
    product = contracted(node, product, terms[i], kept);
  }
  if (node.failed()) return {};
  return {in_order(node, product, equation.result)};
}

}  // namespace octavo::onnx
