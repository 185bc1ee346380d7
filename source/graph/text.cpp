#include "base/text.h"

#include "graph/graph.h"

namespace octavo {

namespace {

std::string pair_text(const std::array<int, 2>& pair) {
  return concat(pair[0], "x", pair[1]);
}

std::string pads_text(const Pads& pads) {
  if (pads == Pads{}) return "";
  return concat(" pads ", pads.top, ",", pads.left, ",", pads.bottom, ",", pads.right);
}

// Long lists (a shuffle of 500 channels) are cut.
std::string short_list(const std::vector<int64_t>& values) {
  constexpr size_t most = 8;
  if (values.size() <= most) return list_text(values);
  const std::vector<int64_t> first(values.begin(), values.begin() + most);
  std::string text = list_text(first);
  text.pop_back();
  return concat(text, ", ... ", values.size(), " in all]");
}

// The parameters of an operator that matter to a reader, with a leading space.
struct ParameterText {
  std::string operator()(const Conv2d& op) const {
    std::string text = concat(" stride ", pair_text(op.stride), pads_text(op.pads));
    if (op.dilation != std::array<int, 2>{1, 1})
      text += concat(" dilation ", pair_text(op.dilation));
    if (op.groups != 1) text += concat(" groups ", op.groups);
    return text;
  }
  std::string operator()(const MatMul& op) const { return op.transpose_b ? " transpose_b" : ""; }
  std::string operator()(const Binary&) const { return ""; }
  std::string operator()(const Unary& op) const {
    switch (op.kind) {
      case Unary::Kind::clip:
      case Unary::Kind::hard_sigmoid:
        return concat(" ", op.alpha, " ", op.beta);
      case Unary::Kind::power:
      case Unary::Kind::leaky_relu:
      case Unary::Kind::elu:
        return concat(" ", op.alpha);
      default:
        return "";
    }
  }
  std::string operator()(const FakeQuantize& op) const {
    return op.by_axis() ? concat(" ", op.grid.scale.size(), " scales along axis ", op.axis) : "";
  }
  std::string operator()(const ChannelAffine& op) const { return concat(" axis ", op.axis); }
  std::string operator()(const Pool2d& op) const {
    std::string text = concat(" kernel ", pair_text(op.kernel), " stride ", pair_text(op.stride),
                              pads_text(op.pads));
    if (op.dilation != std::array<int, 2>{1, 1})
      text += concat(" dilation ", pair_text(op.dilation));
    if (op.ceil_mode) text += " ceil_mode";
    if (op.count_include_pad) text += " count_include_pad";
    return text;
  }
  std::string operator()(const Reduce& op) const {
    return concat(" axes ", list_text(op.axes), op.keep_dims ? "" : " dropped");
  }
  std::string operator()(const Softmax& op) const { return concat(" axis ", op.axis); }
  std::string operator()(const LayerNorm& op) const { return concat(" epsilon ", op.epsilon); }
  std::string operator()(const Reshape&) const { return ""; }
  std::string operator()(const Transpose& op) const { return concat(" ", list_text(op.perm)); }
  std::string operator()(const Concat& op) const { return concat(" axis ", op.axis); }
  std::string operator()(const Slice& op) const {
    return concat(" from ", list_text(op.starts), " step ", list_text(op.steps));
  }
  std::string operator()(const Gather& op) const {
    return concat(" axis ", op.axis, " ", short_list(op.indices));
  }
  std::string operator()(const Expand&) const { return ""; }
  std::string operator()(const Pad& op) const {
    constexpr const char* modes[] = {"constant", "reflect", "edge"};
    return concat(" ", modes[static_cast<size_t>(op.mode)], " ", list_text(op.before), " ",
                  list_text(op.after), " value ", op.value);
  }
  std::string operator()(const Resize& op) const {
    constexpr const char* modes[] = {"nearest", "linear", "cubic"};
    return concat(" ", modes[static_cast<size_t>(op.mode)]);
  }
};

std::string operand_text(const Graph& graph, TensorId id) {
  if (id >= graph.tensors.size()) return concat("%", id, "?");
  const Tensor& tensor = graph.tensors[id];
  return tensor.is_constant() ? concat("constant", list_text(tensor.shape)) : concat("%", id);
}

std::string end_text(const Graph& graph, const char* which, TensorId id) {
  std::string text = concat(which, " %", id);
  if (id >= graph.tensors.size()) return text + "?\n";
  const Tensor& tensor = graph.tensors[id];
  return concat(text, " ", list_text(tensor.shape), " ", quoted(tensor.name), "\n");
}

}  // namespace

// Works on any graph, also on one that verify() refuses: it is needed most there.
std::string to_text(const Graph& graph) {
  std::string text = end_text(graph, "input", graph.input);
  for (const Node& node : graph.nodes) {
    text += concat("%", node.output, " = ", operator_name(node.op), "(");
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      text += concat(i == 0 ? "" : ", ", operand_text(graph, node.inputs[i]));
    }
    text += concat(")", std::visit(ParameterText{}, node.op), " ");
    if (node.output < graph.tensors.size()) text += list_text(graph.tensors[node.output].shape);
    text += concat(" ", quoted(node.name));
    if (!node.merged.empty()) text += concat(" +", node.merged.size());
    text += "\n";
  }
  return text + end_text(graph, "output", graph.output);
}

}  // namespace octavo
