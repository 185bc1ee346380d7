#include "quantize/roundings.h"

#include <algorithm>

#include "base/text.h"
#include "quantize/table.h"

namespace octavo {

bool has_roundings(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    const auto* unary = std::get_if<Unary>(&node.op);
    return unary != nullptr && unary->kind == Unary::Kind::fake_quantize;
  });
}

Status check_rounded(const Graph& graph, const FormedSteps& formed, const InputMapping& mapping) {
  std::vector<TensorId> open;
  if (!mapping.picture && !formed.input_rounding) open.push_back(graph.input);
  bool any = formed.input_rounding.has_value();
  for (const auto& step : formed.steps) {
    any = any || step.rounding;
    const bool stored = !moves_only(step) && step.kind != StepKind::constant &&
                        step.output != formed.stored_as[graph.output];
    if (stored && !step.rounding) open.push_back(step.output);
    // The reach of a table is that of its argument, which only a rounding in front of it tells.
    const bool by_table = step.activation && !is_written_out(*step.activation);
    if (by_table && step.kind != StepKind::rescale) open.push_back(step.accumulated);
  }
  if (!any) return rejected("there is no calibration picture");
  if (open.empty()) return {};
  return rejected(
      concat(open.size(), open.size() == 1 ? " tensor has" : " tensors have",
             " no QuantizeLinear of its own, the first: ", quoted(graph.tensors[open[0]].name),
             "; calibration pictures (--calib) would tell its range"));
}

namespace {

class Teller {
 public:
  Teller(const Graph& graph) : graph_(graph) {
    out_.stored.resize(graph.tensors.size());
    out_.accumulated.resize(graph.tensors.size());
  }

  void see(TensorId t, double lo, double hi) {
    const auto channels = static_cast<size_t>(channel_count(graph_.tensors[t]));
    ChannelMoments moments(static_cast<int64_t>(channels));
    moments.minimum.assign(channels, static_cast<float>(lo));
    moments.maximum.assign(channels, static_cast<float>(hi));
    moments.square_sum.assign(channels, (hi - lo) * (hi - lo) / 16);
    moments.nonzero.assign(channels, 1);
    moments.count = 1;
    out_.stored[t].moments = moments;
    out_.stored[t].pictures = 1;
    out_.accumulated[t] = std::move(moments);
  }

  void see(TensorId t, const std::optional<GivenRounding>& given) {
    const GivenRounding rounding = given.value_or(GivenRounding{1.0, 128});  // the logits
    see(t, -rounding.zero_point * rounding.scale, (255 - rounding.zero_point) * rounding.scale);
  }

  void see_like(TensorId t, const std::vector<TensorId>& inputs) {
    double lo = 0, hi = 0;
    for (const TensorId input : inputs) {
      const ChannelMoments& moments = out_.stored[input].moments;
      lo = std::min<double>(lo, moments.minimum[0]);
      hi = std::max<double>(hi, moments.maximum[0]);
    }
    see(t, lo, hi);
  }

  void see(const FormedStep& step) {
    if (moves_only(step)) return see_like(step.output, step.inputs);
    if (step.kind == StepKind::constant) {
      const auto& values = *graph_.tensors[step.output].values;
      const auto [lo, hi] = std::minmax_element(values.begin(), values.end());
      return see(step.output, *lo, *hi);
    }
    see(step.output, step.rounding);
    if (out_.stored[step.accumulated].moments.count == 0) {
      see_like(step.accumulated, {step.inputs[0]});
    }
  }

  Calibration take() { return std::move(out_); }

 private:
  const Graph& graph_;
  Calibration out_;
};

}  // namespace

Calibration calibration_of_roundings(const Graph& graph, const FormedSteps& formed,
                                     const InputMapping& mapping) {
  Teller teller(graph);
  if (mapping.picture) {
    const double mean = mapping.mean[0], deviation = mapping.std[0];
    teller.see(graph.input, -mean / deviation, (255 - mean) / deviation);
  } else {
    teller.see(graph.input, formed.input_rounding);
  }
  for (const auto& step : formed.steps) teller.see(step);
  return teller.take();
}

}  // namespace octavo
