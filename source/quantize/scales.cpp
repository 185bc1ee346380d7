#include "quantize/scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "base/parallel.h"
#include "quantize/identity.h"

namespace octavo {

namespace {

constexpr double weight_error = 0.5;  // what compensated rounding leaves of Delta^2 / 12
constexpr std::array<double, 6> powers{1.0, 0.8, 0.6, 0.4, 0.2, 0.0};
constexpr std::array<double, 4> sizes{1.0, 0.85, 0.7,
                                      0.5};  // of the widest channel; powers below 1

// What scales of its input do to a convolution, without its weights at hand.
struct ConvolutionModel {
  std::vector<ChannelOrigin> inputs;  // one a channel of the input
  std::vector<double> variance;       // likewise
  std::vector<double> energy;         // likewise: sum over outputs and taps of w^2
  std::vector<float> largest;         // [outputs, channels of a group]
  int64_t outputs = 0, group_channels = 0, outputs_per_group = 1, taps = 1;
  double output_variance = 1;  // summed over outputs
};

// The expected squared error of one root's channels, stored with given scales.
struct Candidate {
  std::vector<double> scale;
  std::vector<int32_t> zero_point;
  std::vector<double> error;
};

class Chooser {
 public:
  explicit Chooser(const PassInputs& inputs)
      : inputs_(inputs),
        graph_(inputs.network.graph),
        formed_(inputs.network.formed),
        flow_(inputs.network.flow),
        calibration_(inputs.calibration),
        tensors_(graph_.tensors.size()),
        given_(graph_.tensors.size()),
        ranges_(graph_.tensors.size()),
        candidates_(graph_.tensors.size()),
        models_(formed_.steps.size()) {
    given_[graph_.input] = formed_.input_rounding;
    for (const auto& step : formed_.steps) given_[step.output] = step.rounding;
  }

  // What is known of the roots themselves is worked out first, by all threads.
  Result<std::vector<StoredTensor>> run() {
    for (const TensorId root : flow_.roots) fold(root);
    if (const Status done = by_root([&](TensorId root) { find_ranges(root); }); !done) {
      return done.error();
    }
    share_tied_ranges();
    for (const TensorId root : flow_.roots) start(root);
    if (const Status done = by_root([&](TensorId root) { find_candidates(root); }); !done) {
      return done.error();
    }
    for (size_t s = 0; s < formed_.steps.size(); ++s) build_model(formed_.steps[s], models_[s]);
    // The scales of tensors that meet in one convolution (by Concat) depend on each other.
    for (int round = 0; round < 2; ++round) {
      for (const TensorId root : flow_.roots) improve(root);
    }
    carry_scales(formed_, flow_, tensors_);
    return std::move(tensors_);
  }

 private:
  bool fixed(TensorId root) const { return inputs_.network.is_picture(root) || given_[root]; }

  bool uniform(TensorId root) const { return flow_.uniform[root] || root == graph_.input; }

  // Channels that differ in scale; the others repeat them.
  int64_t period(TensorId root) const {
    return uniform(root) ? static_cast<int64_t>(calibration_.stored[root].moments.channels())
                         : flow_.period[root];
  }

  Status by_root(const std::function<void(TensorId root)>& work) const {
    const Sweep& sweep = inputs_.sweep;
    return for_each_index(flow_.roots.size(), {sweep.threads, sweep.stop, {}},
                          [&](size_t i, size_t) -> Status {
                            work(flow_.roots[i]);
                            return {};
                          });
  }

  // What is known of the channels that share a scale, together: of a row's element alone a picture
  // shows one value.
  void fold(TensorId root) {
    const TensorStatistics& each = calibration_.stored[root];
    const int64_t channels = each.moments.channels();
    if (channels == 0 || period(root) == channels) return;
    folded_[root] = {each.moments.folded(period(root)), each.histograms.folded(period(root)),
                     each.whole, each.pictures};
  }

