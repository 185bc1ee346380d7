#include "export/epilogue.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "export/recognize.h"

namespace octavo {

namespace {

using onnx_file::attribute;
using Kind = Unary::Kind;

constexpr double infinity = std::numeric_limits<double>::infinity();

class Finisher {
 public:
  Finisher(Emitter& out, const Step& step, const Epilogue& epilogue, AxisOrder layout)
      : out_(out),
        step_(step),
        epilogue_(epilogue),
        layout_(layout),
        channels_(out.channels(step.output)),
        name_(out.tensor(step.output).name) {}

  bool run(const MakeArgument& argument) {
    const Storage& to = out_.storage(step_.output);
    const PerChannel unit = combined(channels_, [&](size_t c) { return to.unit_of(c); });
    const PerChannel offset = combined(
        channels_, [&](size_t c) { return unit[c] * (residual_offset(c) - to.offset_of(c)); });
    std::string value = epilogue_.activation == Activation::none
                            ? argument(unit, offset)
                            : activated(argument, unit, offset);
    if (epilogue_.has_residual) value = node("Add", {value, residual(unit)}, "/sum");
    out_.store(step_.output, clamped(value), layout_);
    return by_table_;
  }

 private:
  std::string node(std::string_view op, const onnx_file::Names& inputs, std::string_view what,
                   const std::vector<onnx_file::Attribute>& attributes = {}) {
    return out_.node(op, inputs, concat(name_, what), attributes);
  }
  std::string number(double value, std::string_view what) {
    return out_.floats({}, {static_cast<float>(value)}, concat(name_, what));
  }

  // ---- residual

  uint32_t residual_input() const { return step_.inputs.back(); }

  // In output steps: what the residual's own offsets add.
  double residual_offset(size_t c) const {
    if (!epilogue_.has_residual) return 0;
    return of_channel(epilogue_.residual_multiplier, c) *
           out_.storage(residual_input()).offset_of(c);
  }

  std::string residual(const PerChannel& unit) {
    const Storage& from = out_.storage(residual_input());
    return out_.affine(out_.value(residual_input(), layout_),
                       combined(channels_,
                                [&](size_t c) {
                                  return unit[c] * of_channel(epilogue_.residual_multiplier, c) /
                                         from.unit_of(c);
                                }),
                       {0}, layout_, concat(name_, "/residual"));
  }

  // ---- clamp

  // ReLU in front of zero points of zero leaves no other trace than its clamp.
  bool may_be_relu() const {
    const auto& zeros = out_.tensor(step_.output).zero_point;
    for (size_t c = 0; c < channels_; ++c) {
      if (of_channel(epilogue_.lo, c) != of_channel(zeros, c)) return false;
    }
    return epilogue_.activation == Activation::none &&
           (std::holds_alternative<ConvolutionStep>(step_.op) ||
            std::holds_alternative<AddStep>(step_.op) ||
            std::holds_alternative<RescaleStep>(step_.op));
  }

  std::string clamped(const std::string& value) {
    const PlanTensor& tensor = out_.tensor(step_.output);
    if (tensor.type == ElementType::f32) return value;
    const Storage& to = out_.storage(step_.output);
    const StoredLevels levels = levels_of(tensor.type);
    const bool relu = may_be_relu();
    const auto bound = [&](int32_t level, size_t c) {
      return to.unit_of(c) * (level - of_channel(tensor.zero_point, c) - to.offset_of(c));
    };
    const PerChannel lo = combined(channels_, [&](size_t c) {
      const int32_t level = of_channel(epilogue_.lo, c);
      const bool open = level <= levels.lo && !relu;
      return open ? -infinity : bound(level, c);
    });
    const PerChannel hi = combined(channels_, [&](size_t c) {
      const int32_t level = of_channel(epilogue_.hi, c);
      return level >= levels.hi ? infinity : bound(level, c);
    });
    return out_.bounded(value, lo, hi, layout_, name_);
  }

  // ---- activation

  // In output steps a result of 1 is output_multiplier / result_unit.
  std::string activated(const MakeArgument& argument, const PerChannel& unit,
                        const PerChannel& offset) {
    double result_unit = 1;
    const std::string result = epilogue_.activation == Activation::table
                                   ? smooth(argument, result_unit)
                                   : written_out(argument);
    return out_.affine(result,
                       combined(channels_,
                                [&](size_t c) {
                                  return unit[c] * of_channel(epilogue_.output_multiplier, c) /
                                         result_unit;
                                }),
                       offset, layout_, name_);
  }

  std::string written_out(const MakeArgument& argument) {
    const std::string x = argument({1}, {0});
    const double alpha = epilogue_.alpha, beta = epilogue_.beta;
    if (epilogue_.activation == Activation::clip) {
      constexpr double open = 3e38;
      return out_.bounded(x, {alpha <= -open ? -infinity : alpha}, {beta >= open ? infinity : beta},
                          layout_, concat(name_, "/activation"));
    }
    const std::vector<onnx_file::Attribute> slopes{attribute("alpha", epilogue_.alpha),
                                                   attribute("beta", epilogue_.beta)};
    if (epilogue_.activation == Activation::hard_sigmoid) {
      return node("HardSigmoid", {x}, "/hard_sigmoid", slopes);
    }
    if (epilogue_.alpha == 1.0f / 6.0f && epilogue_.beta == 0.5f) {
      return node("HardSwish", {x}, "/hard_swish");
    }
    return node("Mul", {x, node("HardSigmoid", {x}, "/hard_sigmoid", slopes)}, "/hard_swish");
  }

