#include <unordered_map>

#include "float/kernel.h"
#include "float/onednn.h"

namespace octavo {

namespace {

using dnnl::memory;

constexpr auto f32 = memory::data_type::f32;

dnnl::convolution_forward::primitive_desc describe(const OneDnn& onednn, const Graph& graph,
                                                   const Node& node, const memory::desc& weights) {
  const auto& op = std::get<Conv2d>(node.op);
  const Shape& x = shape_of(graph, node.inputs[0]);
  const Shape& y = shape_of(graph, node.output);
  // oneDNN names axes n, c, h, w whatever the order in memory.
  const memory::desc source({x[0], x[3], x[1], x[2]}, f32, memory::format_tag::nhwc);
  const memory::desc target({y[0], y[3], y[1], y[2]}, f32, memory::format_tag::nhwc);
  const memory::desc packed(weights.dims(), f32, memory::format_tag::any);
  const memory::desc bias =
      node.inputs.size() > 2 ? memory::desc({y[3]}, f32, memory::format_tag::x) : memory::desc();
  const dnnl::convolution_forward::desc description(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, packed, bias,
      target, {op.stride[0], op.stride[1]}, {op.dilation[0] - 1, op.dilation[1] - 1},
      {op.pads.top, op.pads.left}, {op.pads.bottom, op.pads.right});
  return {description, strict_attributes(), onednn.engine};
}

// The graph's [o, kh, kw, c / groups], as oneDNN names it.
memory::desc weights_in_graph(const Graph& graph, const Node& node) {
  const Shape& w = shape_of(graph, node.inputs[1]);
  const int64_t groups = std::get<Conv2d>(node.op).groups;
  if (groups == 1) return {{w[0], w[3], w[1], w[2]}, f32, memory::format_tag::ohwi};
  return {{groups, w[0] / groups, w[3], w[1], w[2]}, f32, memory::format_tag::gohwi};
}

struct Convolution {
  std::shared_ptr<OneDnn> onednn;
  dnnl::convolution_forward::primitive_desc description;
  dnnl::convolution_forward primitive;
  memory weights, bias, source, target, scratch;
  std::unordered_map<int, memory> arguments;

  Convolution(std::shared_ptr<OneDnn> library, const Graph& graph, const Node& node)
      : onednn(std::move(library)),
        description(describe(*onednn, graph, node, weights_in_graph(graph, node))),
        primitive(description),
        weights(description.weights_desc(), onednn->engine),
        source(description.src_desc(), onednn->engine, DNNL_MEMORY_NONE),
        target(description.dst_desc(), onednn->engine, DNNL_MEMORY_NONE),
        scratch(description.scratchpad_desc(), onednn->engine, DNNL_MEMORY_NONE) {
    arguments = {{DNNL_ARG_SRC, source},
                 {DNNL_ARG_WEIGHTS, weights},
                 {DNNL_ARG_DST, target},
                 {DNNL_ARG_SCRATCHPAD, scratch}};
    if (node.inputs.size() > 2) {
      bias = memory(description.bias_desc(), onednn->engine, DNNL_MEMORY_NONE);
      arguments.emplace(DNNL_ARG_BIAS, bias);
    }
    const auto& values = *graph.tensors[node.inputs[1]].values;
    memory raw(weights_in_graph(graph, node), onednn->engine, const_cast<float*>(values.data()));
    dnnl::reorder(raw, weights).execute(onednn->stream, raw, weights);
    onednn->stream.wait();
  }

  void run(const Operands& operands) {
    source.set_data_handle(const_cast<float*>(operands.inputs[0]));
    if (operands.inputs.size() > 2) bias.set_data_handle(const_cast<float*>(operands.inputs[2]));
    target.set_data_handle(operands.output);
    scratch.set_data_handle(operands.scratch);
    primitive.execute(onednn->stream, arguments);
    onednn->stream.wait();
  }
};

}  // namespace

Kernel make_conv2d(const std::shared_ptr<OneDnn>& onednn, const Graph& graph, const Node& node) {
  auto convolution = std::make_shared<Convolution>(onednn, graph, node);
  const size_t scratch_bytes = convolution->description.scratchpad_desc().get_size();
  return {[convolution](const Operands& operands) { convolution->run(operands); }, scratch_bytes};
}

}  // namespace octavo