  const TensorStatistics& statistics(TensorId root) const {
    const auto folded = folded_.find(root);
    return folded == folded_.end() ? calibration_.stored[root] : folded->second;
  }

  template <class Entry>
  static void repeat(std::vector<Entry>& entries, size_t count) {
    const size_t period = entries.size();
    entries.resize(count);
    for (size_t i = period; i < count; ++i) entries[i] = entries[i - period];
  }

  void find_ranges(TensorId root) {
    StoredTensor& tensor = tensors_[root];
    tensor.type = inputs_.types[root];
    const bool wide = tensor.type == ElementType::i16 || tensor.type == ElementType::u16;
    tensor.levels = levels_of(tensor.type);
    if (fixed(root)) return;
    RangePolicy policy{inputs_.method, inputs_.percentile, {}};
    if (inputs_.feed != nullptr) policy.views = inputs_.feed->views;
    if (wide) policy.method = RangeMethod::maximum;
    for (const auto& step : formed_.steps) {
      if (step.output == root) policy.bounds = bounds_of(step);
    }
    ranges_[root] = channel_ranges(statistics(root), policy);
    repeat(ranges_[root], static_cast<size_t>(channel_count(graph_.tensors[root])));
    // 16 bits have nothing to gain from clipping, and room for what calibration did not show.
    for (auto& range : ranges_[root]) {
      if (wide) range = {2 * range.lo, 2 * range.hi};
    }
    if (uniform(root)) unite(ranges_[root]);
  }

  static RealRange bounds_of(const FormedStep& step) {
    RealRange bounds{step.lo, step.hi};
    if (step.is<form::Softmax>()) return {0, 1};
    if (step.activation && !step.has_residual) {
      const auto [lo, hi] = activation_bounds(*step.activation);
      bounds = {std::max(bounds.lo, lo), std::min(bounds.hi, hi)};
    }
    return bounds;
  }

  static void unite(std::vector<ChannelRange>& ranges) {
    ChannelRange all = ranges[0];
    for (const auto& range : ranges) all = {std::min(all.lo, range.lo), std::max(all.hi, range.hi)};
    std::fill(ranges.begin(), ranges.end(), all);
  }

  void share_tied_ranges() {
    for (const TensorId root : flow_.roots) {
      const TensorId first = flow_.tied[root];
      if (first == root || fixed(first) || fixed(root)) continue;
      ChannelRange all = ranges_[first][0];
      all = {std::min(all.lo, ranges_[root][0].lo), std::max(all.hi, ranges_[root][0].hi)};
      ranges_[first].assign(ranges_[first].size(), all);
    }
    for (const TensorId root : flow_.roots) {
      const TensorId first = flow_.tied[root];
      if (first != root && !fixed(first) && !fixed(root)) {
        ranges_[root].assign(ranges_[root].size(), ranges_[first][0]);
      }
    }
  }

  void start(TensorId root) {
    StoredTensor& tensor = tensors_[root];
    if (given_[root]) {
      const auto channels = static_cast<size_t>(channel_count(graph_.tensors[root]));
      for (size_t c = 0; c < channels; ++c) {
        tensor.scale.push_back(given_[root]->scale_of(c));
        tensor.zero_point.push_back(given_[root]->zero_point_of(c));
      }
      return;
    }
    if (fixed(root)) {
      const InputMapping& mapping = inputs_.network.mapping;
      for (size_t c = 0; c < mapping.mean.size(); ++c) {
        tensor.scale.push_back(1 / mapping.std[c]);
        tensor.zero_point.push_back(
            static_cast<int32_t>(std::clamp(std::rint(mapping.mean[c]), 0.0, 255.0)));
      }
      return;
    }
    for (const auto& range : ranges_[root]) {
      const Affine affine = affine_for(range, range.width(), tensor.type);
      tensor.scale.push_back(affine.scale);
      tensor.zero_point.push_back(affine.zero_point);
    }
  }

