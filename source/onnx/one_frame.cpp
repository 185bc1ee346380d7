#include "onnx/one_frame.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace octavo::onnx {

namespace {

// For each tensor the axis that the frames lie along, as its outer factor: of an axis of n k
// entries frame f has f k to f k + k - 1. None where a tensor is the same for all frames.
using FrameAxis = std::optional<size_t>;

class Taker {
 public:
  Taker(Graph& graph, int64_t n) : graph_(graph), n_(n), axes_(graph.tensors.size()) {}

  Status run() {
    axes_[graph_.input] = 0;
    for (node_ = 0; node_ < graph_.nodes.size(); ++node_) {
      Node& node = graph_.nodes[node_];
      wrong_.clear();
      const FrameAxis axis = std::visit([&](auto& op) { return follow(op); }, node.op);
      if (!wrong_.empty()) {
        return rejected(concat("the input has a fixed batch of ", n_, ", and node ",
                               quoted(node.name), " (", operator_name(node.op), ") ", wrong_,
                               "; export the network with a batch of 1"));
      }
      axes_.resize(graph_.tensors.size());
      axes_[node.output] = axis;
    }
    if (!axes_[graph_.output]) return rejected("the output does not hold a row a frame");
    for (size_t t = 0; t < graph_.tensors.size(); ++t) {
      if (axes_[t]) graph_.tensors[t].shape[*axes_[t]] /= n_;
    }
    return infer_shapes(graph_);
  }

 private:
  Node& node() { return graph_.nodes[node_]; }
  const Shape& shape(size_t i) { return graph_.tensors[node().inputs[i]].shape; }
  const Shape& out_shape() { return graph_.tensors[node().output].shape; }
  FrameAxis axis(size_t i) { return axes_[node().inputs[i]]; }

  FrameAxis mixes() {
    wrong_ = "mixes its frames";
    return std::nullopt;
  }
  FrameAxis differs() {
    wrong_ = "treats its frames differently";
    return std::nullopt;
  }

  // The other operands are the same for all frames.
  bool only_first() {
    for (size_t i = 1; i < node().inputs.size(); ++i) {
      if (axis(i)) return false;
    }
    return true;
  }

  FrameAxis of_maps() { return only_first() && axis(0).value_or(0) == 0 ? axis(0) : mixes(); }
  FrameAxis follow(Conv2d&) { return of_maps(); }
  FrameAxis follow(Pool2d&) { return of_maps(); }
  FrameAxis follow(Resize&) { return of_maps(); }
  FrameAxis follow(Unary&) { return axis(0); }

  FrameAxis along_other_axis(int along) {
    return only_first() && axis(0) != static_cast<size_t>(along) ? axis(0) : mixes();
  }
  FrameAxis follow(Softmax& op) { return along_other_axis(op.axis); }
  FrameAxis follow(FakeQuantize& op) {
    return op.by_axis() ? along_other_axis(op.axis) : axis(0);
  }
  FrameAxis follow(ChannelAffine& op) { return along_other_axis(op.axis); }
  FrameAxis follow(Gather& op) { return along_other_axis(op.axis); }
  FrameAxis follow(LayerNorm&) { return along_other_axis(static_cast<int>(shape(0).size()) - 1); }

  FrameAxis follow(Transpose& op) {
    if (!axis(0)) return std::nullopt;
    const auto at = std::find(op.perm.begin(), op.perm.end(), static_cast<int>(*axis(0)));
    return static_cast<size_t>(at - op.perm.begin());
  }

  // Frames stay the outer factor of an axis with as many elements in front of it.
  FrameAxis follow(Reshape& op) {
    if (!axis(0)) return std::nullopt;
    const auto elements_before = [](const Shape& of, size_t end) {
      return element_count({of.begin(), of.begin() + static_cast<std::ptrdiff_t>(end)});
    };
    const int64_t before = elements_before(shape(0), *axis(0));
    for (size_t j = 0; j < op.shape.size(); ++j) {
      if (elements_before(op.shape, j) != before || op.shape[j] % n_ != 0) continue;
      op.shape[j] /= n_;
      return j;
    }
    return mixes();
  }

  FrameAxis follow(Expand& op) {
    if (!axis(0)) return std::nullopt;
    const size_t at = *axis(0) + out_shape().size() - shape(0).size();
    op.shape = out_shape();
    op.shape[at] /= n_;
    return at;
  }

