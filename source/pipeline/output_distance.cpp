#include "pipeline/output_distance.h"

#include <algorithm>
#include <cmath>

namespace octavo {

Result<OutputDistance> measure_output(const Model& float_model, const Plan& plan, size_t count,
                                      const std::function<Result<NetworkInput>(size_t)>& load) {
  const auto integer = model_of(plan);
  if (!integer) return integer.error();
  auto real = make_classifier(float_model, 1), quantized = make_classifier(*integer, 1);
  if (!real) return real.error();
  if (!quantized) return quantized.error();

  const auto classes = static_cast<size_t>(float_model.outputs);
  std::vector<float> a(classes), b(classes);
  OutputDistance out;
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < count; ++i) {
    auto input = load(i);
    if (!input) return input.error();
    if (const Status done = classify(*real, *input, a); !done) return done.error();
    if (const Status done = classify(*quantized, *input, b); !done) return done.error();
    double sum = 0, squares = 0;
    for (size_t k = 0; k < classes; ++k) {
      const double x = a[k], y = b[k], d = std::fabs(y - x);
      aa += x * x;
      bb += y * y;
      ab += x * y;
      sum += d;
      squares += d * d;
      out.chebyshev = std::max(out.chebyshev, d);
    }
    out.l1 += sum / static_cast<double>(classes);
    out.l2 += std::sqrt(squares) / static_cast<double>(classes);
    ++out.inputs;
  }
  if (out.inputs == 0) return out;
  out.l1 /= static_cast<double>(out.inputs);
  out.l2 /= static_cast<double>(out.inputs);
  out.cosine = aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : aa == bb ? 1 : 0;
  return out;
}

}  // namespace octavo
