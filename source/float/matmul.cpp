#include <unordered_map>

#include "float/kernel.h"
#include "float/onednn.h"
#include "float/walk.h"

namespace octavo {

namespace {

using dnnl::memory;

constexpr auto f32 = memory::data_type::f32;

// A product of m x k by k x n matrices, repeated over the broadcast leading axes.
struct Sizes {
  int64_t m = 1, k = 1, n = 1;
  Shape batch, a_batch, b_batch;  // the leading axes, and how a and b step along them
};

Sizes sizes_of(const Graph& graph, const Node& node) {
  const Shape& a = shape_of(graph, node.inputs[0]);
  const Shape& b = shape_of(graph, node.inputs[1]);
  const Shape& y = shape_of(graph, node.output);
  Sizes sizes{a[a.size() - 2], a.back(), y.back(), {}, {}, {}};
  const Shape a_leading(a.begin(), a.end() - 2);
  const Shape b_leading(b.begin(), b.end() - 2);
  if (product(b_leading) == 1) {  // one right matrix: all rows of a are one tall matrix
    sizes.m *= product(a_leading);
    return sizes;
  }
  sizes.batch.assign(y.begin(), y.end() - 2);
  sizes.a_batch = broadcast_strides(a_leading, sizes.batch);
  sizes.b_batch = broadcast_strides(b_leading, sizes.batch);
  for (int64_t& stride : sizes.a_batch) stride *= sizes.m * sizes.k;
  for (int64_t& stride : sizes.b_batch) stride *= sizes.k * sizes.n;
  return sizes;
}

memory::desc right_in_graph(const Sizes& sizes, bool transposed) {
  return {
      {sizes.k, sizes.n}, f32, transposed ? memory::dims{1, sizes.k} : memory::dims{sizes.n, 1}};
}

dnnl::matmul::primitive_desc describe(const OneDnn& onednn, const Sizes& sizes,
                                      const memory::desc& right, bool has_bias) {
  const memory::desc left({sizes.m, sizes.k}, f32, memory::format_tag::ab);
  const memory::desc target({sizes.m, sizes.n}, f32, memory::format_tag::ab);
  if (has_bias) {
    const memory::desc bias({1, sizes.n}, f32, memory::format_tag::ab);
    return {{left, right, bias, target}, strict_attributes(), onednn.engine};
  }
  return {{left, right, target}, strict_attributes(), onednn.engine};
}

struct Product {
  std::shared_ptr<OneDnn> onednn;
  Sizes sizes;
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
  memory left, right, bias, target, scratch;
  std::unordered_map<int, memory> arguments;
  Walk<2> batches;
  bool packed = false;

  Product(std::shared_ptr<OneDnn> library, const Graph& graph, const Node& node)
      : onednn(std::move(library)), sizes(sizes_of(graph, node)) {
    const bool transposed = std::get<MatMul>(node.op).transpose_b;
    const Tensor& constant = graph.tensors[node.inputs[1]];
    packed = constant.is_constant() && sizes.batch.empty();
    const memory::desc raw = right_in_graph(sizes, transposed);
    const memory::desc chosen =
        packed ? memory::desc(raw.dims(), f32, memory::format_tag::any) : raw;
    description = describe(*onednn, sizes, chosen, node.inputs.size() > 2);
    primitive = dnnl::matmul(description);
    left = memory(description.src_desc(), onednn->engine, DNNL_MEMORY_NONE);
    target = memory(description.dst_desc(), onednn->engine, DNNL_MEMORY_NONE);
    scratch = memory(description.scratchpad_desc(), onednn->engine, DNNL_MEMORY_NONE);
    if (packed) {
      right = memory(description.weights_desc(), onednn->engine);
      memory source(raw, onednn->engine, const_cast<float*>(constant.values->data()));
      dnnl::reorder(source, right).execute(onednn->stream, source, right);
      onednn->stream.wait();
    } else {
      right = memory(raw, onednn->engine, DNNL_MEMORY_NONE);
    }
    arguments = {{DNNL_ARG_SRC, left},
                 {DNNL_ARG_WEIGHTS, right},
                 {DNNL_ARG_DST, target},
                 {DNNL_ARG_SCRATCHPAD, scratch}};
    if (node.inputs.size() > 2) {
      bias = memory(description.bias_desc(), onednn->engine, DNNL_MEMORY_NONE);
      arguments.emplace(DNNL_ARG_BIAS, bias);
    }
    batches = make_walk<2>(sizes.batch, {sizes.a_batch, sizes.b_batch});
  }

  void run(const Operands& operands) {
    scratch.set_data_handle(operands.scratch);
    if (operands.inputs.size() > 2) bias.set_data_handle(const_cast<float*>(operands.inputs[2]));
    float* y = operands.output;
    const auto& row = batches.axes.back();
    for_each_row(batches, [&](const std::array<int64_t, 2>& offsets) {
      for (int64_t i = 0; i < row.size; ++i, y += sizes.m * sizes.n) {
        const float* a = operands.inputs[0] + offsets[0] + i * row.strides[0];
        const float* b = operands.inputs[1] + offsets[1] + i * row.strides[1];
        left.set_data_handle(const_cast<float*>(a));
        if (!packed) right.set_data_handle(const_cast<float*>(b));
        target.set_data_handle(y);
        primitive.execute(onednn->stream, arguments);
      }
    });
    onednn->stream.wait();
  }
};

}  // namespace

Kernel make_matmul(const std::shared_ptr<OneDnn>& onednn, const Graph& graph, const Node& node) {
  auto product = std::make_shared<Product>(onednn, graph, node);
  const size_t scratch_bytes = product->description.scratchpad_desc().get_size();
  return {[product](const Operands& operands) { product->run(operands); }, scratch_bytes};
}

}  // namespace octavo