  // The real value of one unit of T, if all channels of the output agree on it.
  std::optional<double> table_unit() const {
    const PlanTensor& tensor = out_.tensor(step_.output);
    const auto unit = [&](size_t c) {
      const double scale = tensor.type == ElementType::f32 ? 1 : of_channel(tensor.scale, c);
      return of_channel(epilogue_.output_multiplier, c) * scale;
    };
    for (size_t c = 0; c < channels_; ++c) {
      if (!(std::fabs(unit(c) - unit(0)) <= 1e-4 * unit(0))) return std::nullopt;
    }
    return unit(0);
  }

  std::string smooth(const MakeArgument& argument, double& result_unit) {
    if (const auto unit = table_unit()) {
      if (const auto known = recognize_function(epilogue_.table, *unit)) {
        result_unit = *unit;
        return function(argument({known->argument_unit}, {known->centre}), *known);
      }
    }
    by_table_ = true;
    return knots(argument({1}, {0}));
  }

  std::string function(const std::string& x, const RecognizedFunction& known) {
    const Unary& unary = known.unary;
    switch (unary.kind) {
      case Kind::silu:
        return node("Mul", {x, node("Sigmoid", {x}, "/sigmoid")}, "/silu");
      case Kind::gelu:
        return half_of_gate(
            x, node("Erf", {node("Div", {x, number(std::sqrt(2.0), "/sqrt2")}, "/gelu_argument")},
                    "/erf"));
      case Kind::gelu_tanh:
        return half_of_gate(x, node("Tanh", {gelu_tanh_argument(x)}, "/tanh"));
      case Kind::mish:
        return node("Mul", {x, node("Tanh", {node("Softplus", {x}, "/softplus")}, "/tanh")},
                    "/mish");
      case Kind::leaky_relu:
        return node("LeakyRelu", {x}, "/leaky_relu", {attribute("alpha", unary.alpha)});
      case Kind::elu:
        return node("Elu", {x}, "/elu", {attribute("alpha", unary.alpha)});
      case Kind::log:
      case Kind::sqrt:
      case Kind::reciprocal: {  // undefined left of their tables
        const double reach = 32768 * known.argument_unit;
        const std::string inside = out_.bounded(x, {known.centre - reach}, {known.centre + reach},
                                                layout_, concat(name_, "/argument"));
        return node(operator_of(unary.kind), {inside}, "/activation");
      }
      default:
        return node(operator_of(unary.kind), {x}, "/activation");
    }
  }

  static std::string_view operator_of(Kind kind) {
    switch (kind) {
      case Kind::sigmoid:
        return "Sigmoid";
      case Kind::tanh:
        return "Tanh";
      case Kind::erf:
        return "Erf";
      case Kind::softplus:
        return "Softplus";
      case Kind::absolute:
        return "Abs";
      case Kind::negate:
        return "Neg";
      case Kind::exp:
        return "Exp";
      case Kind::log:
        return "Log";
      case Kind::sqrt:
        return "Sqrt";
      case Kind::reciprocal:
        return "Reciprocal";
      case Kind::sine:
        return "Sin";
      case Kind::cosine:
        return "Cos";
      default:
        return "Identity";
    }
  }

  // x * (1 + gate) / 2
  std::string half_of_gate(const std::string& x, const std::string& gate) {
    const std::string sum = node("Add", {gate, number(1, "/one")}, "/gate");
    return node("Mul", {node("Mul", {x, sum}, "/gated"), number(0.5, "/half")}, "/gelu");
  }

  std::string gelu_tanh_argument(const std::string& x) {
    const std::string cube = node("Mul", {node("Mul", {x, x}, "/square"), x}, "/cube");
    const std::string bent = node("Mul", {cube, number(0.044715, "/cubic_factor")}, "/bent");
    return node(
        "Mul",
        {node("Add", {x, bent}, "/bent_argument"), number(0.79788456080286536, "/sqrt_2_over_pi")},
        "/gelu_argument");
  }

  // T as docs/numerics.md writes it: u = rint(clamp(f)) + 32768, i = u / 1024,
  // T = k[i] * 1024 + (k[i + 1] - k[i]) * (u - 1024 i).
  std::string knots(const std::string& f) {
    const size_t segments = epilogue_.table.size() - 1;
    std::vector<float> base(segments), slope(segments);
    for (size_t i = 0; i < segments; ++i) {
      base[i] = static_cast<float>(epilogue_.table[i] * 1024);
      slope[i] = static_cast<float>(epilogue_.table[i + 1] - epilogue_.table[i]);
    }
    const std::string inside =
        out_.bounded(f, {-32768}, {32767}, layout_, concat(name_, "/argument"));
    const std::string u =
        node("Add", {node("Round", {inside}, "/rounded"), number(32768, "/lowest")}, "/units");
    const std::string width = number(1024, "/segment_units");
    const std::string segment = node("Floor", {node("Div", {u, width}, "/position")}, "/segment");
    const std::string beyond =
        node("Sub", {u, node("Mul", {segment, width}, "/segment_start")}, "/beyond");
    const std::string index = node("Cast", {segment}, "/index", {attribute("to", int64_t{7})});
    const auto taken = [&](const std::vector<float>& values, std::string_view what) {
      const std::string table =
          out_.floats({static_cast<int64_t>(segments)}, values, concat(name_, what, "_table"));
      return node("Gather", {table, index}, what);
    };
    const std::string rise = node("Mul", {taken(slope, "/slope"), beyond}, "/rise");
    return node("Add", {taken(base, "/base"), rise}, "/table");
  }

  Emitter& out_;
  const Step& step_;
  const Epilogue& epilogue_;
  AxisOrder layout_;
  size_t channels_;
  std::string name_;
  bool by_table_ = false;
};

}  // namespace

bool finish_step(Emitter& out, const Step& step, const Epilogue& epilogue, AxisOrder layout,
                 const MakeArgument& argument) {
  return Finisher(out, step, epilogue, layout).run(argument);
}

}  // namespace octavo
