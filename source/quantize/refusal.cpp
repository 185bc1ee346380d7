#include "quantize/refusal.h"

#include "base/text.h"

namespace octavo {

std::string reason(const Graph& graph, const Refusal& refusal) {
  using Why = Obstacle::Why;
  const Obstacle& at = refusal.obstacle;
  switch (at.why) {
    case Why::operator_itself:
      return concat("there is no integer ", operator_name(graph.nodes[*refusal.node].op));
    case Why::axis:
      return concat("along axis ", at.number);
    case Why::rounding_axis:
      return concat("with a scale for each entry of axis ", at.number, ", not of the channels");
    case Why::axes:
      return concat("of ", at.number, " axes");
    case Why::row:
      return concat("of a row of ", at.number, " values; the most is ", at.most);
    case Why::shapes:
      return concat("of shapes ", list_text(at.shape), " and ", list_text(at.other));
    case Why::constant_shape:
      return concat("a constant of shape ", list_text(at.shape));
    case Why::output_shape:
      return concat("output of shape ", list_text(at.shape));
    case Why::computed_weights:
      return "weights are computed";
    case Why::dilation:
      return "dilation";
    case Why::reduced_axes:
      return "only a mean over height and width, or over tokens, can";
    case Why::norm_axes:
      return "a norm over other axes than the last";
    case Why::norm_alone:
      return "a norm that does not divide what it was taken from";
    case Why::network_input:
      return "of the network's input";
    case Why::computed_affine:
      return "scale or shift is computed";
    case Why::constant_side:
      return "one side is a constant";
    case Why::bias:
      return "with a bias";
    case Why::cubic:
      return "by cubic interpolation; export it with linear interpolation";
    case Why::affine_size:
      return "scale or shift of another size";
    case Why::constants:
      return "both operands are constants";
    case Why::larger_constant:
      return "a constant larger than the tensor";
    case Why::constant_quotient:
      return "a constant divided by a tensor";
    case Why::division_by_zero:
      return "division by zero";
    case Why::other_axes:
      return "not of channels";
    case Why::last_output:
      return "it cannot be the network's output";
    case Why::input_is_output:
      return "the network's output is its input";
    case Why::no_nodes:
      return "a network without nodes";
  }
  return "";
}

Status all_formed(const Graph& graph, const std::vector<Refusal>& refused) {
  if (refused.empty()) return {};
  std::string text = concat(refused.size(), refused.size() == 1 ? " node" : " nodes",
                            " cannot become integer steps: ");
  for (size_t i = 0; i < refused.size(); ++i) {
    const std::string separator = i == 0 ? "" : "; ";
    const std::string why = reason(graph, refused[i]);
    if (refused[i].node) {
      const Node& node = graph.nodes[*refused[i].node];
      text += concat(separator, quoted(node.name), " (", operator_name(node.op), "): ", why);
    } else {
      text += separator + why;
    }
  }
  return rejected(std::move(text));
}

}  // namespace octavo
