#include "quantize/accumulated_means.h"

#include <utility>

namespace octavo {

Result<std::vector<ChannelMoments>> accumulated_means(const PassInputs& in, const Sweep& sweep,
                                                      const MeasuredRun& run) {
  const StepNetwork& network = in.network;
  const Graph& graph = network.graph;
  const std::vector<size_t>& pictures = in.calibration.repair;
  const size_t tensors = graph.tensors.size();
  std::vector<uint8_t> measured(tensors, 0);
  for (const auto& step : network.formed.steps) {
    if (step.is<form::Convolution>()) measured[step.accumulated] = 1;
  }
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  std::vector<std::vector<ChannelMoments>> records(sweep_slots(sweep));
  std::vector<ChannelMoments> sum(tensors);
  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    auto values = load_values(*in.feed, pictures[i], network.mapping, inputs);
    if (!values) return values.error();
    auto& record = records[slot];
    record.assign(tensors, {});
    return run(worker, *std::move(values), [&](TensorId t, std::span<float> seen) {
      if (measured[t] != 0) record[t] = ChannelMoments::of(seen, channel_count(graph.tensors[t]));
    });
  };
  const auto merge = [&](size_t i, size_t slot) {
    for (size_t t = 0; t < tensors; ++t) {
      if (records[slot][t].count != 0 && !in.calibration.far.contains(t, pictures[i]))
        sum[t].merge(records[slot][t]);
    }
  };
  if (const Status status = for_pictures(sweep, pictures.size(), work, merge); !status) {
    return status.error();
  }
  return sum;
}

std::vector<double> missing_means(const PassInputs& in, const FormedStep& step,
                                  const std::vector<ChannelMoments>& means) {
  const ChannelMoments& expected = in.calibration.accumulated[step.accumulated];
  const ChannelMoments& seen = means[step.accumulated];
  std::vector<double> out;
  for (int64_t c = 0; c < expected.channels(); ++c) out.push_back(expected.mean(c) - seen.mean(c));
  return out;
}

}  // namespace octavo
