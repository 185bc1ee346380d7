#include "quantize/accumulated_means.h"

namespace octavo {

Result<std::vector<float>> repair_values(const PassInputs& in, size_t i) {
  const Graph& graph = in.network.graph;
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  return load_values(*in.feed, in.calibration.repair[i], in.network.mapping, inputs);
}

Result<std::vector<ChannelMeans>> accumulated_means(const PassInputs& in, const Sweep& sweep,
                                                    const MeasuredRun& run) {
  const StepNetwork& network = in.network;
  const std::vector<size_t>& pictures = in.calibration.repair;
  const size_t tensors = network.graph.tensors.size();
  std::vector<uint8_t> measured(tensors, 0);
  for (const auto& step : network.formed.steps) {
    if (step.is<form::Convolution>()) measured[step.accumulated] = 1;
  }
  std::vector<std::vector<ChannelMeans>> records(sweep_slots(sweep));
  std::vector<ChannelMeans> sum(tensors);
  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    auto& record = records[slot];
    record.assign(tensors, {});
    return run(i, worker, [&](TensorId t, std::span<float> seen) {
      if (measured[t] == 0) return;
      record[t] = ChannelMeans::of(seen, channel_count(network.graph.tensors[t]));
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
                                  const std::vector<ChannelMeans>& means) {
  const ChannelMoments& expected = in.calibration.accumulated[step.accumulated];
  const ChannelMeans& seen = means[step.accumulated];
  std::vector<double> out;
  for (int64_t c = 0; c < expected.channels(); ++c) out.push_back(expected.mean(c) - seen.mean(c));
  return out;
}

}  // namespace octavo
