#include "quantize/compensate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "quantize/round_by_taps.h"

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

InverseFactor inverse_factor(std::span<const double> form) {
  InverseFactor out;
  const auto size = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(form.size()))));
  out.order.resize(size);
  std::iota(out.order.begin(), out.order.end(), 0);
  const auto variance = [&](int32_t tap) { return form[static_cast<size_t>(tap) * (size + 1)]; };
  std::stable_sort(out.order.begin(), out.order.end(),
                   [&](int32_t i, int32_t j) { return variance(i) > variance(j); });
  // Factored backwards: with P the reversal, P F P = L L^T gives F^-1 = U^T U for the upper
  // triangle U that starts at the first tap.
  std::vector<double> matrix(size * size, 0.0);
  for (size_t i = 0; i < size; ++i) {
    const double* row = form.data() + static_cast<size_t>(out.order[size - 1 - i]) * size;
    for (size_t j = 0; j <= i; ++j) {
      matrix[i * size + j] = row[static_cast<size_t>(out.order[size - 1 - j])];
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

Result<std::vector<std::vector<int16_t>>> compensate_weights(const PassInputs& in,
                                                             const Quantization& q) {
  return round_by_taps(in, q, &Quantization::compensated,
                       [](std::span<const double> form) -> RowRounder {
                         auto factor = inverse_factor(form);
                         if (factor.upper.empty()) return {};
                         return [factor = std::move(factor)](std::span<const double> values,
                                                             double unit, std::span<int16_t> row) {
                           round_compensated(factor, values, unit, row);
                         };
                       });
}

}  // namespace octavo
