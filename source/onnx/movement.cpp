// Operators that change shapes and order.
#include "onnx/movement.h"

#include <algorithm>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

Value reshaped(NodeContext& node, const Value& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.is_constant() && x.constant.size() == 0 && element_count(shape) == 0) {
    Constant empty = x.constant;
    empty.shape = shape;
    return empty;
  }
  return node.emit(Reshape{shape}, {x});
}

namespace {

Outputs identity(NodeContext& node) {
  return {node.input(0)};
}

// -1: what is left over; 0: the input's size, unless allowzero says that it means zero.
Outputs reshape(NodeContext& node) {
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  std::optional<Shape> shape = node.integers_input(1, "the target shape");
  if (!shape) return {};
  const Shape& x = node.input(0).shape();
  const std::string stated = list_text(*shape);
  std::optional<size_t> open;
  int64_t known = 1;
  for (size_t axis = 0; axis < shape->size(); ++axis) {
    int64_t& size = (*shape)[axis];
    if (size == 0 && !zero_is_zero) {
      if (axis >= x.size()) return node.fail(concat(stated, " copies an axis that is not there"));
      size = x[axis];
    }
    if (size == -1 && !open) {
      open = axis;
    } else if (size < 0 || size > (int64_t{1} << 31) / std::max<int64_t>(known, 1)) {
      return node.fail(concat("the target shape ", stated, " is impossible"));
    } else {
      known *= size;
    }
  }
  const int64_t elements = element_count(x);
  if (open) {
    if (known == 0 || elements % known != 0) {
      return node.fail(concat(list_text(x), " does not divide into ", stated));
    }
    (*shape)[*open] = elements / known;
  }
  return {reshaped(node, node.input(0), *shape)};
}

Outputs flatten(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  const auto rank = static_cast<int64_t>(x.size());
  int64_t axis = node.integer("axis", 1);
  if (axis < -rank || axis > rank) return node.fail(concat("axis ", axis, " of ", rank, " axes"));
  if (axis < 0) axis += rank;
  const int64_t outer = element_count(Shape(x.begin(), x.begin() + axis));
  return {reshaped(node, node.input(0), {outer, element_count(Shape(x.begin() + axis, x.end()))})};
}

// An attribute before opset 13, an input since.
std::optional<Shape> axes_of(NodeContext& node) {
  if (node.version() < 13) return node.integers("axes");
  if (!node.has_input(1)) return std::nullopt;
  return node.integers_input(1, "the list of axes");
}

Outputs squeeze(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  const std::optional<Shape> axes = axes_of(node);
  std::vector<bool> dropped(x.size(), false);
  for (size_t i = 0; !axes && i < x.size(); ++i) dropped[i] = x[i] == 1;
  for (const int64_t axis : axes.value_or(Shape{})) {
    const auto at = static_cast<size_t>(node.normalized_axis(axis, x.size()));
    if (node.failed()) return {};
    if (x[at] != 1) return node.fail(concat("axis ", at, " of ", list_text(x), " is not 1"));
    dropped[at] = true;
  }
  Shape out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!dropped[i]) out.push_back(x[i]);
  }
  return {reshaped(node, node.input(0), out)};
}

Outputs unsqueeze(NodeContext& node) {
  const std::optional<Shape> axes = axes_of(node);
  if (!axes) return node.fail("its axes are missing");
  const Shape& x = node.input(0).shape();
  if (axes->size() > 8) return node.fail(concat("adds ", axes->size(), " axes"));
  const size_t rank = x.size() + axes->size();
  std::vector<bool> added(rank, false);
  for (const int64_t axis : *axes) {
    const auto at = static_cast<size_t>(node.normalized_axis(axis, rank));
    if (node.failed()) return {};
    if (added[at]) return node.fail(concat("adds axis ", at, " twice"));
    added[at] = true;
  }
  Shape out;
  for (size_t i = 0, from = 0; i < rank; ++i) out.push_back(added[i] ? 1 : x[from++]);
  return {reshaped(node, node.input(0), out)};
}

Outputs transpose(NodeContext& node) {
  const size_t rank = node.input(0).shape().size();
  std::vector<int> perm;
  for (size_t i = 0; i < rank; ++i) perm.push_back(static_cast<int>(rank - 1 - i));
  if (const std::optional<Shape> stated = node.integers("perm")) {
    if (stated->size() != rank)
      return node.fail(concat("perm has ", stated->size(), " entries for ", rank, " axes"));
    for (size_t i = 0; i < rank; ++i) perm[i] = node.normalized_axis((*stated)[i], rank);
  }
  return {node.emit(Transpose{std::move(perm)}, {node.input(0)})};
}

// Constants without elements, as shape arithmetic makes them, add nothing.
Outputs concatenate(NodeContext& node) {
  std::vector<Value> parts;
  for (size_t i = 0; i < node.input_count(); ++i) {
    const Value& input = node.input(i);
    if (!input.is_constant() || input.constant.size() > 0) parts.push_back(input);
  }
  const int axis = node.axis(0, node.input(0).shape().size());
  if (node.attribute("axis") == nullptr) return node.fail("its axis is missing");
  if (parts.empty()) return {node.input(0)};
  if (parts.size() == 1) return {parts[0]};
  return {node.emit(Concat{axis}, parts)};
}

