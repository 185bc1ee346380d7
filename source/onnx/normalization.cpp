// Normalizations and Softmax.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

// In training mode by the statistics of its own input: of a constant, which is how standardized
// weights are exported, they are constants too.
Outputs normalized_constant(NodeContext& node, double epsilon, double momentum) {
  if (!node.all_constant()) {
    return node.fail("it is in training mode; export the model in eval mode");
  }
  const Constant& x = node.input(0).constant;
  if (x.shape.size() < 2 || !x.reals || x.shape[1] < 1 || x.size() < 1) {
    return node.fail(concat("its input is ", list_text(x.shape), ", expected floats [n, c, ...]"));
  }
  const auto channels = static_cast<size_t>(x.shape[1]);
  for (size_t i = 1; i < 5; ++i) {
    const Constant* parameter = node.constant(i, "a parameter");
    if (parameter == nullptr) return {};
    if (!parameter->reals || parameter->shape != Shape{x.shape[1]}) {
      return node.fail(concat("a parameter has the shape ", list_text(parameter->shape), " for ",
                              channels, " channels"));
    }
  }
  if (!node.budget().spend(x.size(), 0)) return node.fail("asks for too much memory");
  const auto inner = static_cast<size_t>(element_count(Shape(x.shape.begin() + 2, x.shape.end())));
  const size_t outer = x.reals->size() / (channels * inner);
  std::vector<float> out(x.reals->size()), means, variances;
  for (size_t c = 0; c < channels; ++c) {
    const auto each = [&](const auto& visit) {
      for (size_t n = 0; n < outer; ++n) {
        const size_t first = (n * channels + c) * inner;
        for (size_t i = first; i < first + inner; ++i) visit(i);
      }
    };
    const auto count = static_cast<double>(outer * inner);
    double sum = 0, squares = 0;
    each([&](size_t i) { sum += (*x.reals)[i]; });
    const double mean = sum / count;
    each([&](size_t i) { squares += ((*x.reals)[i] - mean) * ((*x.reals)[i] - mean); });
    const double variance = squares / count;
    const double factor = node.input(1).constant.number(c) / std::sqrt(variance + epsilon);
    const double beta = node.input(2).constant.number(c);
    each([&](size_t i) { out[i] = static_cast<float>(((*x.reals)[i] - mean) * factor + beta); });
    const auto running = [&](size_t input, double now) {
      const double before = node.input(input).constant.number(c);
      return static_cast<float>(before * momentum + now * (1 - momentum));
    };
    means.push_back(running(3, mean));
    variances.push_back(running(4, variance));
  }
  return {make_reals(x.shape, std::move(out)), make_reals({x.shape[1]}, std::move(means)),
          make_reals({x.shape[1]}, std::move(variances))};
}

// Four vectors become one scale and one shift a channel, in double precision.
Outputs batch_normalization(NodeContext& node) {
  const double epsilon = node.real("epsilon", 1e-5f);
  const double momentum = node.real("momentum", 0.9f);  // of training
  if (node.integer("training_mode", 0) != 0) return normalized_constant(node, epsilon, momentum);
  if (node.names_output(1)) {  // below opset 14 that is how it trains, from there on an error
    return node.fail("it is in training mode; export the model in eval mode");
  }
  if (node.integer("spatial", 1) != 1) return node.fail("spatial = 0 is not known");
  const Shape& x = node.input(0).shape();
  if (x.size() < 2)
    return node.fail(concat("its input is ", list_text(x), ", expected [n, c, ...]"));
  std::array<const Constant*, 4> vectors{};
  for (size_t i = 0; i < 4; ++i) {
    vectors[i] = node.constant(i + 1, "a parameter");
    if (vectors[i] == nullptr) return {};
    if (!vectors[i]->reals || vectors[i]->shape != Shape{x[1]}) {
      return node.fail(concat("a parameter has the shape ", list_text(vectors[i]->shape), " for ",
                              x[1], " channels"));
    }
  }
  std::vector<float> scale, shift;
  for (size_t c = 0; c < static_cast<size_t>(x[1]); ++c) {
    const double gamma = vectors[0]->number(c), beta = vectors[1]->number(c);
    const double mean = vectors[2]->number(c), variance = vectors[3]->number(c);
    const double factor = gamma / std::sqrt(variance + epsilon);
    scale.push_back(static_cast<float>(factor));
    shift.push_back(static_cast<float>(beta - mean * factor));
  }
  return {node.emit(ChannelAffine{1}, {node.input(0), make_reals({x[1]}, std::move(scale)),
                                       make_reals({x[1]}, std::move(shift))})};
}

