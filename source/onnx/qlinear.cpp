// The operators of ONNX Runtime's QOperator form: each is the ordinary operator between
// DequantizeLinear and QuantizeLinear, and is imported as these, so that nothing behind the
// importer knows of two forms.
#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/quantizer.h"

namespace octavo::onnx {

namespace {

// A stored operand made real, and how it was stored.
struct Operand {
  Value real;
  Quantizer quantizer;
};

// Input i, with its scale and zero point behind it.
std::optional<Operand> read_operand(NodeContext& node, size_t i, int64_t axis) {
  const Value& x = node.input(i);
  const DataType own = x.is_constant() ? x.constant.stored : DataType::undefined;
  const DataType type = x.quantized ? x.quantized->type : own;
  const auto q = read_quantizer(
      node, x.shape(), {i + 1, i + 2, type == DataType::undefined ? DataType::uint8 : type, axis});
  if (!q) return std::nullopt;
  Value real = dequantized(node, x, *q);
  if (node.failed()) return std::nullopt;
  return Operand{std::move(real), *q};
}

// The ordinary operator of a newest version up to `opset`, on real inputs, then rounded with the
// scale and zero point at `where`.
Outputs run_rounded(NodeContext& node, std::string_view op_type, int64_t opset,
                    std::vector<Value> inputs, QuantizerInputs where) {
  if (node.failed()) return {};
  const auto choice = choose_operator("", op_type, opset);
  if (!choice) return node.fail(choice.error().message);
  NodeContext ordinary = node.between_roundings(choice->version, std::move(inputs));
  const Outputs made = choice->row->function(ordinary);
  node.take_results_of(ordinary);
  if (node.failed() || made.empty()) return {};
  const auto q = read_quantizer(node, made[0].shape(), where);
  if (!q) return {};
  return {quantized(node, made[0], *q, "")};
}

constexpr int64_t ordinary_opset = 13;

bool is_channels_last(NodeContext& node) {
  if (node.integer("channels_last", 0) == 0) return false;
  node.fail(
      "its channels are last; as the file's optimizer left it, it is not known: give the "
      "file without optimizations");
  return true;
}

// An int32 bias, in units of `scale`: those of the accumulator.
std::optional<Value> real_bias(NodeContext& node, size_t i, const std::vector<float>& scale) {
  const Constant* bias = node.constant(i, "the bias");
  if (bias == nullptr) return std::nullopt;
  if (!bias->integers || bias->shape.size() > 1) {
    node.fail("its bias must be a list of integers");
    return std::nullopt;
  }
  const auto& integers = *bias->integers;
  if (scale.size() > 1 && scale.size() != integers.size()) {
    node.fail(concat("it has ", integers.size(), " biases for ", scale.size(), " scales"));
    return std::nullopt;
  }
  std::vector<float> values(integers.size());
  for (size_t o = 0; o < values.size(); ++o) {
    values[o] = static_cast<float>(integers[o]) * scale[scale.size() == 1 ? 0 : o];
  }
  return Value(make_reals(bias->shape, std::move(values)));
}

std::vector<float> products(const Quantizer& a, const Quantizer& b, float factor = 1) {
  std::vector<float> out;
  for (const float scale : b.scale) out.push_back(a.scale[0] * scale * factor);
  return out;
}

bool has_one_scale(NodeContext& node, const Quantizer& q) {
  if (!q.by_axis()) return true;
  node.fail("it gives an activation a scale a channel");
  return false;
}

// x, w, y with a scale and a zero point each (x and w with theirs before y's), then the bias.
Outputs convolve(NodeContext& node) {
  if (node.domain() == microsoft_domain && is_channels_last(node)) return {};
  const auto x = read_operand(node, 0, 1), w = x ? read_operand(node, 3, 0) : std::nullopt;
  if (!w || !has_one_scale(node, x->quantizer)) return {};
  std::vector<Value> inputs{x->real, w->real};
  if (node.has_input(8)) {
    const auto bias = real_bias(node, 8, products(x->quantizer, w->quantizer));
    if (!bias) return {};
    inputs.push_back(*bias);
  }
  return run_rounded(node, "Conv", ordinary_opset, std::move(inputs), {6, 7, x->quantizer.type, 1});
}

Outputs multiply_matrices(NodeContext& node) {
  const auto a = read_operand(node, 0, -2), b = a ? read_operand(node, 3, -1) : std::nullopt;
  if (!b) return {};
  return run_rounded(node, "MatMul", ordinary_opset, {a->real, b->real},
                     {6, 7, a->quantizer.type, -1});
}

// Without a scale of the result it is real.
Outputs general_product(NodeContext& node) {
  const bool transposed = node.integer("transB", 0) != 0;
  const float alpha = node.real("alpha", 1);
  const auto a = read_operand(node, 0, 1);
  const auto b = a ? read_operand(node, 3, transposed ? 0 : 1) : std::nullopt;
  if (!b || !has_one_scale(node, a->quantizer)) return {};
  std::vector<Value> inputs{a->real, b->real};
  if (node.has_input(6)) {
    const auto bias = real_bias(node, 6, products(a->quantizer, b->quantizer, alpha));
    if (!bias) return {};
    inputs.push_back(*bias);
  }
  const auto choice = choose_operator("", "Gemm", ordinary_opset);
  if (!choice) return node.fail(choice.error().message);
  if (node.has_input(7)) {
    return run_rounded(node, "Gemm", ordinary_opset, std::move(inputs),
                       {7, 8, a->quantizer.type, 1});
  }
  NodeContext ordinary = node.between_roundings(choice->version, std::move(inputs));
  Outputs made = choice->row->function(ordinary);
  node.take_results_of(ordinary);
  return made;
}

template <const char* const& op_type>
Outputs binary(NodeContext& node) {
  const auto a = read_operand(node, 0, 1), b = a ? read_operand(node, 3, 1) : std::nullopt;
  if (!b) return {};
  return run_rounded(node, op_type, ordinary_opset, {a->real, b->real},
                     {6, 7, a->quantizer.type, 1});
}

template <const char* const& op_type>
Outputs unary(NodeContext& node) {
  const bool pools = std::string_view(op_type).ends_with("AveragePool");
  if (pools && is_channels_last(node)) return {};
  const auto x = read_operand(node, 0, 1);
  if (!x) return {};
  return run_rounded(node, op_type, ordinary_opset, {x->real}, {3, 4, x->quantizer.type, 1});
}

// Below opset 13 the axes behind `axis` are one.
Outputs softmax(NodeContext& node) {
  const int64_t opset = node.integer("opset", ordinary_opset);
  const auto x = read_operand(node, 0, 1);
  if (!x) return {};
  return run_rounded(node, "Softmax", opset, {x->real}, {3, 4, x->quantizer.type, 1});
}

// The scale and zero point of the result, then three inputs an operand.
Outputs concatenate(NodeContext& node) {
  std::vector<Value> inputs;
  DataType type = DataType::uint8;
  for (size_t i = 2; i + 1 < node.input_count(); i += 3) {
    const auto x = read_operand(node, i, 1);
    if (!x) return {};
    type = x->quantizer.type;
    inputs.push_back(x->real);
  }
  return run_rounded(node, "Concat", ordinary_opset, std::move(inputs), {0, 1, type, 1});
}

// Template arguments: names of ordinary operators.
constexpr const char* name_add = "Add";
constexpr const char* name_mul = "Mul";
constexpr const char* name_sigmoid = "Sigmoid";
constexpr const char* name_leaky_relu = "LeakyRelu";
constexpr const char* name_average_pool = "AveragePool";
constexpr const char* name_global_average_pool = "GlobalAveragePool";
constexpr const char* name_reduce_mean = "ReduceMean";

}  // namespace

std::vector<OperatorRow> qlinear_operators() {
  constexpr StoredInputs read = StoredInputs::read;
  constexpr std::string_view own = "", microsoft = microsoft_domain;
  return {
      {"QLinearConv", 8, 9, {10}, convolve, {}, own, read},
      {"QLinearConv", 8, 9, {1}, convolve, {}, microsoft, read},
      {"QLinearMatMul", 8, 8, {10, 21}, multiply_matrices, {}, own, read},
      {"QGemm", 6, 9, {1}, general_product, {}, microsoft, read},
      {"QLinearAdd", 7, 8, {1}, binary<name_add>, {}, microsoft, read},
      {"QLinearMul", 7, 8, {1}, binary<name_mul>, {}, microsoft, read},
      {"QLinearSigmoid", 4, 5, {1}, unary<name_sigmoid>, {}, microsoft, read},
      {"QLinearLeakyRelu", 4, 5, {1}, unary<name_leaky_relu>, {}, microsoft, read},
      {"QLinearAveragePool", 4, 5, {1}, unary<name_average_pool>, {}, microsoft, read},
      {"QLinearGlobalAveragePool", 4, 5, {1}, unary<name_global_average_pool>, {}, microsoft, read},
      {"QLinearReduceMean", 4, 5, {1}, unary<name_reduce_mean>, {}, microsoft, read},
      {"QLinearSoftmax", 4, 5, {1}, softmax, {}, microsoft, read},
      {"QLinearConcat", 5, any_number, {1}, concatenate, {}, microsoft, read},
  };
}

}  // namespace octavo::onnx
