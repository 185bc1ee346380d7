// Operators that take parts of a tensor, or put something around it.
#include <algorithm>
#include <limits>

#include "base/text.h"
#include "onnx/movement.h"
#include "onnx/operators.h"

namespace octavo::onnx {

Slice whole(const Shape& shape) {
  return {Shape(shape.size(), 0), shape, Shape(shape.size(), 1)};
}

Value sliced(NodeContext& node, std::string_view part, const Value& x, const Slice& slice) {
  const Slice all = whole(x.shape());
  if (slice.sizes == all.sizes && slice.steps == all.steps) return x;
  if (x.is_constant() && element_count(slice.sizes) == 0) {
    return x.constant.reals ? make_reals(slice.sizes, {})
                            : make_integers(slice.sizes, {}, x.constant.kind);
  }
  return part.empty() ? node.emit(slice, {x}) : node.emit_part(part, slice, {x});
}

namespace {

// numpy's rules for one axis: negative numbers count from the end, everything is
// clamped into the tensor.
void slice_axis(Slice& slice, size_t axis, int64_t dim, int64_t start, int64_t end, int64_t step) {
  constexpr int64_t far = int64_t{1} << 32;
  step = std::clamp(step, -far, far);
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, dim);
    end = std::clamp<int64_t>(end, 0, dim);
    slice.sizes[axis] = end > start ? (end - start - 1) / step + 1 : 0;
  } else {
    start = std::clamp<int64_t>(start, -1, dim - 1);
    end = std::clamp<int64_t>(end, -1, dim - 1);
    slice.sizes[axis] = start > end ? (start - end - 1) / -step + 1 : 0;
  }
  slice.starts[axis] = start;
  // A step that is never taken may be larger than the axis.
  slice.steps[axis] = slice.sizes[axis] <= 1 ? 1 : step;
}

struct SliceArguments {
  Shape starts, ends;
  std::optional<Shape> axes, steps;
};

// Attributes before opset 10, inputs since.
std::optional<SliceArguments> slice_arguments(NodeContext& node) {
  std::optional<Shape> starts, ends, axes, steps;
  if (node.version() < 10) {
    starts = node.integers("starts");
    ends = node.integers("ends");
    axes = node.integers("axes");
  } else {
    starts = node.integers_input(1, "the list of starts");
    ends = node.integers_input(2, "the list of ends");
    if (node.has_input(3)) axes = node.integers_input(3, "the list of axes");
    if (node.has_input(4)) steps = node.integers_input(4, "the list of steps");
  }
  if (!starts || !ends) node.fail("starts or ends are missing");
  if (node.failed()) return std::nullopt;
  const size_t count = starts->size();
  if (ends->size() != count || (axes && axes->size() != count) ||
      (steps && steps->size() != count)) {
    node.fail("starts, ends, axes and steps differ in length");
    return std::nullopt;
  }
  return SliceArguments{*starts, *ends, axes, steps};
}

Outputs slice(NodeContext& node) {
  const std::optional<SliceArguments> arguments = slice_arguments(node);
  if (!arguments) return {};
  const Shape& x = node.input(0).shape();
  if (arguments->starts.size() > x.size()) return node.fail("slices more axes than there are");
  Slice op = whole(x);
  for (size_t i = 0; i < arguments->starts.size(); ++i) {
    const int64_t stated = arguments->axes ? (*arguments->axes)[i] : static_cast<int64_t>(i);
    const auto axis = static_cast<size_t>(node.normalized_axis(stated, x.size()));
    const int64_t step = arguments->steps ? (*arguments->steps)[i] : 1;
    if (node.failed()) return {};
    if (step == 0) return node.fail("a step is 0");
    slice_axis(op, axis, x[axis], arguments->starts[i], arguments->ends[i], step);
  }
  return {sliced(node, "", node.input(0), op)};
}