// A constant broadcast to `shape` and made a vector.
Value as_vector(NodeContext& node, const Value& parameter, const Shape& shape) {
  if (!parameter.is_constant()) {
    node.fail("a parameter is computed, only a constant is known");
    return {};
  }
  const Value spread = node.emit_part("parameter", Expand{shape}, {parameter});
  return node.emit_part("parameter", Reshape{{element_count(shape)}}, {spread});
}

Value repeated(float value, int64_t count) {
  return make_reals({count}, std::vector<float>(static_cast<size_t>(count), value));
}

// Over all axes from `axis` on; they are one axis here.
Outputs layer_normalization(NodeContext& node) {
  const float epsilon = node.real("epsilon", 1e-5f);
  node.integer("stash_type", 1);  // the precision inside, float32 here
  const Shape x = node.input(0).shape();
  const auto axis = node.axis(-1, x.size());
  if (node.reads_output(1) || node.reads_output(2)) {
    return node.fail("its second and third outputs are not known");
  }
  if (node.failed()) return {};
  const Shape inner(x.begin() + axis, x.end());
  const int64_t count = element_count(inner);
  const Value gamma = as_vector(node, node.input(1), inner);
  const Value beta = node.has_input(2) ? as_vector(node, node.input(2), inner)
                                       : repeated(0, node.failed() ? 1 : count);
  if (inner.size() == 1) return {node.emit(LayerNorm{epsilon}, {node.input(0), gamma, beta})};
  Shape flat(x.begin(), x.begin() + axis);
  flat.push_back(count);
  const Value rows = node.emit_part("rows", Reshape{flat}, {node.input(0)});
  const Value normed = node.emit(LayerNorm{epsilon}, {rows, gamma, beta});
  return {node.emit_part("shape", Reshape{x}, {normed})};
}

// [n, c, ...] in `groups` groups of channels, each normalized as one row.
Value normalized_groups(NodeContext& node, int64_t groups, float epsilon) {
  const Shape x = node.input(0).shape();
  if (x.size() < 3 || groups < 1 || x[1] % groups != 0) {
    node.fail(concat("its input is ", list_text(x), " in ", groups, " groups"));
    return {};
  }
  const int64_t count = element_count(x) / (x[0] * groups);
  if (!node.budget().spend(2 * count, 0)) {
    node.fail("asks for too much memory");
    return {};
  }
  const Value rows = node.emit_part("rows", Reshape{{x[0], groups, count}}, {node.input(0)});
  const Value normed =
      node.emit_part("rows", LayerNorm{epsilon}, {rows, repeated(1, count), repeated(0, count)});
  return node.emit_part("shape", Reshape{x}, {normed});
}

// And then a scale and a shift a channel.
Outputs grouped_normalization(NodeContext& node, int64_t groups, float epsilon, bool by_group) {
  const Shape x = node.input(0).shape();
  const Value shaped = normalized_groups(node, groups, epsilon);
  if (node.failed()) return {};
  std::array<Value, 2> parameters;
  for (size_t i = 0; i < 2; ++i) {
    const Value& parameter = node.input(i + 1);
    parameters[i] =
        by_group ? node.emit_part("group", Reshape{{groups, 1}}, {parameter}) : parameter;
    parameters[i] = by_group ? as_vector(node, parameters[i], {groups, x[1] / groups})
                             : as_vector(node, parameters[i], {x[1]});
    if (node.failed()) return {};
  }
  return {node.emit(ChannelAffine{1}, {shaped, parameters[0], parameters[1]})};
}

// (x + skip + bias) normalized, and on request the sum itself, as its fourth output.
Outputs skip_layer_normalization(NodeContext& node) {
  const float epsilon = node.real("epsilon", 1e-12f);
  const Shape x = node.input(0).shape();
  if (x.empty()) return node.fail("its input has no axes");
  if (node.reads_output(1) || node.reads_output(2)) {
    return node.fail("its second and third outputs are not known");
  }
  Value sum = node.emit_part("skip", Binary{Binary::Kind::add}, {node.input(0), node.input(1)});
  if (node.has_input(4)) {
    sum = node.emit_part("bias", Binary{Binary::Kind::add}, {sum, node.input(4)});
  }
  const Value gamma = as_vector(node, node.input(2), {x.back()});
  const Value beta =
      node.has_input(3) ? as_vector(node, node.input(3), {x.back()}) : repeated(0, x.back());
  if (node.failed()) return {};
  const Value normed = node.emit(LayerNorm{epsilon}, {sum, gamma, beta});
  return {normed, Value(), Value(), sum};
}

