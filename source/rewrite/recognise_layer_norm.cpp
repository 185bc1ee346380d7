// Layer normalization (Ba et al. 2016) written out, as exporters below opset 17 do:
// d = x - mean(x); d / sqrt(mean(d^2) + epsilon), over the last axis. The Mul and Add
// behind it become a ChannelAffine, which affine_into_previous takes into gamma and beta.
// x / sqrt(mean(x^2) + epsilon), RMS normalization (Zhang and Sennrich 2019), is the first half of
// the layer normalization of x and -x together, whose mean is 0.
#include "rewrite/table.h"
#include "rewrite/written_out.h"

namespace octavo {

namespace {

// x in a mean of x over the last axis that keeps it.
std::optional<TensorId> last_axis_mean(const Editor& editor, TensorId id) {
  const auto* reduce = made_by<Reduce>(editor, id);
  if (!reduce || reduce->kind != Reduce::Kind::mean || !reduce->keep_dims) return std::nullopt;
  const TensorId x = operand(editor, id, 0);
  const std::vector<int> last{static_cast<int>(editor.shape(x).size()) - 1};
  if (reduce->axes != last) return std::nullopt;
  return x;
}

bool is_square_of(const Editor& editor, TensorId id, TensorId d) {
  if (const auto power = binary_operands(editor, id, Binary::Kind::power)) {
    return power->a == d && scalar(editor, power->b) == 2.0;
  }
  const auto factors = binary_operands(editor, id, Binary::Kind::multiply);
  return factors && factors->a == d && factors->b == d;
}

// d and the deviation in d / deviation or d * (1 / deviation).
std::optional<Pair> quotient(const Editor& editor, TensorId id) {
  if (const auto direct = binary_operands(editor, id, Binary::Kind::divide)) return direct;
  const auto factors = binary_operands(editor, id, Binary::Kind::multiply);
  if (!factors) return std::nullopt;
  if (const auto deviation = unary_operand(editor, factors->b, Unary::Kind::reciprocal)) {
    return Pair{factors->a, *deviation};
  }
  if (const auto deviation = unary_operand(editor, factors->a, Unary::Kind::reciprocal)) {
    return Pair{factors->b, *deviation};
  }
  return std::nullopt;
}

bool by_root_mean_square(Editor& editor, NodeId id, TensorId x, float epsilon) {
  const int64_t channels = editor.shape(x).back();
  const int last = static_cast<int>(editor.shape(x).size()) - 1;
  if (channels > most_channels / 2) return false;
  const auto doubled = static_cast<size_t>(2 * channels);
  const TensorId negated = insert_scaled(editor, id, x, -1);
  const TensorId both = editor.insert(id, "", Concat{last}, {x, negated});
  const std::string name = editor.node(id).name;
  const TensorId gamma =
      editor.add_constant(name + "/gamma", {2 * channels}, std::vector<float>(doubled, 1));
  const TensorId beta =
      editor.add_constant(name + "/beta", {2 * channels}, std::vector<float>(doubled, 0));
  Gather first{last, {}};
  for (int64_t c = 0; c < channels; ++c) first.indices.push_back(c);
  editor.split(id, LayerNorm{epsilon}, {both, gamma, beta}, std::move(first));
  return true;
}

bool recognise(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto parts = quotient(editor, node.output);
  if (!parts) return false;
  const TensorId d = parts->a;
  const auto variance = unary_operand(editor, parts->b, Unary::Kind::sqrt);
  const auto sum = variance ? scalar_affine(editor, *variance) : std::nullopt;
  if (!sum || sum->scale != 1 || !(sum->shift >= 0)) return false;
  const auto square = last_axis_mean(editor, sum->x);
  if (!square || !is_square_of(editor, *square, d)) return false;
  const auto difference = binary_operands(editor, d, Binary::Kind::subtract);
  if (!difference || last_axis_mean(editor, difference->b) != difference->a) {
    return by_root_mean_square(editor, id, d, static_cast<float>(sum->shift));
  }
  const TensorId x = difference->a;
  const Shape channels{editor.shape(x).back()};
  const auto count = static_cast<size_t>(channels[0]);
  const std::string name = node.name;
  const TensorId gamma =
      editor.add_constant(name + "/gamma", channels, std::vector<float>(count, 1));
  const TensorId beta = editor.add_constant(name + "/beta", channels, std::vector<float>(count, 0));
  editor.replace(id, LayerNorm{static_cast<float>(sum->shift)}, {x, gamma, beta});
  return true;
}

}  // namespace

int recognise_layer_norm(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
