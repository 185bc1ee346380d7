#include "quantize/tap_moments.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace octavo {

namespace {

constexpr int64_t one_block = 1536, many_taps_block = 512;
constexpr int64_t windows_a_picture = 64;
// Sums of products of 9-bit values stay inside int32 for this many windows.
constexpr int64_t most_windows = 32768;

TapMoments empty_moments(const Graph& graph, const FormedStep& step) {
  const Node& node = graph.nodes[step.node];
  const Shape& weight = graph.tensors[node.inputs[1]].shape;
  TapMoments out;
  out.groups = std::get<Conv2d>(node.op).groups;
  out.taps = weight[1] * weight[2] * weight[3];
  out.block = out.taps <= one_block ? out.taps : many_taps_block;
  out.products.assign(out.block_offset(out.groups, 0), 0);
  out.sums.assign(static_cast<size_t>(out.groups * out.taps), 0);
  return out;
}

// Stored values less the zero point, 16 bits brought down to 8.
struct Rounder {
  std::vector<float> inverse_scale, lo, hi;
  float coarser = 1;

  // A pixel's channels.
  void operator()(const float* values, int16_t* to) const {
    constexpr float magic = 12582912.0f;  // 1.5 * 2^23: rint, which compilers turn into vector code
    for (size_t c = 0; c < inverse_scale.size(); ++c) {
      const float t = std::min(std::max(values[c] * inverse_scale[c], lo[c]), hi[c]);
      to[c] = static_cast<int16_t>(static_cast<int32_t>((t * coarser + magic) - magic));
    }
  }
};

Rounder rounder_of(const StoredTensor& tensor, bool picture, const InputMapping& mapping) {
  Rounder out;
  for (size_t c = 0; c < tensor.scale.size(); ++c) {
    const double zero = picture ? mapping.mean[c] : tensor.zero_point[c];
    out.inverse_scale.push_back(static_cast<float>(1 / tensor.scale[c]));
    out.lo.push_back(static_cast<float>(tensor.levels.lo - zero));
    out.hi.push_back(static_cast<float>(tensor.levels.hi - zero));
  }
  if (tensor.levels.hi > 255) out.coarser = 255.0f / static_cast<float>(tensor.levels.hi);
  return out;
}

// One convolution's windows of one picture, [groups * taps][windows]: what is summed over is
// contiguous.
struct Windows {
  std::vector<int16_t> values;
  int64_t count = 0;
};

// Of one tap of the kernel: `pixels` as [windows][channels] to where its channels are among the
// taps of their groups, which is a transpose.
void put_taps(const std::vector<int16_t>& pixels, int64_t channels, int64_t group_channels,
              int64_t first_tap, int64_t taps, Windows& out) {
  constexpr int64_t line = 32;  // of a pixel: what is read of it stays in a core's first cache
  for (int64_t begin = 0; begin < channels; begin += line) {
    const int64_t end = std::min(begin + line, channels);
    int64_t group = begin / group_channels, k = begin % group_channels;
    for (int64_t c = begin; c < end; ++c) {
      const int16_t* from = pixels.data() + c;
      int16_t* to = out.values.data() + (group * taps + first_tap + k) * out.count;
      for (int64_t n = 0; n < out.count; ++n) to[n] = from[n * channels];
      if (++k < group_channels) continue;
      k = 0;
      ++group;
    }
  }
}

Windows sample_windows(const Graph& graph, const Node& node, std::span<const float> values,
                       const Rounder& rounder, const TapMoments& moments, size_t picture) {
  const auto& conv = std::get<Conv2d>(node.op);
  const auto in = *stored_shape(graph.tensors[node.inputs[0]].shape);
  const auto out_shape = *stored_shape(graph.tensors[node.output].shape);
  const Shape& weight = graph.tensors[node.inputs[1]].shape;
  const int64_t pixels = int64_t{out_shape[1]} * out_shape[2], channels = in[3];
  Windows out;
  out.count = std::min(pixels, windows_a_picture);
  out.values.resize(static_cast<size_t>(moments.groups * moments.taps * out.count));
  std::vector<int16_t> read(static_cast<size_t>(out.count * channels));
  for (int64_t ky = 0; ky < weight[1]; ++ky) {
    for (int64_t kx = 0; kx < weight[2]; ++kx) {
      for (int64_t n = 0; n < out.count; ++n) {
        // A step that shares no factor with most sizes moves the grid from picture to picture.
        const int64_t pixel =
            (n * pixels / out.count + static_cast<int64_t>(picture) * 7919) % pixels;
        const int64_t y =
            pixel / out_shape[2] * conv.stride[0] - conv.pads.top + ky * conv.dilation[0];
        const int64_t x =
            pixel % out_shape[2] * conv.stride[1] - conv.pads.left + kx * conv.dilation[1];
        int16_t* to = read.data() + n * channels;
        if (y < 0 || y >= in[1] || x < 0 || x >= in[2]) {
          std::fill_n(to, channels, int16_t{0});
        } else {
          rounder(values.data() + (y * in[2] + x) * channels, to);
        }
      }
      const int64_t first_tap = (ky * weight[2] + kx) * weight[3];
      put_taps(read, channels, weight[3], first_tap, moments.taps, out);
    }
  }
  return out;
}

int32_t dot(const int16_t* a, const int16_t* b, int64_t count) {
  int32_t sum = 0;
  for (int64_t n = 0; n < count; ++n) sum += int32_t{a[n]} * b[n];
  return sum;
}

// Of a with four that are `stride` apart: as fast as a is read.
void add_four_dots(const int16_t* a, const int16_t* b, int64_t stride, int64_t count, int32_t* to) {
  const int16_t *b1 = b + stride, *b2 = b1 + stride, *b3 = b2 + stride;
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int64_t n = 0; n < count; ++n) {
    s0 += int32_t{a[n]} * b[n];
    s1 += int32_t{a[n]} * b1[n];
    s2 += int32_t{a[n]} * b2[n];
    s3 += int32_t{a[n]} * b3[n];
  }
  to[0] += s0;
  to[1] += s1;
  to[2] += s2;
  to[3] += s3;
}