Outputs instance_normalization(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  return grouped_normalization(node, x.size() < 2 ? 0 : x[1], node.real("epsilon", 1e-5f), false);
}

Outputs group_normalization(NodeContext& node) {
  node.integer("stash_type", 1);
  return grouped_normalization(node, node.integer("num_groups", 0), node.real("epsilon", 1e-5f),
                               node.version() < 21);
}

// (x - mean) / (deviation + 1e-9) over pixels, or over pixels and channels, of one frame.
Outputs mean_variance_normalization(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  std::vector<int> axes;
  for (const int64_t axis : node.integers("axes").value_or(Shape{0, 2, 3})) {
    axes.push_back(node.normalized_axis(axis, x.size()));
  }
  if (node.failed()) return {};
  std::sort(axes.begin(), axes.end());
  if (!axes.empty() && axes[0] == 0 && x[0] == 1) axes.erase(axes.begin());
  const bool channels = !axes.empty() && axes[0] == 1;
  std::vector<int> pixels;
  for (size_t axis = channels ? 1 : 2; axis < x.size(); ++axis) {
    pixels.push_back(static_cast<int>(axis));
  }
  if (axes != pixels) {
    return node.fail(concat("it normalizes ", list_text(x), " over ", axes.size(),
                            " axes; pixels, or pixels and channels, are known"));
  }
  constexpr float epsilon = 1e-18f;  // of a variance
  return {normalized_groups(node, channels ? 1 : x[1], epsilon)};
}

// x / root of the mean of x^2, over the last axes, times a scale.
Outputs root_mean_square_normalization(NodeContext& node) {
  const float epsilon = node.real("epsilon", 1e-5f);
  node.integer("stash_type", 1);  // the precision inside, float32 here
  const Value& x = node.input(0);
  const int axis = node.axis(-1, x.shape().size());
  if (node.reads_output(1)) return node.fail("its second output is not known");
  if (node.failed()) return {};
  Reduce reduce{Reduce::Kind::mean, {}, true};
  for (size_t i = static_cast<size_t>(axis); i < x.shape().size(); ++i) {
    reduce.axes.push_back(static_cast<int>(i));
  }
  const Binary multiply{Binary::Kind::multiply};
  Value size = node.emit_part("square", multiply, {x, x});
  size = node.emit_part("mean", std::move(reduce), {size});
  size = node.emit_part("epsilon", Binary{Binary::Kind::add}, {size, scalar(epsilon)});
  size = node.emit_part("root", Unary{Unary::Kind::sqrt}, {size});
  const Value normed = node.emit_part("quotient", Binary{Binary::Kind::divide}, {x, size});
  return {node.emit(multiply, {normed, node.input(1)})};
}

// x / |x|, of which nothing but zeros has no length.
Outputs length_normalization(NodeContext& node) {
  const int64_t p = node.integer("p", 2);
  Value x = node.input(0);
  const int axis = node.axis(-1, x.shape().size());
  if (p != 1 && p != 2) return node.fail(concat("p is ", p, ", 1 and 2 are known"));
  if (node.failed()) return {};
  Value size = p == 1 ? node.emit_part("abs", Unary{Unary::Kind::absolute}, {x}) : x;
  size = node.emit_part(
      "length", Reduce{p == 1 ? Reduce::Kind::sum : Reduce::Kind::l2, {axis}, true}, {size});
  constexpr float least = 1e-20f;
  const Unary floor{Unary::Kind::clip, least, std::numeric_limits<float>::max()};
  size = node.emit_part("floor", floor, {size});
  return {node.emit(Binary{Binary::Kind::divide}, {x, size})};
}