  FrameAxis follow(Slice& op) {
    if (!axis(0)) return std::nullopt;
    const size_t at = *axis(0);
    if (op.starts[at] != 0 || op.sizes[at] != shape(0)[at] || op.steps[at] != 1) return mixes();
    op.sizes[at] /= n_;
    return at;
  }

  FrameAxis follow(Pad& op) {
    if (axis(0) && (op.before[*axis(0)] != 0 || op.after[*axis(0)] != 0)) return mixes();
    return axis(0);
  }

  FrameAxis follow(Reduce& op) {
    if (!axis(0)) return std::nullopt;
    size_t dropped = 0;
    for (const int reduced : op.axes) {
      if (static_cast<size_t>(reduced) == *axis(0)) return mixes();
      if (!op.keep_dims && static_cast<size_t>(reduced) < *axis(0)) ++dropped;
    }
    return *axis(0) - dropped;
  }

  FrameAxis follow(Concat& op) {
    FrameAxis common;
    for (size_t i = 0; i < node().inputs.size(); ++i) {
      if (!axis(i)) continue;
      if (common && common != axis(i)) return mixes();
      common = axis(i);
    }
    if (!common) return std::nullopt;
    if (static_cast<size_t>(op.axis) == *common) return mixes();
    for (size_t i = 0; i < node().inputs.size(); ++i) {
      if (!axis(i) && !take_slice(i, *common)) return differs();
    }
    return common;
  }

  // Operand i's axis among those of the output, which broadcasting fills up in front.
  FrameAxis aligned(size_t i) {
    if (!axis(i)) return std::nullopt;
    return *axis(i) + out_shape().size() - shape(i).size();
  }

  // An operand without frames: of one entry along the axis, or the same for every frame.
  bool fits_all_frames(size_t i, size_t at) {
    const size_t offset = out_shape().size() - shape(i).size();
    if (at < offset || shape(i)[at - offset] == 1) return true;
    return take_slice(i, at - offset);
  }

  FrameAxis broadcast_along() {
    const FrameAxis a = aligned(0), b = aligned(1);
    if (a && b && a != b) return mixes();
    const FrameAxis common = a ? a : b;
    if (!common) return std::nullopt;
    for (const size_t i : {0, 1}) {
      if (!axis(i) && !fits_all_frames(i, *common)) return differs();
    }
    return common;
  }
  FrameAxis follow(Binary&) { return broadcast_along(); }

  FrameAxis follow(MatMul&) {
    const size_t rank = out_shape().size();
    if (node().inputs.size() > 2 && axis(2)) return mixes();
    if (axis(1) && *axis(1) + 2 >= shape(1).size()) return mixes();
    if (!axis(0)) return broadcast_along();
    if (*axis(0) + 1 == shape(0).size()) return mixes();
    if (*axis(0) + 2 < shape(0).size()) return broadcast_along();
    return axis(1) ? mixes() : FrameAxis(rank - 2);  // a row or more a frame
  }

  // A constant with an equal part for each frame becomes that part.
  bool take_slice(size_t i, size_t along) {
    const Tensor constant = graph_.tensors[node().inputs[i]];
    if (!constant.is_constant() || constant.shape[along] % n_ != 0) return false;
    const auto elements = [&](size_t begin, size_t end) {
      return element_count({constant.shape.begin() + static_cast<std::ptrdiff_t>(begin),
                            constant.shape.begin() + static_cast<std::ptrdiff_t>(end)});
    };
    const int64_t outer = elements(0, along);
    const int64_t part = elements(along, constant.shape.size()) / n_;
    std::vector<float> values;
    for (int64_t o = 0; o < outer; ++o) {
      const auto first = constant.values->begin() + o * n_ * part;
      for (int64_t f = 1; f < n_; ++f) {
        if (!std::equal(first, first + part, first + f * part)) return false;
      }
      values.insert(values.end(), first, first + part);
    }
    Shape shape = constant.shape;
    shape[along] /= n_;
    node().inputs[i] = graph_.add_constant(constant.name, std::move(shape), std::move(values));
    axes_.resize(graph_.tensors.size());
    return true;
  }

  Graph& graph_;
  int64_t n_;
  size_t node_ = 0;
  std::string wrong_;  // of the node at hand
  std::vector<FrameAxis> axes_;
};

}  // namespace

Status take_one_frame(Graph& graph, int64_t n) {
  return Taker(graph, n).run();
}

}  // namespace octavo::onnx