void add_windows(const Windows& windows, TapMoments& moments) {
  if (moments.samples + windows.count > most_windows) return;
  moments.samples += windows.count;
  for (int64_t g = 0; g < moments.groups; ++g) {
    const int16_t* group = windows.values.data() + g * moments.taps * windows.count;
    for (int64_t k = 0; k < moments.taps; ++k) {
      int64_t sum = 0;
      for (int64_t n = 0; n < windows.count; ++n) sum += group[k * windows.count + n];
      moments.sums[static_cast<size_t>(g * moments.taps + k)] += sum;
    }
    for (int64_t b = 0; b < moments.blocks(); ++b) {
      const int64_t size = moments.block_size(b);
      const int16_t* first = group + b * moments.block * windows.count;
      int32_t* products = moments.products.data() + moments.block_offset(g, b);
      for (int64_t i = 0; i < size; ++i) {
        const int16_t* own = first + i * windows.count;
        int64_t j = 0;
        for (; j + 4 <= i + 1; j += 4) {
          add_four_dots(own, first + j * windows.count, windows.count, windows.count,
                        products + i * size + j);
        }
        for (; j <= i; ++j) {
          products[i * size + j] += dot(own, first + j * windows.count, windows.count);
        }
      }
    }
  }
}

}  // namespace

void TapMoments::merge(const TapMoments& other) {
  if (taps == 0) {
    *this = other;
    return;
  }
  for (size_t i = 0; i < products.size(); ++i) products[i] += other.products[i];
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += other.sums[i];
  samples += other.samples;
}