// Sizes of the parts: stated, or equal ones (since opset 18 the last may be smaller).
std::optional<Shape> split_sizes(NodeContext& node, int64_t dim) {
  const auto outputs = static_cast<int64_t>(node.node().outputs.size());
  std::optional<Shape> sizes;
  if (node.version() < 13) {
    sizes = node.integers("split");
  } else if (node.has_input(1)) {
    sizes = node.integers_input(1, "the list of sizes");
  }
  const int64_t parts = node.version() < 18 ? outputs : node.integer("num_outputs", outputs);
  if (node.failed()) return std::nullopt;
  if (!sizes) {
    if (parts != outputs || parts < 1) {
      node.fail(concat("num_outputs is ", parts, " but it has ", outputs, " outputs"));
      return std::nullopt;
    }
    const int64_t chunk = (dim + parts - 1) / parts;
    sizes.emplace(static_cast<size_t>(parts), chunk);
    sizes->back() = dim - (parts - 1) * chunk;
    if (node.version() < 18 && sizes->back() != chunk) sizes->clear();
  }
  int64_t sum = 0;
  for (const int64_t size : *sizes) {
    sum = size < 1 || sum > dim || size > dim ? dim + 1 : sum + size;
  }
  if (sum == dim && sizes->size() == static_cast<size_t>(outputs)) return sizes;
  node.fail(
      concat("an axis of ", dim, " does not split into ", outputs, " parts ", list_text(*sizes)));
  return std::nullopt;
}

Outputs split(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  const auto axis = static_cast<size_t>(node.axis(0, x.size()));
  if (node.failed()) return {};
  const std::optional<Shape> sizes = split_sizes(node, x[axis]);
  if (!sizes) return {};
  Outputs outputs;
  int64_t start = 0;
  for (size_t i = 0; i < sizes->size(); ++i) {
    Slice op = whole(x);
    op.starts[axis] = start;
    op.sizes[axis] = (*sizes)[i];
    start += (*sizes)[i];
    outputs.push_back(node.reads_output(i)
                          ? sliced(node, i == 0 ? "" : concat("part", i), node.input(0), op)
                          : Value());
  }
  return outputs;
}

// Along one axis; the indices' shape takes the axis' place.
Outputs gather(NodeContext& node) {
  const Constant* indices = node.constant(1, "the list of indices");
  const Shape x = node.input(0).shape();
  const int axis = node.axis(0, x.size());
  if (indices == nullptr || node.failed()) return {};
  if (!indices->integers) return node.fail("indices must be integers");
  const int64_t dim = x[static_cast<size_t>(axis)];
  Gather op{axis, *indices->integers};
  bool is_identity = static_cast<int64_t>(op.indices.size()) == dim;
  for (size_t i = 0; i < op.indices.size(); ++i) {
    int64_t& index = op.indices[i];
    if (index < -dim || index >= dim)
      return node.fail(concat("index ", index, " of an axis of ", dim));
    if (index < 0) index += dim;
    is_identity = is_identity && index == static_cast<int64_t>(i);
  }
  Shape out(x.begin(), x.begin() + axis);
  out.insert(out.end(), indices->shape.begin(), indices->shape.end());
  out.insert(out.end(), x.begin() + axis + 1, x.end());
  const Value taken = is_identity ? node.input(0) : node.emit(std::move(op), {node.input(0)});
  if (node.failed() || taken.shape() == out) return {taken};
  return {is_identity ? node.emit(Reshape{out}, {taken})
                      : node.emit_part("shape", Reshape{out}, {taken})};
}

// Tuples of indices into the first axes: a Gather along those axes laid flat.
Outputs gather_tuples(NodeContext& node) {
  if (node.integer("batch_dims", 0) != 0) return node.fail("batch_dims is not known");
  const Constant* indices = node.constant(1, "the list of indices");
  if (indices == nullptr || node.failed()) return {};
  const Shape x = node.input(0).shape();
  const int64_t axes = indices->shape.empty() ? 0 : indices->shape.back();
  if (!indices->integers || axes < 1 || axes > static_cast<int64_t>(x.size())) {
    return node.fail("its indices must be tuples of integers, one for each of the first axes");
  }
  const std::vector<int64_t>& stated = *indices->integers;
  Gather op{0, {}};
  for (size_t first = 0; first < stated.size(); first += static_cast<size_t>(axes)) {
    int64_t place = 0;
    for (size_t axis = 0; axis < static_cast<size_t>(axes); ++axis) {
      const int64_t dim = x[axis];
      int64_t index = stated[first + axis];
      if (index < -dim || index >= dim) {
        return node.fail(concat("index ", index, " of an axis of ", dim));
      }
      if (index < 0) index += dim;
      place = place * dim + index;
    }
    op.indices.push_back(place);
  }
  const auto rest = x.begin() + static_cast<std::ptrdiff_t>(axes);
  Shape flat{element_count({x.begin(), rest})},
      out(indices->shape.begin(), indices->shape.end() - 1);
  flat.insert(flat.end(), rest, x.end());
  out.insert(out.end(), rest, x.end());
  const Value source =
      flat == x ? node.input(0) : node.emit_part("flat", Reshape{flat}, {node.input(0)});
  const Value taken = node.emit(std::move(op), {source});
  if (node.failed() || taken.shape() == out) return {taken};
  return {node.emit_part("shape", Reshape{out}, {taken})};
}

