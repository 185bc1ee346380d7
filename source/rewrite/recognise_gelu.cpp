// GELU (Hendrycks and Gimpel 2016): x/2 (1 + erf(x / sqrt 2)), or by tanh:
// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Exporters differ in the order of factors.
#include <cmath>
#include <numbers>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// v in 1 + v.
std::optional<TensorId> less_one(const Editor& editor, TensorId id) {
  const auto sum = scalar_affine(editor, id);
  if (!sum || sum->scale != 1 || sum->shift != 1) return std::nullopt;
  return sum->x;
}

bool is_erf_of(const Editor& editor, TensorId id, TensorId x) {
  const auto argument = unary_operand(editor, id, Unary::Kind::erf);
  if (!argument) return false;
  const auto scaled = scalar_affine(editor, *argument);
  return scaled && scaled->x == x && scaled->shift == 0 &&
         near(scaled->scale, 1 / std::numbers::sqrt2);
}

// x * x * x, or a power of 3.
bool is_cube_of(const Editor& editor, TensorId id, TensorId x) {
  if (const auto power = binary_operands(editor, id, Binary::Kind::power)) {
    return power->a == x && scalar(editor, power->b) == 3.0;
  }
  if (editor.maker(id) == no_node) return false;
  const auto factors = product(editor, editor.maker(id));
  return factors && factors->scale == 1 && factors->factors == std::vector<TensorId>(3, x);
}

// 0.044715 x^3.
bool is_cubic_term(const Editor& editor, TensorId id, TensorId x) {
  constexpr double coefficient = 0.044715;
  if (const auto scaled = scalar_affine(editor, id)) {
    return scaled->shift == 0 && near(scaled->scale, coefficient) &&
           is_cube_of(editor, scaled->x, x);
  }
  if (editor.maker(id) == no_node) return false;
  const auto factors = product(editor, editor.maker(id));
  return factors && near(factors->scale, coefficient) &&
         factors->factors == std::vector<TensorId>(3, x);
}

bool is_tanh_of(const Editor& editor, TensorId id, TensorId x) {
  const auto argument = unary_operand(editor, id, Unary::Kind::tanh);
  const auto scaled = argument ? scalar_affine(editor, *argument) : std::nullopt;
  if (!scaled || scaled->shift != 0 || !near(scaled->scale, std::sqrt(2 / std::numbers::pi))) {
    return false;
  }
  const auto sum = binary_operands(editor, scaled->x, Binary::Kind::add);
  return sum && ((sum->a == x && is_cubic_term(editor, sum->b, x)) ||
                 (sum->b == x && is_cubic_term(editor, sum->a, x)));
}

bool recognise(Editor& editor, NodeId id) {
  const auto factors = product(editor, id);
  if (!factors || factors->factors.size() != 2 || !near(factors->scale, 0.5)) return false;
  for (const size_t side : {0, 1}) {
    const TensorId x = factors->factors[side];
    const auto inner = less_one(editor, factors->factors[1 - side]);
    if (!inner) continue;
    const bool exact = is_erf_of(editor, *inner, x);
    if (!exact && !is_tanh_of(editor, *inner, x)) continue;
    editor.replace(id, Unary{exact ? Unary::Kind::gelu : Unary::Kind::gelu_tanh}, {x});
    return true;
  }
  return false;
}

}  // namespace

int recognise_gelu(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
