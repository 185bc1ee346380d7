// Nodes that give back what they are given.
#include <algorithm>
#include <cmath>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool all_equal(const std::vector<float>& values, float value) {
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == value; });
}

struct IsIdentity {
  const Editor& editor;
  const Node& node;
  const Shape& in;   // shape of the first operand
  const Shape& out;  // of the output

  bool operator()(const Reshape&) const { return in == out; }
  bool operator()(const Expand&) const { return in == out; }
  bool operator()(const Transpose& op) const { return is_identity(op.perm); }
  bool operator()(const Concat&) const { return node.inputs.size() == 1; }
  bool operator()(const Pad&) const { return in == out; }
  bool operator()(const Slice& op) const {
    return in == out &&
           std::all_of(op.steps.begin(), op.steps.end(), [](int64_t step) { return step == 1; });
  }
  bool operator()(const Gather& op) const {
    if (in != out) return false;
    for (size_t i = 0; i < op.indices.size(); ++i) {
      if (op.indices[i] != static_cast<int64_t>(i)) return false;
    }
    return true;
  }
  bool operator()(const Unary& op) const {
    return op.kind == Unary::Kind::clip && std::isinf(op.alpha) && std::isinf(op.beta) &&
           op.alpha < 0 && op.beta > 0;
  }
  bool operator()(const ChannelAffine&) const {
    return all_equal(values(editor, node.inputs[1]), 1) &&
           all_equal(values(editor, node.inputs[2]), 0);
  }
  bool operator()(
      const Reduce& op) const {  // over axes of size 1; l2 would take the absolute value
    return in == out && op.kind != Reduce::Kind::l2;
  }
  bool operator()(const Pool2d& op) const {
    constexpr std::array<int, 2> one{1, 1};
    return op.kernel == one && op.stride == one && in == out;
  }
  bool operator()(const Resize& op) const {
    return in == out && op.scale_h == 1 && op.scale_w == 1;
  }
  template <class Op>
  bool operator()(const Op&) const {
    return false;
  }
};

bool bypass_identity(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const TensorId input = node.inputs[0];
  const IsIdentity is_identity_of{editor, node, editor.shape(input), editor.shape(node.output)};
  return std::visit(is_identity_of, node.op) && editor.bypass(id, input);
}

}  // namespace

int remove_identity(Graph& graph) {
  return rewrite_nodes(graph, bypass_identity);
}

}  // namespace octavo