  void build_model(const FormedStep& step, ConvolutionModel& model) {
    if (!step.is<form::Convolution>()) return;
    const Node& node = graph_.nodes[step.node];
    const auto& conv = std::get<Conv2d>(node.op);
    const Tensor& weight = graph_.tensors[node.inputs[1]];
    model.inputs = flow_.origins[step.inputs[0]];
    model.outputs = weight.shape[0];
    model.taps = weight.shape[1] * weight.shape[2];
    model.group_channels = weight.shape[3];
    model.outputs_per_group = model.outputs / conv.groups;
    const auto& moments = calibration_.stored[step.inputs[0]].moments;
    for (size_t c = 0; c < model.inputs.size(); ++c) {
      model.variance.push_back(moments.variance(static_cast<int64_t>(c)));
    }
    model.energy.assign(model.inputs.size(), 0.0);
    model.largest.assign(static_cast<size_t>(model.outputs * model.group_channels), 0.0f);
    // An identity that the step takes as a residual does not count among the weights' range.
    const std::vector<float> real = weights_without(graph_, step, find_identity(graph_, step));
    const float* w = real.data();
    for (int64_t o = 0; o < model.outputs; ++o) {
      const int64_t first = o / model.outputs_per_group * model.group_channels;
      for (int64_t tap = 0; tap < model.taps; ++tap) {
        for (int64_t c = 0; c < model.group_channels; ++c, ++w) {
          model.energy[static_cast<size_t>(first + c)] += static_cast<double>(*w) * *w;
          float& largest = model.largest[static_cast<size_t>(o * model.group_channels + c)];
          largest = std::max(largest, std::fabs(*w));
        }
      }
    }
    const auto& output = calibration_.stored[step.accumulated].moments;
    double variance = 0;
    for (int64_t o = 0; o < output.channels(); ++o) variance += output.variance(o);
    model.output_variance = std::max(variance, 1e-30);
  }

  Candidate candidate(TensorId root, double power, double size) const {
    const auto& ranges = ranges_[root];
    const StoredTensor& tensor = tensors_[root];
    const TensorStatistics& known = statistics(root);
    double widest = 0;
    for (const auto& range : ranges) widest = std::max(widest, range.width());
    Candidate out;
    for (size_t c = 0; c < static_cast<size_t>(period(root)); ++c) {
      const double width = size * widest * std::pow(ranges[c].width() / widest, power);
      const Affine affine = affine_for(ranges[c], width, tensor.type);
      out.scale.push_back(affine.scale);
      out.zero_point.push_back(affine.zero_point);
      out.error.push_back(storage_error(known, static_cast<int64_t>(c), affine.scale,
                                        affine.zero_point, tensor.levels, automatic_clip_weight));
    }
    repeat(out.scale, ranges.size());
    repeat(out.zero_point, ranges.size());
    repeat(out.error, ranges.size());
    return out;
  }

  double scale_of(const ChannelOrigin& origin, TensorId root, const Candidate& tried) const {
    const auto c = static_cast<size_t>(origin.channel);
    return origin.root == root ? tried.scale[c] : tensors_[origin.root].scale[c];
  }

  double convolution_error(const ConvolutionModel& model, TensorId root,
                           const Candidate& tried) const {
    const size_t channels = model.inputs.size();
    std::vector<double> scale(channels), variance(channels);
    double error = 0;
    for (size_t c = 0; c < channels; ++c) {
      scale[c] = scale_of(model.inputs[c], root, tried);
      variance[c] = model.variance[c] / (scale[c] * scale[c]);
      if (model.inputs[c].root == root) {
        error += model.energy[c] * tried.error[static_cast<size_t>(model.inputs[c].channel)];
      }
    }
    for (int64_t o = 0; o < model.outputs; ++o) {
      const auto first = static_cast<size_t>(o / model.outputs_per_group * model.group_channels);
      const float* largest = model.largest.data() + o * model.group_channels;
      double widest = 0, moment = 0;
      for (size_t c = 0; c < static_cast<size_t>(model.group_channels); ++c) {
        widest = std::max(widest, largest[c] * scale[first + c]);
        moment += variance[first + c];
      }
      const double unit = widest / 127;
      error += weight_error * unit * unit / 12 * static_cast<double>(model.taps) * moment;
    }
    return error / model.output_variance;
  }