std::vector<double> error_form(const TapMoments& moments, int64_t group, int64_t b) {
  const auto size = static_cast<size_t>(moments.block_size(b));
  const int32_t* products = moments.products.data() + moments.block_offset(group, b);
  const int64_t* sums = moments.sums.data() + group * moments.taps + b * moments.block;
  const double samples = static_cast<double>(std::max<int64_t>(1, moments.samples));
  const auto covariance = [&](size_t i, size_t j) {
    return products[i * size + j] / samples -
           static_cast<double>(sums[i]) / samples * (static_cast<double>(sums[j]) / samples);
  };
  double total = 0;
  for (size_t i = 0; i < size; ++i) total += std::max(0.0, covariance(i, i));
  if (!(total > 0)) return {};
  // With few samples for many taps chance correlations would be believed.
  const double trust = samples / (samples + static_cast<double>(size));
  const double damping = 0.01 * total / static_cast<double>(size);
  std::vector<double> out(size * size);
  for (size_t i = 0; i < size; ++i) {
    out[i * size + i] = covariance(i, i) + damping;
    for (size_t j = 0; j < i; ++j) {
      out[i * size + j] = out[j * size + i] = trust * covariance(i, j);
    }
  }
  return out;
}

Result<std::vector<TapMoments>> collect_tap_moments(const PassInputs& in,
                                                    const std::vector<StoredTensor>& tensors,
                                                    const std::vector<bool>& wanted,
                                                    const Sweep& threads) {
  const Graph& graph = in.network.graph;
  const FormedSteps& formed = in.network.formed;
  const std::vector<size_t>& pictures = in.calibration.repair;
  const FarPictures& far = in.calibration.far;
  std::vector<uint32_t> collected;
  for (uint32_t s = 0; s < formed.steps.size(); ++s) {
    if (wanted[s] && formed.steps[s].is<form::Convolution>()) collected.push_back(s);
  }
  if (collected.empty()) return std::vector<TapMoments>(formed.steps.size());
  uint64_t moments_bytes = 0;
  for (const uint32_t s : collected) {
    const TapMoments empty = empty_moments(graph, formed.steps[s]);
    moments_bytes +=
        empty.products.size() * sizeof empty.products[0] + empty.sums.size() * sizeof empty.sums[0];
  }
  const Sweep sweep = bounded_sweep(threads, pictures.size(), session_bytes(graph) + moments_bytes);
  auto sessions = create_sessions(graph, sweep.threads);
  if (!sessions) return sessions.error();
  std::vector<std::vector<uint32_t>> readers(graph.tensors.size());
  std::vector<Rounder> rounders(formed.steps.size());
  for (const uint32_t s : collected) {
    const FormedStep& step = formed.steps[s];
    readers[graph.nodes[step.node].inputs[0]].push_back(s);
    rounders[s] = rounder_of(tensors[step.inputs[0]], in.network.is_picture(step.inputs[0]),
                             in.network.mapping);
  }
  std::vector<std::vector<TapMoments>> by_worker(sessions->size());
  for (auto& moments : by_worker) moments.resize(formed.steps.size());
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));

  const auto work = [&](size_t i, size_t, size_t worker) -> Status {
    auto values = load_values(*in.feed, pictures[i], in.network.mapping, inputs);
    if (!values) return values.error();
    const FloatSession::Observer observer = [&](TensorId t, std::span<float> seen) {
      for (const uint32_t s : readers[t]) {
        TapMoments& moments = by_worker[worker][s];
        if (moments.taps == 0) moments = empty_moments(graph, formed.steps[s]);
        const FormedStep& step = formed.steps[s];
        if (far.contains(step.inputs[0], pictures[i]) ||
            far.contains(step.accumulated, pictures[i])) {
          continue;
        }
        const Node& node = graph.nodes[step.node];
        add_windows(sample_windows(graph, node, seen, rounders[s], moments, i), moments);
      }
    };
    std::vector<float> logits(outputs);
    return (*sessions)[worker]->run(*values, logits, &observer);
  };
  if (const Status status = for_pictures(sweep, pictures.size(), work, [](size_t, size_t) {});
      !status) {
    return status.error();
  }
  std::vector<TapMoments> out = std::move(by_worker[0]);
  for (size_t w = 1; w < by_worker.size(); ++w) {
    for (size_t s = 0; s < out.size(); ++s) {
      if (by_worker[w][s].taps != 0) out[s].merge(by_worker[w][s]);
    }
  }
  return out;
}

}  // namespace octavo