// x * (bias + alpha / size * sum of squares over `size` channels) ^ -beta: the sum is an
// average pool over the channels laid out as rows, padding counted.
Outputs local_response_normalization(NodeContext& node) {
  const float alpha = node.real("alpha", 1e-4f), beta = node.real("beta", 0.75f);
  const float bias = node.real("bias", 1);
  const int64_t size = node.integer("size", 0);
  const Shape x = node.input(0).shape();
  if (x.size() < 3 || size < 1 || size > x[1]) {
    return node.fail(concat("its input is ", list_text(x), ", its size ", size));
  }
  const auto window = static_cast<int>(size);
  Pool2d pool{Pool2d::Kind::average};
  pool.kernel = {window, 1};
  pool.pads = {(window - 1) / 2, 0, window / 2, 0};
  pool.count_include_pad = true;
  const Value& input = node.input(0);
  const Shape rows{x[0], x[1], element_count(x) / (x[0] * x[1]), 1};
  Value sum = node.emit_part("square", Binary{Binary::Kind::multiply}, {input, input});
  sum = node.emit_part("rows", Reshape{rows}, {sum});
  sum = node.emit_part("mean", pool, {sum});
  sum = node.emit_part("shape", Reshape{x}, {sum});
  sum = node.emit_part("alpha", Binary{Binary::Kind::multiply}, {sum, scalar(alpha)});
  sum = node.emit_part("bias", Binary{Binary::Kind::add}, {sum, scalar(bias)});
  sum = node.emit_part("power", Binary{Binary::Kind::power}, {sum, scalar(-beta)});
  return {node.emit(Binary{Binary::Kind::multiply}, {input, sum})};
}

// Before opset 13 Softmax works on the matrix [axes before `axis`, the others].
struct SoftmaxForm {
  Shape shape;
  int axis;
};

std::optional<SoftmaxForm> softmax_form(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  const int axis = node.axis(node.version() < 13 ? 1 : -1, x.size());
  if (node.failed()) return std::nullopt;
  const int64_t inner = element_count(Shape(x.begin() + axis, x.end()));
  if (node.version() >= 13 || inner == x[static_cast<size_t>(axis)]) return SoftmaxForm{x, axis};
  return SoftmaxForm{{element_count(x) / inner, inner}, 1};
}

Value shaped(NodeContext& node, const Value& x, const Shape& shape) {
  return x.shape() == shape ? x : node.emit_part("shape", Reshape{shape}, {x});
}

Outputs softmax(NodeContext& node) {
  const std::optional<SoftmaxForm> form = softmax_form(node);
  if (!form) return {};
  const Shape shape = node.input(0).shape();
  const Value out = node.emit(Softmax{form->axis}, {shaped(node, node.input(0), form->shape)});
  return {node.failed() ? out : shaped(node, out, shape)};
}

// (x - max) - log(sum(exp(x - max))).
Outputs log_softmax(NodeContext& node) {
  const std::optional<SoftmaxForm> form = softmax_form(node);
  if (!form) return {};
  const Shape shape = node.input(0).shape();
  const Value x = shaped(node, node.input(0), form->shape);
  const Value most = node.emit_part("max", Reduce{Reduce::Kind::maximum, {form->axis}, true}, {x});
  const Value centred = node.emit_part("centred", Binary{Binary::Kind::subtract}, {x, most});
  const Value exponential = node.emit_part("exp", Unary{Unary::Kind::exp}, {centred});
  const Value sum =
      node.emit_part("sum", Reduce{Reduce::Kind::sum, {form->axis}, true}, {exponential});
  const Value logarithm = node.emit_part("log", Unary{Unary::Kind::log}, {sum});
  const Value out = node.emit(Binary{Binary::Kind::subtract}, {centred, logarithm});
  return {node.failed() ? out : shaped(node, out, shape)};
}

}  // namespace

std::vector<OperatorRow> normalization_operators() {
  return {
      {"BatchNormalization", 5, 5, {7, 9, 14, 15}, batch_normalization, {1, 6}},
      // Version 1, and the simplified form, are ONNX Runtime's own, of older opsets.
      {"LayerNormalization", 2, 3, {1, 17}, layer_normalization},
      {"RMSNormalization", 2, 2, {23}, root_mean_square_normalization},
      {"SimplifiedLayerNormalization", 2, 2, {1}, root_mean_square_normalization},
      {"MeanVarianceNormalization", 1, 1, {9, 13}, mean_variance_normalization},
      {"LpNormalization", 1, 1, {1, 22}, length_normalization},
      {"SkipLayerNormalization", 4, 5, {1}, skip_layer_normalization, {}, microsoft_domain},
      {"InstanceNormalization", 3, 3, {6, 22}, instance_normalization, {1}},
      {"GroupNormalization", 3, 3, {18, 21}, group_normalization},
      {"LRN", 1, 1, {1, 13}, local_response_normalization},
      {"Softmax", 1, 1, {1, 11, 13}, softmax},
      {"LogSoftmax", 1, 1, {1, 11, 13}, log_softmax},
  };
}

}  // namespace octavo::onnx
