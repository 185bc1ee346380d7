#include "quantize/roundings.h"

#include <algorithm>

#include "base/text.h"
#include "quantize/flow.h"
#include "quantize/table.h"

namespace octavo {

bool has_roundings(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return std::holds_alternative<FakeQuantize>(node.op);
  });
}

Status check_rounded(const Graph& graph, const FormedSteps& formed, const InputMapping& mapping) {
  std::vector<TensorId> open;
  if (!mapping.picture && !formed.input_rounding) open.push_back(graph.input);
  bool any = formed.input_rounding.has_value();
  for (const auto& step : formed.steps) {
    any = any || step.rounding;
    const bool stored = !moves_only(step) && !step.is<form::Constant>() && !is_copy(step) &&
                        step.output != formed.stored_as[graph.output];
    if (stored && !step.rounding) open.push_back(step.output);
    // The reach of a table is that of its argument, which only a rounding in front of it tells.
    const bool by_table = step.activation && !is_written_out(*step.activation);
    if (by_table && !step.is<form::Rescale>()) open.push_back(step.accumulated);
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

  // range(c): the bounds of channel c.
  template <class Range>
  void see_channels(TensorId t, const Range& range) {
    const auto channels = static_cast<size_t>(channel_count(graph_.tensors[t]));
    ChannelMoments moments(static_cast<int64_t>(channels));
    for (size_t c = 0; c < channels; ++c) {
      const RealRange bounds = range(c);
      const double width = double{bounds.hi} - bounds.lo;
      moments.minimum[c] = bounds.lo;
      moments.maximum[c] = bounds.hi;
      moments.square_sum[c] = width * width / 16;
    }
    moments.nonzero.assign(channels, 1);
    moments.count = 1;
    out_.stored[t].moments = moments;
    out_.stored[t].pictures = 1;
    out_.accumulated[t] = std::move(moments);
  }

  void see(TensorId t, double lo, double hi) {
    see_channels(t, [&](size_t) {
      return RealRange{static_cast<float>(lo), static_cast<float>(hi)};
    });
  }

  void see(TensorId t, const std::optional<Grid>& given) {
    const Grid rounding = given.value_or(Grid{{1.0f}, {128}});  // the logits
    see_channels(t, [&](size_t c) { return range_of(rounding, c); });
  }

  void see_like(TensorId t, const std::vector<TensorId>& inputs) {
    double lo = 0, hi = 0;
    for (const TensorId input : inputs) {
      const ChannelMoments& moments = out_.stored[input].moments;
      lo = std::min<double>(lo, *std::min_element(moments.minimum.begin(), moments.minimum.end()));
      hi = std::max<double>(hi, *std::max_element(moments.maximum.begin(), moments.maximum.end()));
    }
    see(t, lo, hi);
  }

  // What factor and offset of a channel make of the input's range.
  void see_argument(const FormedStep& step, const form::Rescale& rescale) {
    const ChannelMoments& input = out_.stored[step.inputs[0]].moments;
    double lo = 0, hi = 0;
    for (size_t c = 0; c < rescale.factor.size(); ++c) {
      for (const double end : {double{input.minimum[c]}, double{input.maximum[c]}}) {
        const double value = end * rescale.factor[c] + rescale.offset[c];
        lo = std::min(lo, value);
        hi = std::max(hi, value);
      }
    }
    see(step.accumulated, lo, hi);
  }

  void see(const FormedStep& step) {
    if (moves_only(step)) return see_like(step.output, step.inputs);
    if (step.is<form::Constant>()) {
      const auto& values = *graph_.tensors[step.output].values;
      const auto [lo, hi] = std::minmax_element(values.begin(), values.end());
      return see(step.output, *lo, *hi);
    }
    if (!step.rounding && is_copy(step)) return see_like(step.output, step.inputs);
    const auto* rescale = step.as<form::Rescale>();
    if (rescale != nullptr && step.accumulated != step.output) see_argument(step, *rescale);
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

std::string text_of(const Grid& rounding) {
  if (rounding.by_channel()) return "a scale a channel";
  return concat("scale ", rounding.scale[0], " and zero point ", rounding.zero_point[0]);
}

}  // namespace

Status check_ties(const Graph& graph, const FormedSteps& formed, const ChannelFlow& flow) {
  std::vector<std::optional<Grid>> given(graph.tensors.size());
  given[graph.input] = formed.input_rounding;
  for (const auto& step : formed.steps) given[step.output] = step.rounding;
  for (const TensorId root : flow.roots) {
    const TensorId first = flow.tied[root];
    if (given[root] == given[first]) continue;
    const TensorId stated = given[root] ? root : first, other = given[root] ? first : root;
    return rejected(concat(
        "tensors ", quoted(graph.tensors[stated].name), " and ", quoted(graph.tensors[other].name),
        " flow into one whose channels are mixed, but the first is stored with ",
        text_of(*given[stated]), ", the second ",
        given[other] ? concat("with ", text_of(*given[other])) : std::string("without a pair"),
        "; a QuantizeLinear and DequantizeLinear behind the Concat would round them alike"));
  }
  return {};
}

Calibration calibration_of_roundings(const Graph& graph, const FormedSteps& formed,
                                     const InputMapping& mapping) {
  Teller teller(graph);
  if (mapping.picture) {
    double lo = 0, hi = 0;
    for (size_t c = 0; c < mapping.mean.size(); ++c) {
      lo = std::min(lo, -mapping.mean[c] / mapping.std[c]);
      hi = std::max(hi, (255 - mapping.mean[c]) / mapping.std[c]);
    }
    teller.see(graph.input, lo, hi);
  } else {
    teller.see(graph.input, formed.input_rounding);
  }
  for (const auto& step : formed.steps) teller.see(step);
  return teller.take();
}

}  // namespace octavo