// Pads before and after each axis; negative ones crop.
struct Padding {
  Shape before, after;
  float value = 0;
};

std::optional<Padding> read_padding(NodeContext& node, size_t rank) {
  std::optional<Shape> pads, axes;
  Padding out{Shape(rank, 0), Shape(rank, 0), 0};
  if (node.version() < 11) {
    pads = node.integers("pads");
    out.value = node.real("value", 0);
    if (!pads) node.fail("its pads are missing");
  } else {
    pads = node.integers_input(1, "the list of pads");
    if (node.has_input(2)) {
      out.value = node.scalar_input(2, "the padding value").value_or(0.0f);
      // In front of a maximum, where exporters write it, the lowest float is as good.
      constexpr float lowest = std::numeric_limits<float>::lowest();
      if (out.value < lowest) out.value = lowest;
    }
    if (node.has_input(3)) axes = node.integers_input(3, "the list of axes");
  }
  if (node.failed()) return std::nullopt;
  const size_t count = axes ? axes->size() : rank;
  if (count > rank || pads->size() != 2 * count) {
    node.fail(concat(pads->size(), " pads for ", count, " of ", rank, " axes"));
    return std::nullopt;
  }
  for (size_t i = 0; i < count; ++i) {
    const auto axis = static_cast<size_t>(
        node.normalized_axis(axes ? (*axes)[i] : static_cast<int64_t>(i), rank));
    if (node.failed()) return std::nullopt;
    constexpr int64_t far = int64_t{1} << 31;
    out.before[axis] = std::clamp((*pads)[i], -far, far);
    out.after[axis] = std::clamp((*pads)[count + i], -far, far);
  }
  return out;
}

// Rows of the other side, axis by axis.
Value wrapped(NodeContext& node, Value x, const Padding& padding) {
  for (size_t axis = 0; axis < padding.before.size() && !node.failed(); ++axis) {
    const int64_t before = padding.before[axis], after = padding.after[axis];
    if (before == 0 && after == 0) continue;
    const int64_t size = x.shape()[axis];
    if (before > size || after > size) {
      node.fail(concat("wraps axis ", axis, " by more than its ", size));
      return {};
    }
    Gather op{static_cast<int>(axis), {}};
    for (int64_t i = -before; i < size + after; ++i) op.indices.push_back((i + size) % size);
    x = node.emit(std::move(op), {x});
  }
  return x;
}

Outputs pad(NodeContext& node) {
  const std::string mode = node.text("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap") {
    return node.fail(concat("mode ", quoted(mode), " is not known"));
  }
  Value x = node.input(0);
  std::optional<Padding> padding = read_padding(node, x.shape().size());
  if (!padding) return {};
  Slice crop = whole(x.shape());
  for (size_t axis = 0; axis < crop.sizes.size(); ++axis) {
    int64_t& before = padding->before[axis];
    int64_t& after = padding->after[axis];
    crop.starts[axis] = std::max<int64_t>(-before, 0);
    crop.sizes[axis] += std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    before = std::max<int64_t>(before, 0);
    after = std::max<int64_t>(after, 0);
    if (crop.sizes[axis] < 1) return node.fail("crops an axis to nothing");
  }
  x = sliced(node, "crop", x, crop);
  const auto none = [](const Shape& pads) {
    return std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; });
  };
  if (none(padding->before) && none(padding->after)) return {x};
  if (mode == "wrap") return {wrapped(node, x, *padding)};
  const auto kind = mode == "constant" ? Pad::Mode::constant
                    : mode == "edge"   ? Pad::Mode::edge
                                       : Pad::Mode::reflect;
  return {node.emit(Pad{kind, padding->before, padding->after, padding->value}, {x})};
}