  double cost(TensorId root, const Candidate& tried) const {
    double own_error = 0, own_variance = 0, sum = 0;
    const auto& moments = calibration_.stored[root].moments;
    for (size_t c = 0; c < tried.error.size(); ++c) {
      own_error += tried.error[c];
      own_variance += moments.variance(static_cast<int64_t>(c));
    }
    for (const uint32_t reader : flow_.readers[root]) {
      const FormedStep& step = formed_.steps[reader];
      const bool weighted =
          step.is<form::Convolution>() &&
          std::any_of(models_[reader].inputs.begin(), models_[reader].inputs.end(),
                      [&](const auto& origin) { return origin.root == root; });
      sum += weighted ? convolution_error(models_[reader], root, tried)
                      : own_error / std::max(own_variance, 1e-30);
    }
    return sum;
  }

  // The first is a scale a channel.
  void find_candidates(TensorId root) {
    if (fixed(root) || uniform(root) || flow_.readers[root].empty()) return;
    std::vector<Candidate>& out = candidates_[root];
    out.push_back(candidate(root, 1.0, 1.0));
    for (const double power : powers) {
      if (power == 1.0) continue;
      for (const double size : sizes) {
        if (tensors_[root].type == ElementType::i16 && size < 1) continue;
        out.push_back(candidate(root, power, size));
      }
    }
  }

  void improve(TensorId root) {
    const std::vector<Candidate>& candidates = candidates_[root];
    if (candidates.empty()) return;
    const Candidate* best = nullptr;
    double least = 0;
    for (const Candidate& tried : candidates) {
      const double now = cost(root, tried);
      if (best != nullptr && !(now < least)) continue;
      least = now;
      best = &tried;
    }
    tensors_[root].scale = best->scale;
    tensors_[root].zero_point = best->zero_point;
  }

  const PassInputs& inputs_;
  const Graph& graph_;
  const FormedSteps& formed_;
  const ChannelFlow& flow_;
  const Calibration& calibration_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::optional<Grid>> given_;          // by tensor
  std::vector<std::vector<ChannelRange>> ranges_;   // by root
  std::vector<std::vector<Candidate>> candidates_;  // by root
  std::map<TensorId, TensorStatistics> folded_;     // of roots whose channels share scales
  std::vector<ConvolutionModel> models_;            // by step
};

}  // namespace

void carry_scales(const FormedSteps& formed, const ChannelFlow& flow,
                  std::vector<StoredTensor>& tensors) {
  for (const auto& step : formed.steps) {
    if (!moves_only(step)) continue;
    StoredTensor& to = tensors[step.output];
    to = {};
    for (const auto& origin : flow.origins[step.output]) {
      const StoredTensor& from = tensors[origin.root];
      const auto c = static_cast<size_t>(origin.channel);
      to.type = from.type;
      to.levels = from.levels;
      to.scale.push_back(from.scale[c]);
      to.zero_point.push_back(from.zero_point[c]);
    }
  }
}

Affine affine_for(const ChannelRange& range, double width, ElementType type) {
  const double stretched = std::max(width, 1e-20);
  const double most = levels_of(type).hi;
  if (levels_of(type).lo < 0) {
    const double largest = std::max(-range.lo, range.hi) / range.width() * stretched;
    return {largest / most, 0};
  }
  const double scale = stretched / most;
  const double zero = range.width() > 0 ? -range.lo / range.width() * most : 0;
  return {scale, static_cast<int32_t>(std::clamp(std::rint(zero), 0.0, most))};
}

Result<std::vector<StoredTensor>> choose_scales(const PassInputs& inputs, const Quantization&) {
  return Chooser(inputs).run();
}

}  // namespace octavo
