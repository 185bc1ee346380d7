// What rewrites look for: matching from a node backwards.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/editor.h"

namespace octavo {

// The operator of the node that makes the tensor, if it is an Op.
template <class Op>
const Op* made_by(const Editor& editor, TensorId id) {
  const NodeId maker = editor.maker(id);
  return maker == no_node ? nullptr : std::get_if<Op>(&editor.node(maker).op);
}

// The operand of the node that makes the tensor (which has a maker).
TensorId operand(const Editor& editor, TensorId id, size_t index);

// The input of a unary of the kind that makes the tensor.
std::optional<TensorId> unary_operand(const Editor& editor, TensorId id, Unary::Kind kind);

// Both operands of a Binary of the kind that makes the tensor.
struct Pair {
  TensorId a, b;
};
std::optional<Pair> binary_operands(const Editor& editor, TensorId id, Binary::Kind kind);

// The value of a constant of one element.
std::optional<double> scalar(const Editor& editor, TensorId id);

// x * scale + shift with one number each: an addition, subtraction, product or quotient
// with a constant of one element, or a ChannelAffine of equal entries.
struct ScalarAffine {
  TensorId x;
  double scale = 1, shift = 0;
};
std::optional<ScalarAffine> scalar_affine(const Editor& editor, TensorId id);

// A product, flattened through products and scalings that nothing else reads.
struct Product {
  double scale = 1;
  std::vector<TensorId> factors;
};
std::optional<Product> product(const Editor& editor, NodeId root);

// Constants in files are rounded, in half-precision files to 11 bits.
bool near(double a, double b);

// Scale and shift of a ChannelAffine in double precision.
struct Affine {
  std::vector<double> scale, shift;
};
// Along `axis`: a ChannelAffine of equal entries lies along every axis.
std::optional<Affine> affine_along(const Editor& editor, NodeId id, int axis);
bool uniform(const std::vector<float>& values);
// Up to this many entries one number may be written out for all channels of a hostile file.
constexpr int64_t most_channels = int64_t{1} << 20;

const std::vector<float>& values(const Editor& editor, TensorId id);
// Rounded once; nothing where one is not finite in float.
std::optional<std::vector<float>> to_float(const std::vector<double>& values);
std::vector<double> to_double(const std::vector<float>& values);

}  // namespace octavo
