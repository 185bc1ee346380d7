#include "quantize/compensate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "quantize/identity.h"

namespace octavo {

namespace {

// Four sums side by side, so that it is not bound by the latency of one addition.
double dot(const double* a, const double* b, size_t count) {
  double sum[4] = {};
  size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    for (size_t lane = 0; lane < 4; ++lane) sum[lane] += a[k + lane] * b[k + lane];
  }
  for (; k < count; ++k) sum[0] += a[k] * b[k];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// In place: the lower triangle L with L L^T = matrix. False if it is not positive definite.
bool cholesky(std::vector<double>& matrix, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    double* row = matrix.data() + i * size;
    for (size_t j = 0; j <= i; ++j) {
      const double* other = matrix.data() + j * size;
      const double sum = row[j] - dot(row, other, j);
      if (i != j) {
        row[j] = sum / other[j];
      } else if (sum > 0) {
        row[i] = std::sqrt(sum);
      } else {
        return false;
      }
    }
  }
  return true;
}

// The inverse of a lower triangle, transposed: an upper triangle.
std::vector<double> inverse_transposed(const std::vector<double>& lower, size_t size) {
  std::vector<double> out(size * size, 0.0);
  for (size_t column = 0; column < size; ++column) {
    double* x = out.data() + column * size;  // row `column` of the result
    x[column] = 1 / lower[column * size + column];
    for (size_t i = column + 1; i < size; ++i) {
      const double* row = lower.data() + i * size;
      x[i] = -dot(row + column, x + column, i - column) / row[i];
    }
  }
  return out;
}

}  // namespace

InverseFactor inverse_factor(const TapMoments& moments, int64_t group, int64_t b) {
  const auto size = static_cast<size_t>(moments.block_size(b));
  const int32_t* products = moments.products.data() + moments.block_offset(group, b);
  const int64_t* sums = moments.sums.data() + group * moments.taps + b * moments.block;
  const double samples = static_cast<double>(std::max<int64_t>(1, moments.samples));
  const auto covariance = [&](size_t i, size_t j) {
    const double product = products[std::max(i, j) * size + std::min(i, j)];
    return product / samples -
           static_cast<double>(sums[i]) / samples * (static_cast<double>(sums[j]) / samples);
  };
  InverseFactor out;
  double total = 0;
  for (size_t i = 0; i < size; ++i) total += std::max(0.0, covariance(i, i));
  if (!(total > 0)) return out;
  out.order.resize(size);
  std::iota(out.order.begin(), out.order.end(), 0);
  std::stable_sort(out.order.begin(), out.order.end(), [&](int32_t i, int32_t j) {
    return covariance(static_cast<size_t>(i), static_cast<size_t>(i)) >
           covariance(static_cast<size_t>(j), static_cast<size_t>(j));
  });
  // With few samples for many taps chance correlations would be believed.
  const double trust = samples / (samples + static_cast<double>(size));
  const double damping = 0.01 * total / static_cast<double>(size);
  // Factored backwards: with P the reversal, P C P = L L^T gives C^-1 = U^T U for the upper
  // triangle U that starts at the first tap.
  std::vector<double> matrix(size * size, 0.0);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      const auto a = static_cast<size_t>(out.order[size - 1 - i]);
      const auto c = static_cast<size_t>(out.order[size - 1 - j]);
      matrix[i * size + j] = i == j ? covariance(a, a) + damping : trust * covariance(a, c);
    }
  }
  if (!cholesky(matrix, size)) return {};
  const std::vector<double> inverse = inverse_transposed(matrix, size);
  out.upper.assign(size * size, 0.0);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = i; j < size; ++j) {
      out.upper[i * size + j] = inverse[(size - 1 - j) * size + (size - 1 - i)];
    }
  }
  return out;
}

void round_compensated(const InverseFactor& factor, std::span<const double> values, double unit,
                       std::span<int16_t> row) {
  const size_t size = values.size();
  std::vector<double> left(size);
  for (size_t i = 0; i < size; ++i) {
    left[i] = values[static_cast<size_t>(factor.order[i])] / unit;
  }
  for (size_t i = 0; i < size; ++i) {
    const double stored = std::clamp(std::rint(left[i]), -127.0, 127.0);
    row[static_cast<size_t>(factor.order[i])] = static_cast<int16_t>(stored);
    const double* u = factor.upper.data() + i * size;
    const double error = (left[i] - stored) / u[i];
    for (size_t j = i + 1; j < size; ++j) left[j] -= error * u[j];
  }
}

namespace {

std::vector<int16_t> compensate_step(const Graph& graph, const FormedStep& step,
                                     const TapMoments& moments, const StoredTensor& input,
                                     const StoredConvolution& conv) {
  const Node& node = graph.nodes[step.node];
  const Tensor& weight = graph.tensors[node.inputs[1]];
  const std::vector<float> real = weights_without(graph, step, conv.integers->identity);
  const auto taps = static_cast<size_t>(moments.taps);
  const auto group_channels = static_cast<size_t>(weight.shape[3]);
  const auto per_group = static_cast<size_t>(conv.integers->outputs_per_group);
  std::vector<int16_t> rounded(conv.weights.begin(), conv.weights.end());
  for (int64_t g = 0; g < moments.groups; ++g) {
    for (int64_t b = 0; b < moments.blocks(); ++b) {
      const InverseFactor factor = inverse_factor(moments, g, b);
      if (factor.upper.empty()) continue;
      const auto first = static_cast<size_t>(b * moments.block);
      std::vector<double> values(static_cast<size_t>(moments.block_size(b)));
      for (size_t o = static_cast<size_t>(g) * per_group;
           o < static_cast<size_t>(g + 1) * per_group; ++o) {
        for (size_t k = 0; k < values.size(); ++k) {
          const size_t c = static_cast<size_t>(g) * group_channels + (first + k) % group_channels;
          values[k] = real[o * taps + first + k] * input.scale[c];
        }
        round_compensated(factor, values, conv.unit(o),
                          std::span(rounded).subspan(o * taps + first, values.size()));
      }
    }
  }
  const bool bytes = input.type == ElementType::u8;
  for (size_t o = 0; o < conv.outputs(); ++o) {
    const auto row = std::span(rounded).subspan(o * taps, taps);
    const int64_t bias = fold_bias(row, conv.unit(o), conv.terms(o));
    if (fits_accumulator(row, bias, input.levels.hi, bytes)) continue;
    std::copy(conv.row(o).begin(), conv.row(o).end(), row.begin());
  }
  return rounded;
}

}  // namespace

Result<std::vector<std::vector<int16_t>>> compensate_weights(const PassInputs& in,
                                                             const Quantization& q) {
  const Sweep sweep = in.sweep_for("rounding weights");
  auto moments = collect_tap_moments(in, q.tensors, sweep);
  if (!moments) return moments.error();
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  std::vector<std::vector<int16_t>> out(steps.size());
  const auto work = [&](size_t s, size_t, size_t) -> Status {
    const FormedStep& step = steps[s];
    if (step.is<form::Convolution>() && !keeps_weights(step) && (*moments)[s].taps != 0) {
      out[s] = compensate_step(in.network.graph, step, (*moments)[s], q.tensors[step.inputs[0]],
                               q.convolution(s));
    }
    (*moments)[s] = {};
    return {};
  };
  const Status done = for_pictures(sweep, steps.size(), work, [](size_t, size_t) {});
  if (!done) return done.error();
  return out;
}

}  // namespace octavo