// The box that a row-major list of index tuples fills, if it is one: its first corner
// and its size in each of the tuples' axes.
struct Box {
  Shape starts, sizes;
};

std::optional<Box> box_of(const std::vector<int64_t>& tuples, size_t axes, const Shape& x) {
  Box box{Shape(axes), Shape(axes)};
  const size_t count = tuples.size() / axes;
  const auto index = [&](size_t tuple, size_t axis) {
    const int64_t stated = tuples[tuple * axes + axis];
    return stated < 0 ? stated + x[axis] : stated;
  };
  int64_t expected = 1;
  for (size_t axis = 0; axis < axes; ++axis) {
    box.starts[axis] = index(0, axis);
    const int64_t last = index(count - 1, axis);
    if (box.starts[axis] < 0 || last < box.starts[axis] || last >= x[axis]) return std::nullopt;
    box.sizes[axis] = last - box.starts[axis] + 1;
    expected *= box.sizes[axis];
  }
  if (expected != static_cast<int64_t>(count)) return std::nullopt;
  for (size_t tuple = 0; tuple < count; ++tuple) {
    auto rest = static_cast<int64_t>(tuple);
    for (size_t axis = axes; axis-- > 0; rest /= box.sizes[axis]) {
      if (index(tuple, axis) != box.starts[axis] + rest % box.sizes[axis]) return std::nullopt;
    }
  }
  return box;
}

// x[:, a:b] = updates, as PyTorch's exporter writes a slice that is assigned to: what is
// before it, the updates, what is behind.
Outputs scatter(NodeContext& node) {
  if (node.text("reduction", "none") != "none") return node.fail("a reduction is not known");
  const Constant* indices = node.constant(1, "the list of indices");
  if (indices == nullptr) return {};
  const Shape x = node.input(0).shape();
  const int64_t axes = indices->shape.empty() ? 0 : indices->shape.back();
  if (!indices->integers || axes < 1 || axes > static_cast<int64_t>(x.size()) ||
      indices->size() == 0) {
    return node.fail("its indices must be tuples of integers");
  }
  std::optional<Box> box = box_of(*indices->integers, static_cast<size_t>(axes), x);
  if (!box) return node.fail("its indices are no rectangular part of the tensor");
  std::optional<size_t> cut;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    if (axis >= box->sizes.size()) box->sizes.push_back(x[axis]);
    if (box->sizes[axis] == x[axis]) continue;
    if (cut) return node.fail("its indices cut more than one axis");
    cut = axis;
  }
  const Value updates = node.emit_part("updates", Reshape{box->sizes}, {node.input(2)});
  if (!cut) return {updates};
  const int64_t begin = box->starts[*cut], end = begin + box->sizes[*cut];
  std::vector<Value> parts;
  Slice before = whole(x), behind = before;
  before.sizes[*cut] = begin;
  behind.starts[*cut] = end;
  behind.sizes[*cut] = x[*cut] - end;
  if (begin > 0) parts.push_back(sliced(node, "before", node.input(0), before));
  parts.push_back(updates);
  if (end < x[*cut]) parts.push_back(sliced(node, "behind", node.input(0), behind));
  return {node.emit(Concat{static_cast<int>(*cut)}, parts)};
}

}  // namespace

std::vector<OperatorRow> indexing_operators() {
  return {
      {"Slice", 1, 5, {1, 10, 11, 13}, slice, {}, "", StoredInputs::moved},
      {"Split", 1, 2, {2, 11, 13, 18}, split, {1}, "", StoredInputs::moved},
      {"Gather", 2, 2, {1, 11, 13}, gather, {}, "", StoredInputs::moved},
      {"GatherND", 2, 2, {11, 12, 13}, gather_tuples, {}, "", StoredInputs::moved},
      {"ScatterND", 3, 3, {11, 13, 16, 18}, scatter},
      {"Pad", 1, 4, {2, 11, 13, 18, 19, 21, 23, 24}, pad, {1}},
  };
}

}  // namespace octavo::onnx