Outputs expand(NodeContext& node) {
  std::optional<Shape> shape = node.integers_input(1, "the target shape");
  if (!shape) return {};
  const Shape& x = node.input(0).shape();
  if (shape->size() < x.size()) shape->insert(shape->begin(), x.size() - shape->size(), 1);
  for (size_t i = 0; i < x.size(); ++i) {
    int64_t& size = (*shape)[shape->size() - x.size() + i];
    if (size == 1) size = x[i];  // broadcast goes both ways
  }
  if (*shape == x) return {node.input(0)};
  return {node.emit(Expand{*std::move(shape)}, {node.input(0)})};
}

// One axis at a time: [.., d, ..] to [.., 1, d, ..], repeated along the 1.
Outputs tile(NodeContext& node) {
  const std::optional<Shape> repeats = node.integers_input(1, "the repeats");
  if (!repeats) return {};
  Value x = node.input(0);
  if (repeats->size() != x.shape().size()) {
    return node.fail(concat("repeats ", list_text(*repeats), " for ", list_text(x.shape())));
  }
  for (size_t axis = 0; axis < repeats->size() && !node.failed(); ++axis) {
    const int64_t times = (*repeats)[axis];
    if (times < 1 || times > (int64_t{1} << 24))
      return node.fail(concat("repeats an axis ", times, " times"));
    if (times == 1) continue;
    Shape out = x.shape(), split = out;
    out[axis] *= times;
    split.insert(split.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    x = node.emit_part("split", Reshape{split}, {x});
    split[axis] = times;
    x = node.emit(Expand{split}, {x});
    x = node.emit_part("joined", Reshape{out}, {x});
  }
  return {x};
}

// With training_mode, ratio and seed it is the identity as long as nothing trains.
Outputs dropout(NodeContext& node) {
  node.real("ratio", 0.5f);
  node.integer("seed", 0);
  if (node.has_input(2)) {
    const Constant* training = node.constant(2, "training_mode");
    if (training != nullptr && training->size() == 1 && training->number(0) != 0) {
      return node.fail("it is in training mode; export the model in eval mode");
    }
  }
  if (node.reads_output(1)) return node.fail("its second output, the mask, is not known");
  return {node.input(0)};
}

// Both are a Reshape to six axes, a Transpose and a Reshape back.
Value shuffled(NodeContext& node, const Shape& split, std::vector<int> perm, const Shape& out) {
  const Value parts = node.emit_part("split", Reshape{split}, {node.input(0)});
  const Value moved = node.emit(Transpose{std::move(perm)}, {parts});
  return node.emit_part("joined", Reshape{out}, {moved});
}

Outputs depth_to_space(NodeContext& node) {
  const int64_t b = node.integer("blocksize", 0);
  const std::string mode = node.text("mode", "DCR");
  const Shape x = node.input(0).shape();
  if (mode != "DCR" && mode != "CRD") return node.fail(concat("mode is ", quoted(mode)));
  if (x.size() != 4 || b < 1 || b > 1 << 15 || x[1] % (b * b) != 0) {
    return node.fail(concat("blocksize is ", b, " for ", list_text(x)));
  }
  const int64_t c = x[1] / (b * b);
  const Shape out{x[0], c, x[2] * b, x[3] * b};
  if (mode == "DCR") return {shuffled(node, {x[0], b, b, c, x[2], x[3]}, {0, 3, 4, 1, 5, 2}, out)};
  return {shuffled(node, {x[0], c, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3}, out)};
}

Outputs space_to_depth(NodeContext& node) {
  const int64_t b = node.integer("blocksize", 0);
  const Shape x = node.input(0).shape();
  if (x.size() != 4 || b < 1 || b > 1 << 15 || x[2] % b != 0 || x[3] % b != 0) {
    return node.fail(concat("blocksize is ", b, " for ", list_text(x)));
  }
  const int64_t h = x[2] / b, w = x[3] / b;
  return {shuffled(node, {x[0], x[1], h, b, w, b}, {0, 3, 5, 1, 2, 4}, {x[0], x[1] * b * b, h, w})};
}

}  // namespace

std::vector<OperatorRow> movement_operators() {
  return {
      {"Identity", 1, 1, {1, 13, 14, 16, 19, 21, 23, 24}, identity, {}, "", StoredInputs::moved},
      {"Dropout", 1, 3, {7, 10, 12, 13, 22}, dropout, {1, 6}},
      {"Reshape", 2, 2, {5, 13, 14, 19, 21, 23, 24}, reshape, {1}, "", StoredInputs::moved},
      {"Flatten", 1, 1, {1, 9, 11, 13, 21, 23, 24}, flatten, {}, "", StoredInputs::moved},
      {"Squeeze", 1, 2, {1, 11, 13, 21, 23, 24}, squeeze, {}, "", StoredInputs::moved},
      {"Unsqueeze", 1, 2, {1, 11, 13, 21, 23, 24}, unsqueeze, {}, "", StoredInputs::moved},
      {"Transpose", 1, 1, {1, 13, 21, 23, 24}, transpose, {}, "", StoredInputs::moved},
      {"Concat", 1, any_number, {4, 11, 13}, concatenate, {1}, "", StoredInputs::moved},
      {"Expand", 2, 2, {8, 13}, expand, {}, "", StoredInputs::moved},
      {"Tile", 2, 2, {6, 13}, tile, {1}, "", StoredInputs::moved},
      {"DepthToSpace", 1, 1, {1, 11, 13}, depth_to_space, {}, "", StoredInputs::moved},
      {"SpaceToDepth", 1, 1, {1, 13}, space_to_depth, {}, "", StoredInputs::moved},
  };
}

}  // namespace octavo::onnx
